"""What is opened at all. FFmpeg follows playlists, scripts and addresses; cameras write none."""

from __future__ import annotations

# FFmpeg's names of the demuxers for MP4/MOV/3GP, MKV/WebM, AVI, MPEG-TS and -PS, ASF, FLV, AMR,
# AAC, MP3, WAV, OGG/Opus, FLAC. hls, concat, dash, image2 and the rest are never chosen.
DEMUXERS = "mov,matroska,webm,avi,mpegts,mpeg,asf,flv,amr,amrnb,amrwb,aac,mp3,wav,w64,ogg,flac"
PROTOCOLS = "file,pipe"
PHOTOS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF")  # Pillow's names
