"""From facts to ffmpeg commands: pure, commands are values, nothing runs here.

Nothing is decoded that need not be. In rising order of cost:

- `own_proxy`: browsers play the original as it is; only keyframes and sound are read, for the
  pictures and the quality checks. No copy is stored.
- `remux`: the streams are fine, their container isn't; they are copied into a fast-start MP4.
- `transcode`: one decode feeds the proxy and everything else.

Whatever the method, one ffmpeg process makes all outputs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import ffmpeg
import msgspec

from media.facts import Facts, Stream
from media.fence import python_command
from media.formats import DEMUXERS, PROTOCOLS

Method = Literal["own_proxy", "remux", "transcode", "photo"]

RAREST_KEYFRAME_S = 12.0  # beyond this, seeking waits for seconds of decoding
MOST_HEIGHT_AS_IS = 1440  # taller pictures stutter on office machines
PROXY_HEIGHT = 720
POSTER_WIDTH, THUMBNAIL_WIDTH, TILE_WIDTH = 1280, 320, 160
PHOTO_POSTER, PHOTO_THUMBNAIL = 1600, 320  # pixels on the longer side
TILE_COLUMNS, MOST_TILES, SHORTEST_WITH_TILES_S = 10, 100, 20.0
MOST_PEAKS = 6000
THREADS = 2
# Black: 98 % of the picture under 10 % of the range, which a burned-in clock still allows. Frozen:
# under 0.05 % mean change, which sensor noise alone exceeds, for 30 s. Silent: under −50 dB, which
# is below an empty room as body cameras hear it, for 15 s.
BLACK = {"d": 2, "pic_th": 0.96, "pix_th": 0.10}
FROZEN = {"n": 0.0005, "d": 30}
SILENT = {"n": "-50dB", "d": 15}

BROWSER_PIXELS = {"yuv420p", "yuvj420p"}
BROWSER_SOUND = {"aac", "mp3", "mp3float"}
BROWSER_AUDIO = {"mp3": "audio/mpeg", "mov": "audio/mp4", "wav": "audio/wav", "ogg": "audio/ogg"}
BROWSER_PHOTOS = {"jpeg", "mpo", "png", "webp", "avif"}


class Output(msgspec.Struct, frozen=True):
    """One rendition: its kind in the schema, its file name, its media type."""

    kind: str
    name: str
    media_type: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`argv` runs in an empty folder and leaves `outputs` there, with `peaks.txt` when there is
    sound. `proxy_type` is the original's media type when it is its own proxy. `tile_s` is the
    seconds that a sprite tile stands for."""

    method: Method
    argv: tuple[str, ...]
    outputs: tuple[Output, ...]
    proxy_type: str | None = None
    tile_s: float | None = None
    peaks_per_s: float | None = None
    exact: bool = True


POSTER = Output("poster", "poster.jpg", "image/jpeg")
THUMBNAIL = Output("thumbnail", "thumbnail.jpg", "image/jpeg")
SPRITE = Output("sprite", "sprite.jpg", "image/jpeg")
SPRITE_MAP = Output("sprite_map", "sprite.vtt", "text/vtt")
WAVEFORM = Output("waveform", "waveform.json", "application/json")
VIDEO_PROXY = Output("proxy", "proxy.mp4", "video/mp4")
AUDIO_PROXY = Output("proxy", "proxy.m4a", "audio/mp4")


def plan(facts: Facts, source: Path, tool: str, *, decode_all: bool = False) -> Plan:
    """`source` is the absolute local path, `tool` ffmpeg's. `decode_all` takes the dear way where
    a cheap one would do: for files on which the cheap one failed."""
    if facts.kind == "photo":
        return _photo(facts, source)
    if facts.kind == "audio":
        return _audio(facts, source, tool)
    return _video(facts, source, tool, "transcode" if decode_all else video_method(facts))


def video_method(facts: Facts) -> Method:
    """The cheapest way to something that browsers play and can seek in."""
    picture = facts.first("video")
    if picture is None or not _plays(picture) or _sparse(facts):
        return "transcode"
    sound = facts.first("audio")
    whole = not facts.fragmented and not facts.has_problem("truncated")
    heard = sound is None or sound.codec in BROWSER_SOUND
    return "own_proxy" if facts.container.startswith("mov") and whole and heard else "remux"


def _plays(picture: Stream) -> bool:
    deep = "10" in (picture.profile or "") or "4:" in (picture.profile or "")
    fits = (picture.height or 0) <= MOST_HEIGHT_AS_IS
    return picture.codec == "h264" and picture.pixel_format in BROWSER_PIXELS and fits and not deep


def _sparse(facts: Facts) -> bool:
    return (facts.longest_keyframe_s or 0.0) > RAREST_KEYFRAME_S


def _photo(facts: Facts, source: Path) -> Plan:
    sizes = (f"poster={PHOTO_POSTER}", f"thumbnail={PHOTO_THUMBNAIL}")
    shown = "jpeg" if facts.container == "mpo" else facts.container
    return Plan(
        method="photo",
        argv=tuple(python_command("media.images", str(source), *sizes)),
        outputs=(POSTER, THUMBNAIL),
        proxy_type=f"image/{shown}" if facts.container in BROWSER_PHOTOS else None,
    )


def _audio(facts: Facts, source: Path, tool: str) -> Plan:
    sound = facts.first("audio")
    family = facts.container.partition(",")[0]
    as_is = family in BROWSER_AUDIO and sound is not None and sound.codec != "alac"
    opened = _open(source)
    outputs = [_peaks(opened, facts)]
    if not as_is:
        encode = {"c:a": "aac", "b:a": "64k", "ac": 1, "movflags": "+faststart"}
        outputs.append(_write(opened["a:0"], AUDIO_PROXY.name, encode))
    return Plan(
        method="own_proxy" if as_is else "transcode",
        argv=_compile(outputs, tool),
        outputs=(WAVEFORM,) if as_is else (AUDIO_PROXY, WAVEFORM),
        proxy_type=BROWSER_AUDIO[family] if as_is else None,
        peaks_per_s=peaks_per_s(facts),
    )


def _video(facts: Facts, source: Path, tool: str, method: Method) -> Plan:
    # Of a picture that is copied, keyframes alone are decoded: 80 times cheaper.
    opened = _open(source) if method == "transcode" else _open(source, skip_frame="nokey")
    sound = facts.first("audio")
    tile_s = _tile_s(facts)
    branches = iter(_split(opened["v:0"], 2 + (method == "transcode") + (tile_s is not None)))
    written = [_check(next(branches)), *_stills(next(branches))]
    outputs = [POSTER, THUMBNAIL]
    if tile_s is not None:
        written.append(_tiles(next(branches), facts, tile_s))
        outputs += [SPRITE, SPRITE_MAP]
    if method == "transcode":
        written.append(_encoded(next(branches), opened, sound, facts))
    elif method == "remux":
        written.append(_copied(opened, sound))
    if method != "own_proxy":
        outputs.append(VIDEO_PROXY)
    if sound is not None:
        written.append(_peaks(opened, facts))
        outputs.append(WAVEFORM)
    return Plan(
        method=method,
        argv=_compile(written, tool),
        outputs=tuple(outputs),
        proxy_type="video/mp4" if method == "own_proxy" else None,
        tile_s=tile_s,
        peaks_per_s=peaks_per_s(facts) if sound else None,
        exact=method == "transcode",
    )


def peaks_per_s(facts: Facts) -> float:
    """At most ten a second, fewer for what is long: about a screen's pixels zoomed twice."""
    return min(10.0, max(0.1, MOST_PEAKS / max(facts.duration_s, 1.0)))


def _tile_s(facts: Facts) -> float | None:
    if facts.duration_s < SHORTEST_WITH_TILES_S:
        return None
    return max(5.0, math.ceil(facts.duration_s / MOST_TILES))


def _open(source: Path, **options: Any) -> Any:
    """Whitelists belong to the input: without the second, a playlist named .mp4 is followed."""
    return ffmpeg.input(
        str(source),
        protocol_whitelist=PROTOCOLS,
        format_whitelist=DEMUXERS,
        threads=THREADS,
        **options,
    )


def _split(stream: Any, count: int) -> list[Any]:
    shared = stream.filter_multi_output("split", count)
    return [shared[n] for n in range(count)]


def _write(stream: Any, name: str, options: dict[str, Any]) -> Any:
    streams = stream if isinstance(stream, list) else [stream]
    return ffmpeg.output(*streams, name, map_metadata=-1, **options)


def _check(picture: Any) -> Any:
    small = picture.filter("scale", 320, -2)
    seen = small.filter("blackdetect", **BLACK).filter("freezedetect", **FROZEN)
    return ffmpeg.output(seen, "-", f="null")


def _stills(picture: Any) -> list[Any]:
    """The most ordinary of the first frames, 2 s apart: never the black one a camera starts on."""
    spaced = picture.filter("select", "isnan(prev_selected_t)+gte(t-prev_selected_t,2)")
    large = spaced.filter("scale", f"min({POSTER_WIDTH},iw)", -2).filter("thumbnail", n=10)
    poster, small = _split(large, 2)
    one = {"frames:v": 1, "update": 1, "q:v": 4}
    thumbnail = small.filter("scale", THUMBNAIL_WIDTH, -2)
    return [_write(poster, POSTER.name, one), _write(thumbnail, THUMBNAIL.name, one)]


def _tiles(picture: Any, facts: Facts, tile_s: float) -> Any:
    rows = math.ceil(facts.duration_s / tile_s / TILE_COLUMNS)
    spaced = picture.filter("fps", fps=f"1/{tile_s:g}", start_time=0, round="up")
    sheet = spaced.filter("scale", TILE_WIDTH, -2).filter("tile", f"{TILE_COLUMNS}x{rows}")
    return _write(sheet, SPRITE.name, {"frames:v": 1, "update": 1, "q:v": 5})


def _peaks(opened: Any, facts: Facts) -> Any:
    """Silence, and the loudest sample of each stretch, printed to `peaks.txt`."""
    sound = facts.first("audio")
    rate = (sound.sample_rate if sound else None) or 8000
    heard = opened["a:0"].filter("silencedetect", **SILENT)
    cut = heard.filter("asetnsamples", n=max(1, round(rate / peaks_per_s(facts))), p=0)
    measured = cut.filter(
        "astats", metadata=1, reset=1, measure_perchannel="none", measure_overall="Peak_level"
    )
    printed = measured.filter(
        "ametadata", mode="print", key="lavfi.astats.Overall.Peak_level", file="peaks.txt"
    )
    return ffmpeg.output(printed, "-", f="null")


def _encoded(picture: Any, opened: Any, sound: Stream | None, facts: Facts) -> Any:
    # -2 keeps the aspect on even numbers; odd sizes don't encode to 4:2:0.
    height = min(PROXY_HEIGHT, (facts.height or PROXY_HEIGHT) // 2 * 2)
    shown = picture.filter("scale", -2, height).filter("format", "yuv420p")
    options = {
        "c:v": "libx264",
        "preset": "veryfast",
        "crf": 26,
        "threads": THREADS,
        "force_key_frames": "expr:gte(t,n_forced*2)",
        "movflags": "+faststart",
        **_sound_options(None),
    }
    return _write([shown, opened["a:0"]] if sound else shown, VIDEO_PROXY.name, options)


def _copied(opened: Any, sound: Stream | None) -> Any:
    options = {"c:v": "copy", "movflags": "+faststart", **_sound_options(sound)}
    streams = [opened["v:0"], opened["a:0"]] if sound else opened["v:0"]
    return _write(streams, VIDEO_PROXY.name, options)


def _sound_options(sound: Stream | None) -> dict[str, Any]:
    if sound is not None and sound.codec in BROWSER_SOUND:
        return {"c:a": "copy"}
    return {"c:a": "aac", "b:a": "96k", "ac": 2}


def _compile(outputs: list[Any], tool: str) -> tuple[str, ...]:
    """ffmpeg-python puts global options last, where ffmpeg ignores them: so they go with `cmd`."""
    first = [tool, "-nostdin", "-hide_banner", "-nostats", "-loglevel", "info", "-y"]
    first += ["-filter_complex_threads", str(THREADS)]
    return tuple(ffmpeg.merge_outputs(*outputs).compile(cmd=first))
