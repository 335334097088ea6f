"""Drawn places for generated recordings: nothing here was ever filmed. Pillow alone, no fonts of
the system."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

SIZE = (640, 360)
SCENES = ("storefront", "warehouse", "meeting", "kitchen")
Pen = ImageDraw.ImageDraw
Box = tuple[float, float, float, float]


def draw_scene(name: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """One of SCENES with an empty panel (`clock_panel`) for the clock on the wall."""
    picture = Image.new("RGB", SIZE)
    pen = ImageDraw.Draw(picture)
    _PAINTERS[name](pen)
    pen.rounded_rectangle(
        (476, 40, 624, 84), 6, fill=(24, 28, 34), outline=(180, 186, 194), width=3
    )
    return picture.resize(size, Image.Resampling.LANCZOS)


def draw_person(height: int, coat: str = "#1f4e79") -> Image.Image:
    """A walking inspector on a transparent ground."""
    person = Image.new("RGBA", (72, 180))
    pen = ImageDraw.Draw(person)
    pen.ellipse((10, 168, 62, 178), fill=(0, 0, 0, 70))
    pen.polygon([(28, 96), (36, 96), (30, 172), (18, 172)], fill="#22262b")
    pen.polygon([(36, 96), (46, 96), (56, 170), (44, 172)], fill="#2b3036")
    pen.rounded_rectangle((18, 42, 54, 108), 10, fill=coat)
    pen.rectangle((18, 66, 54, 74), fill="#d8c64a")
    pen.rounded_rectangle((40, 60, 66, 84), 4, fill="#e9e4d6")
    pen.ellipse((22, 6, 50, 40), fill="#e0b48f")
    pen.pieslice((18, 0, 54, 30), 180, 360, fill="#17324d")
    return person.resize((72 * height // 180, height), Image.Resampling.LANCZOS)


def label_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shade(pen: Pen, box: Box, top: tuple[int, int, int], low: tuple[int, int, int]) -> None:
    left, upper, right, lower = (int(v) for v in box)
    for y in range(upper, lower):
        part = (y - upper) / max(1, lower - upper)
        colour = tuple(round(a + (b - a) * part) for a, b in zip(top, low, strict=True))
        pen.line((left, y, right, y), fill=colour)


def _sign(pen: Pen, box: Box, text: str, ground: str, ink: str = "white") -> None:
    pen.rectangle(box, fill=ground)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    pen.text(middle, text, font=label_font(20), fill=ink, anchor="mm")


def _storefront(pen: Pen) -> None:
    _shade(pen, (0, 0, 640, 300), (146, 186, 216), (214, 228, 236))
    pen.rectangle((40, 60, 600, 300), fill="#b9a58a")
    for x in range(40, 600, 28):
        pen.line((x, 60, x, 300), fill="#ab9779")
    _sign(pen, (60, 74, 440, 116), "QINGCHENG BBQ", "#a3272b", "#ffe9b0")
    for x in (70, 190, 310):
        pen.rectangle((x, 140, x + 104, 262), fill="#5d7d8c", outline="#3c4a50", width=4)
        pen.polygon([(x + 8, 250), (x + 60, 146), (x + 84, 146), (x + 32, 250)], fill="#7796a3")
    pen.rectangle((450, 140, 556, 300), fill="#6b4a2f", outline="#402b19", width=4)
    pen.ellipse((536, 218, 546, 228), fill="#d8b45a")
    _shade(pen, (0, 300, 640, 360), (150, 148, 144), (112, 110, 108))


def _warehouse(pen: Pen) -> None:
    _shade(pen, (0, 0, 640, 250), (98, 108, 118), (160, 166, 172))
    _shade(pen, (0, 250, 640, 360), (122, 116, 106), (92, 88, 80))
    for shelf in (110, 170, 230):
        pen.rectangle((30, shelf, 450, shelf + 8), fill="#c7702c")
        for n, x in enumerate(range(38, 430, 50)):
            tall = 26 + (n * 37 + shelf) % 22
            tone = ("#b98d57", "#a87a45", "#c9a06c")[(n + shelf) % 3]
            pen.rectangle((x, shelf - tall, x + 40, shelf), fill=tone, outline="#7d5a30")
    for x in (30, 238, 442):
        pen.rectangle((x, 60, x + 8, 250), fill="#2f5d8a")
    _sign(pen, (476, 120, 624, 160), "STORE 3", "#2f5d8a")


def _meeting(pen: Pen) -> None:
    _shade(pen, (0, 0, 640, 230), (226, 222, 212), (206, 200, 188))
    _shade(pen, (0, 230, 640, 360), (138, 112, 88), (104, 82, 62))
    pen.rectangle((60, 40, 420, 160), fill="#f7f8f6", outline="#8f979c", width=4)
    _sign(pen, (80, 52, 400, 84), "HEARING ROOM", "#36536b")
    for y in (104, 122, 140):
        pen.line((90, y, 390 - y, y), fill="#9db0bd", width=3)
    pen.polygon([(90, 240), (550, 240), (620, 330), (20, 330)], fill="#7c5334")
    pen.polygon([(20, 330), (620, 330), (612, 348), (28, 348)], fill="#5d3d25")
    for x in (150, 290, 430):
        pen.polygon([(x, 262), (x + 64, 262), (x + 70, 290), (x - 6, 290)], fill="#f4f1e8")
        pen.rectangle((x + 76, 256, x + 92, 280), fill="#e3e8ea", outline="#a5adb1")


def _kitchen(pen: Pen) -> None:
    pen.rectangle((0, 0, 640, 300), fill="#dfe6e4")
    for x in range(0, 640, 32):
        pen.line((x, 0, x, 300), fill="#c9d3d0")
    for y in range(0, 300, 32):
        pen.line((0, y, 640, y), fill="#c9d3d0")
    pen.polygon([(60, 20), (320, 20), (370, 96), (20, 96)], fill="#a9b3b8", outline="#7e898f")
    _shade(pen, (20, 190, 560, 300), (172, 180, 186), (128, 136, 142))
    for x in (60, 170, 280):
        pen.ellipse((x, 172, x + 80, 200), fill="#3a3f44", outline="#14171a", width=3)
    pen.rectangle((400, 120, 450, 190), fill="#8a3d2c", outline="#5a2418")
    _sign(pen, (380, 210, 540, 244), "RAW / COOKED", "#2d6a4f")
    _shade(pen, (0, 300, 640, 360), (150, 122, 104), (118, 94, 80))


_PAINTERS: dict[str, Callable[[Pen], None]] = {
    "storefront": _storefront,
    "warehouse": _warehouse,
    "meeting": _meeting,
    "kitchen": _kitchen,
}
