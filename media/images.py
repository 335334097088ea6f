"""Photos: facts and upright thumbnails, by Pillow. Runs inside the fence only.

`main` is the child's entry: `images SOURCE ROLE=EDGE …` writes ROLE.jpg for each into its working
folder. Thumbnails carry no EXIF: place and serial number stay with the original.
"""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from media.facts import Facts, Problem, Rejected, rejected
from media.formats import PHOTOS

# JPEG is decoded at reduced size, so that 200 MP phones pass; others are decoded in full, and no
# camera writes PNG or WebP of this size.
MOST_PIXELS_JPEG, MOST_PIXELS = 220_000_000, 80_000_000
SHANGHAI = timezone(timedelta(hours=8))
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
MAKE, MODEL, MODIFIED, ORIENTATION = 0x010F, 0x0110, 0x0132, 0x0112
TAKEN, DIGITIZED, OFFSET_TAKEN, OFFSET_ANY, SERIAL = 0x9003, 0x9004, 0x9011, 0x9010, 0xA431

Image.MAX_IMAGE_PIXELS = MOST_PIXELS_JPEG // 2  # Pillow warns at this and raises at twice it


def main() -> None:
    source, *wanted = sys.argv[1:]
    for order in wanted:
        name, edge = order.split("=")
        with open_photo(Path(source)) as image:
            thumbnail(image, int(edge)).save(f"{name}.jpg", quality=82, progressive=True)


def open_photo(path: Path) -> Image.Image:
    """Opens as one of our formats only; nothing is decoded yet. HEIC by pillow-heif."""
    if path.open("rb").read(12)[4:8] == b"ftyp":
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False)
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # what a damaged card still holds is evidence too
    return Image.open(path, formats=_known())


def _known() -> list[str]:
    """Those of our formats whose plug-in is loaded; Pillow raises KeyError on the others."""
    Image.init()
    return [name for name in PHOTOS if name in Image.OPEN]


def thumbnail(image: Image.Image, edge: int) -> Image.Image:
    """Upright, RGB, at most `edge` pixels on its longer side, never enlarged."""
    image.draft("RGB", (edge, edge))
    small = ImageOps.exif_transpose(image)
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    if small.mode in {"RGBA", "LA", "P"}:
        flat = Image.new("RGB", small.size, "white")
        flat.paste(small, mask=small.convert("RGBA").getchannel("A"))
        return flat
    return small.convert("RGB")


def photo_facts(path: Path, size: int) -> Facts | Rejected:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = open_photo(path)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return rejected("too_many_pixels")
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as e:
            return rejected("unknown_format", str(e)[:80].replace(str(path), "…"))
    with image:
        pixels = image.width * image.height
        if pixels > (MOST_PIXELS_JPEG if image.format in {"JPEG", "MPO"} else MOST_PIXELS):
            return rejected("too_many_pixels", f"{image.width}×{image.height}")
        return _facts(image, path, size)


def _facts(image: Image.Image, path: Path, size: int) -> Facts | Rejected:
    problems: list[Problem] = []
    try:
        told = _exif(image)
    except Exception as e:  # EXIF is foreign bytes; Pillow raises whatever it trips over
        told = {}
        problems.append(
            Problem(
                "exif_unreadable", "照片信息（EXIF）损坏", f"EXIF can't be read: {type(e).__name__}"
            )
        )
    width, height, container = image.width, image.height, image.format or ""
    if not _decodes_whole(path, image.format):
        problems.append(Problem("truncated", "照片不完整", "the photo is cut off"))
    try:
        thumbnail(image, 64)
    except (OSError, ValueError, SyntaxError) as e:
        return rejected("undecodable", str(e)[:80])
    return Facts(
        kind="photo",
        container=container.lower(),
        size=size,
        width=width,
        height=height,
        problems=tuple(problems),
        **told,
    )


def _decodes_whole(path: Path, form: str | None) -> bool:
    """Tries without mercy for missing bytes, JPEG at an eighth of its size."""
    with Image.open(path, formats=_known()) as image:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        if form in {"JPEG", "MPO"}:
            image.draft("RGB", (image.width // 8, image.height // 8))
        try:
            image.load()
        except (OSError, SyntaxError, ValueError):
            return False
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
    return True


def _exif(image: Image.Image) -> dict[str, Any]:
    exif = image.getexif()
    inner, gps = exif.get_ifd(EXIF_IFD), exif.get_ifd(GPS_IFD)
    stamp = inner.get(TAKEN) or inner.get(DIGITIZED) or exif.get(MODIFIED)
    zone = _zone(inner.get(OFFSET_TAKEN) or inner.get(OFFSET_ANY))
    latitude, longitude = _degrees(gps, 2, "S", 90), _degrees(gps, 4, "W", 180)
    return {
        "exif_time": _moment(stamp, zone or SHANGHAI) if stamp else None,
        "exif_zone_known": zone is not None,
        "orientation": int(exif.get(ORIENTATION, 1)),
        "latitude": latitude if longitude is not None else None,
        "longitude": longitude if latitude is not None else None,
        "make": _words(exif.get(MAKE)),
        "model": _words(exif.get(MODEL)),
        "serial": _words(inner.get(SERIAL)),
    }


def _moment(stamp: object, zone: timezone) -> datetime | None:
    """`2026:03:02 14:15:03` in `zone`; cameras without a clock write zeros or blanks."""
    try:
        local = datetime.strptime(str(stamp).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return local.replace(tzinfo=zone).astimezone(UTC)


def _zone(text: object) -> timezone | None:
    try:
        parsed = datetime.strptime(str(text).strip("\x00 "), "%z").utcoffset()
    except ValueError:
        return None
    return timezone(parsed) if parsed is not None else None


def _degrees(gps: dict[int, Any], tag: int, negative: str, most: int) -> float | None:
    parts = gps.get(tag)
    if not parts or len(parts) != 3:
        return None
    try:
        value = sum(float(part) / scale for part, scale in zip(parts, (1, 60, 3600), strict=True))
    except ZeroDivisionError:
        return None
    if not 0 <= value <= most:  # also what isn't a number
        return None
    return -value if gps.get(tag - 1) == negative else value


def _words(value: object) -> str | None:
    text = "".join(c for c in str(value or "") if c.isprintable()).strip()
    return text[:80] or None
