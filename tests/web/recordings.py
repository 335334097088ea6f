"""Small real recordings: H.264/AAC by the packaged ffmpeg, a photo by Pillow."""

from __future__ import annotations

import hashlib
import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
from PIL import Image, ImageDraw

_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *_QUIET, *arguments], check=True)


def video(file: Path, seconds: int, *, tone: int = 330) -> bytes:
    """A running test picture, a keyframe every 5 s, the index in front as a player needs it."""
    _ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=size=480x270:rate=1:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=16000:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "5"),
        *("-c:a", "aac", "-b:a", "16k", "-movflags", "+faststart", "-shortest", str(file)),
    )
    return file.read_bytes()


def audio(file: Path, seconds: int) -> bytes:
    _ffmpeg(
        *("-f", "lavfi", "-i", f"sine=frequency=220:sample_rate=16000:duration={seconds}"),
        *("-c:a", "aac", "-b:a", "16k", "-movflags", "+faststart", str(file)),
    )
    return file.read_bytes()


def still(video_file: Path, at_s: float) -> bytes:
    target = video_file.with_suffix(".jpg")
    _ffmpeg("-ss", str(at_s), "-i", str(video_file), "-frames:v", "1", str(target))
    return target.read_bytes()


def photo(words: str) -> bytes:
    """A picture with `words` on it."""
    image = Image.new("RGB", (1280, 960), (196, 188, 170))
    draw = ImageDraw.Draw(image)
    draw.rectangle((240, 180, 1040, 780), fill=(150, 120, 84), outline=(70, 52, 30), width=8)
    draw.text((300, 440), words, fill=(20, 20, 20), font_size=64)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
