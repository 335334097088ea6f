"""Small real recordings, made on the spot: H.264/AAC videos with a running clock, photos with
EXIF and GPS, audio. For the demo and for tests; needs imageio-ffmpeg and Pillow, no system fonts.

Two clocks are in each video. The camera burns its own clock into the corner, which is wrong by
`clock_offset_s` (device − true: +97 means 97 s ahead), as the container's `creation_time` is; the
clock on the wall of the scene shows the true time. So a person sees what correction has to do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
from PIL import Image, ImageDraw, ImageFont
from PIL.TiffImagePlugin import IFDRational

from deploy.demo.scenes import draw_person, draw_scene, label_font

SHANGHAI = timezone(timedelta(hours=8), "CST")
Span = tuple[float, float]  # seconds from the beginning
# Two voices in turn, in syllables: 8 s, encoded once and looped without encoding again, because
# evaluating expressions and encoding AAC cost more than the whole picture does.
SPEECH = (
    "aevalsrc='0.28*(sin(2*PI*(140+60*gt(mod(t,8),4))*t)+0.5*sin(4*PI*(140+60*gt(mod(t,8),4))*t)"
    "+0.25*sin(2*PI*950*t))*max(0,sin(2*PI*3.1*t))*lt(mod(t,2),1.7)':s=16000:d=8"
)


def make_video(
    path: Path,
    begin: datetime,
    duration_s: float,
    *,
    label: str = "CAM-01",
    scene: str = "storefront",
    width: int = 640,
    height: int = 360,
    fps: int = 10,
    clock_offset_s: float = 0.0,
    hidden: Sequence[Span] = (),
    silent: Sequence[Span] = (),
    keyframe_s: float = 5.0,
    codec: str = "libx264",
    location: tuple[float, float] | None = None,
) -> Path:
    """A recording that truly began at `begin` (aware) and lasts `duration_s`.

    `hidden` spans are black (a covered lens) though the burned-in clock runs on, `silent` spans
    have no sound. The container follows the suffix of `path`. Raises CalledProcessError.
    """
    device_begin = begin + timedelta(seconds=clock_offset_s)
    with TemporaryDirectory() as folder:
        work = Path(folder)
        draw_scene(scene, (width, height)).save(work / "scene.png")
        draw_person(height * 9 // 20).save(work / "person.png")
        (work / "font.ttf").write_bytes(_font_file())
        (work / "burned.txt").write_text(f"{_safe(label)}  {_running(device_begin, '%Y-%m-%d ')}")
        (work / "wall.txt").write_text(_running(begin, ""))
        inputs = ["-framerate", str(fps), "-i", "scene.png", "-i", "person.png", *_talk(work)]
        graph = ["-filter_complex", _picture(width, height, hidden)]
        encode = ["-map", "[v]", "-map", "2:a", "-t", str(duration_s), *_gated(silent)]
        encode += ["-c:v", codec, "-preset", "ultrafast", "-crf", "35", "-pix_fmt", "yuv420p"]
        encode += ["-g", str(max(1, round(fps * keyframe_s)))]
        tags = _tags(device_begin, label, location)
        _ffmpeg(work, [*inputs, *graph, *encode, *tags, str(path.absolute())])
    return path


def make_audio(
    path: Path, begin: datetime, duration_s: float, *, clock_offset_s: float = 0.0
) -> Path:
    """Talk in AAC (`.m4a`) or whatever the suffix of `path` asks for."""
    tags = _tags(begin + timedelta(seconds=clock_offset_s), "REC-01", None)
    copied = ["-c:a", "copy"] if path.suffix in {".m4a", ".aac"} else []
    with TemporaryDirectory() as folder:
        source = [*_talk(Path(folder)), "-t", str(duration_s), *copied]
        _ffmpeg(Path(folder), [*source, *tags, str(path.absolute())])
    return path


def make_photo(
    path: Path,
    at: datetime,
    lat: float | None = None,
    lon: float | None = None,
    *,
    label: str = "CAM-01",
    scene: str = "storefront",
    size: tuple[int, int] = (1600, 900),
    clock_offset_s: float = 0.0,
    sideways: bool = False,
) -> Path:
    """A photo of `scene` with EXIF time, offset and GPS. `sideways` stores it turned, with the
    EXIF orientation that sets it right. Format by the suffix (`.jpg`, `.png`, `.webp`, `.heic`)."""
    shown = (at + timedelta(seconds=clock_offset_s)).astimezone(SHANGHAI)
    picture = draw_scene(scene, size)
    pen = ImageDraw.Draw(picture)
    text = f"{label}  {shown:%Y-%m-%d %H:%M:%S}"
    pen.text((24, size[1] - 60), text, font=label_font(40), fill="#ffd84a", stroke_width=2,
             stroke_fill="black")  # fmt: skip
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Quanji", label
    exif.get_ifd(0x8769).update(
        {0x9003: f"{shown:%Y:%m:%d %H:%M:%S}", 0x9011: "+08:00", 0xA431: f"SN-{label}"}
    )
    if sideways:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    if lat is not None and lon is not None:
        exif.get_ifd(0x8825).update(_gps(lat, lon))
    _save(picture, path, exif)
    return path


def _save(picture: Image.Image, path: Path, exif: Image.Exif) -> None:
    if path.suffix.lower() in {".heic", ".heif"}:
        from pillow_heif import register_heif_opener  # heavy, and wanted by one test

        register_heif_opener()
    picture.save(path, quality=82, exif=exif)


def _gps(lat: float, lon: float) -> dict[int, object]:
    return {
        1: "N" if lat >= 0 else "S",
        2: _degrees(abs(lat)),
        3: "E" if lon >= 0 else "W",
        4: _degrees(abs(lon)),
    }


def _degrees(value: float) -> tuple[IFDRational, ...]:
    minutes = value % 1 * 60
    parts = (int(value), int(minutes), round(minutes % 1 * 60 * 10_000))
    return IFDRational(parts[0]), IFDRational(parts[1]), IFDRational(parts[2], 10_000)


def _picture(width: int, height: int, hidden: Sequence[Span]) -> str:
    """Filter graph from the still scene to the moving picture with both clocks, as `[v]`."""
    big, small = height // 18, height // 16
    covered = "".join(
        f",drawbox=t=fill:color=black:enable='between(t,{a},{b - 0.001})'" for a, b in hidden
    )
    panel = f"x={width * 550 // 640}-tw/2:y={height * 62 // 360}-th/2"
    walk = f"x='(W-w)*(0.5+0.42*sin(t/7))':y='H-h-{height // 24}-4*abs(sin(t*3))'"
    return (
        "[0:v]loop=loop=-1:size=1,format=yuv420p[bg];"
        f"[bg][1:v]overlay={walk}:eof_action=repeat,"
        f"drawtext=fontfile=font.ttf:textfile=wall.txt:fontsize={big}:fontcolor=0x7CFC9A:{panel}"
        f"{covered},"
        f"drawtext=fontfile=font.ttf:textfile=burned.txt:fontsize={small}:fontcolor=0xFFD84A:"
        f"borderw=2:bordercolor=black:x={height // 30}:y={height // 40}[v]"
    )


def _running(begin: datetime, day: str) -> str:
    """drawtext's expansion of a clock that starts at `begin` and shows Shanghai time."""
    local = begin.timestamp() + 8 * 3600
    return rf"%{{pts:gmtime:{local:.3f}:{day}%H\:%M\:%S}}"


def _talk(work: Path) -> list[str]:
    """An endless input of talk, already AAC."""
    _ffmpeg(work, ["-f", "lavfi", "-i", SPEECH, "-b:a", "24k", "talk.m4a"])
    return ["-stream_loop", "-1", "-i", "talk.m4a"]


def _gated(silent: Sequence[Span]) -> list[str]:
    if not silent:
        return ["-c:a", "copy"]
    gates = (f"volume=0:enable='between(t,{a},{b})'" for a, b in silent)
    return ["-af", ",".join(gates), "-c:a", "aac", "-b:a", "24k"]


def _tags(begin: datetime, label: str, location: tuple[float, float] | None) -> list[str]:
    stamp = begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    tags = ["-metadata", f"creation_time={stamp}", "-metadata", f"title={label}"]
    if location:
        tags += ["-metadata", f"location={location[0]:+08.4f}{location[1]:+09.4f}/"]
    return tags


def _safe(label: str) -> str:
    return "".join(c for c in label if c.isalnum() or c in " -_.")


def _font_file() -> bytes:
    """The typeface that Pillow carries in itself, as a file for ffmpeg."""
    font = label_font(10)
    if not (isinstance(font, ImageFont.FreeTypeFont) and isinstance(font.path, BytesIO)):
        raise RuntimeError("Pillow was built without FreeType; install the wheel from PyPI")
    return font.path.getvalue()


def _ffmpeg(cwd: Path, arguments: list[str]) -> None:
    """Our own input, so outside the fence."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*command, *arguments], cwd=cwd, check=True, capture_output=True)
