from __future__ import annotations

import contextlib
import io
import random
import struct
import types
import zlib
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from jupyter_mcp_ext.outputs import drawings, images
from jupyter_mcp_ext.outputs.images import UnreadableImage, fit, measure, rasterise


def encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_plot_that_fits_is_not_touched() -> None:
    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    file = io.BytesIO()
    figure.savefig(file)

    fitted = fit(file.getvalue())

    assert fitted.data == file.getvalue()
    assert (fitted.mime_type, fitted.width, fitted.height) == ("image/png", 640, 480)


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_each_format_is_known_by_its_content(kind: str, mime_type: str) -> None:
    data = encoded(Image.new("RGB", (3, 2)), kind)

    assert measure(data) == (3, 2, mime_type)
    assert fit(data).mime_type == mime_type


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_an_image_of_any_mode_is_scaled(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"

    fitted = fit(encoded(Image.new(mode, (300, 200)), kind), max_edge=30)

    assert (fitted.width, fitted.height) == (30, 20)
    assert opened(fitted.data).size == (30, 20)
    assert opened(fitted.data).mode in {"L", "RGB", "RGBA"}


def test_sixteen_bits_keep_their_brightness() -> None:
    fitted = fit(encoded(Image.new("I;16", (300, 200), 0x8000), "PNG"), max_edge=30)

    assert opened(fitted.data).convert("L").getpixel((5, 5)) in {127, 128}


def test_an_image_of_too_many_bytes_becomes_smaller() -> None:
    data = encoded(noise(900, 600), "PNG")
    assert len(data) > 1_000_000

    fitted = fit(data)

    assert len(fitted.data) <= 1_000_000
    assert opened(fitted.data).size == (fitted.width, fitted.height)
    assert (fitted.original_width, fitted.original_height) == (900, 600)


def test_a_very_small_limit_is_kept_too() -> None:
    assert len(fit(encoded(noise(400, 400), "PNG"), max_bytes=3_000).data) <= 3_000


def test_transparent_parts_become_white_where_the_format_has_none() -> None:
    image = noise(400, 400).convert("RGBA")
    image.putalpha(0)

    fitted = fit(encoded(image, "PNG"), max_bytes=5_000)

    assert opened(fitted.data).convert("RGB").getpixel((3, 3)) == (255, 255, 255)


def test_of_an_animation_the_first_frame_is_scaled() -> None:
    frames = [Image.new("RGB", (100, 50), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])

    fitted = fit(file.getvalue(), max_edge=50)

    assert opened(fitted.data).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_a_line_of_an_image_keeps_a_pixel_of_width() -> None:
    fitted = fit(encoded(Image.new("RGB", (5_000, 1)), "PNG"))

    assert (fitted.width, fitted.height) == (1568, 1)


@pytest.mark.parametrize("width", [8_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused(width: int) -> None:
    with pytest.raises(UnreadableImage, match="too large"):
        fit(bomb(width, width))


def test_a_broken_image_is_refused_however_it_is_broken() -> None:
    chance = random.Random(3)
    for kind in images.FORMATS:
        data = encoded(noise(40, 30), kind)
        for _ in range(150):
            broken = bytearray(data[: chance.randint(0, len(data))])
            for _ in range(chance.randint(0, 3)):
                if broken:
                    broken[chance.randrange(len(broken))] = chance.randrange(256)
            with contextlib.suppress(UnreadableImage):  # any other exception fails the test
                assert fit(bytes(broken), max_edge=20).width <= 20


def test_a_picture_cut_short_is_not_sent() -> None:
    data = encoded(noise(100, 100), "PNG")

    with pytest.raises(UnreadableImage, match="broken"):
        fit(data[: len(data) // 2])


def test_other_formats_are_refused() -> None:
    with pytest.raises(UnreadableImage):
        fit(encoded(Image.new("RGB", (3, 2)), "BMP"))


def test_without_a_renderer_a_drawing_is_not_rasterised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "renderer", lambda: None)

    assert rasterise("<svg width='10' height='10'/>") is None


def test_a_drawing_becomes_a_png() -> None:
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='10'>"
        "<rect width='20' height='10' fill='red'/></svg>"
    )

    png = rasterise(svg)

    assert png is not None
    assert measure(png) == (20, 10, "image/png")
    assert opened(png).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("size", ["1000000", "1e9", "90000in"])
def test_a_drawing_of_any_size_is_bounded(size: str) -> None:
    png = rasterise(f"<svg xmlns='http://www.w3.org/2000/svg' width='{size}' height='{size}'/>")

    assert png is not None
    assert measure(png)[:2] == (1568, 1568)


def test_a_file_that_a_drawing_names_is_not_in_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(Image.new("RGB", (20, 10), "red"), "PNG"))

    png = rasterise(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"
        f" width='20' height='10'><image xlink:href='{secret.as_uri()}' width='20' height='10'/>"
        "</svg>"
    )

    assert png is None or opened(png).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("svg", ["", "<svg", "no drawing", "<svg><use href='#a' id='a'/></svg>"])
def test_a_broken_drawing_is_none_or_an_image(svg: str) -> None:
    png = rasterise(svg)

    assert png is None or measure(png)


def test_nothing_outside_a_drawing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fetcher that the renderer gets returns only what the drawing itself holds."""
    given: dict[str, object] = {}

    def convert(**arguments: object) -> bytes:
        given.update(arguments)
        return b"png"

    surface = types.SimpleNamespace(PNGSurface=types.SimpleNamespace(convert=convert))
    monkeypatch.setattr(drawings, "renderer", lambda: types.SimpleNamespace(surface=surface))
    rasterise("<svg width='10' height='10'/>")

    fetch = given["url_fetcher"]
    assert callable(fetch)
    assert given["unsafe"] is False
    assert fetch("file:///etc/passwd", "image/*") == b""
    assert fetch("http://127.0.0.1:8888/api", "image/*") == b""
    assert fetch("data:image/svg+xml;base64,AAAA", "image/*") == b""
    assert fetch("data:image/png;base64,AAAA", "image/*") == b"\0\0\0"
