import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data.decode import Form, decode, decode_files, upright_size
from transferscope.errors import DataError


def reopened(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    """The image as a file gives it."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    stream.seek(0)
    return Image.open(stream)


def test_same_size_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image = reopened(Image.fromarray(pixels))
    assert np.array_equal(np.asarray(decode(image, Form(5, 7, exact=True))), pixels)


def area_mean(pixels: np.ndarray, factor: int) -> np.ndarray:
    h, w = pixels.shape[:2]
    return pixels.reshape(h // factor, factor, w // factor, factor, -1).mean((1, 3))


def test_resizing_is_antialiased():
    # Stripes a pixel wide: picking pixels would give black or white, averaging gives grey.
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = np.asarray(decode(reopened(Image.fromarray(stripes)), Form(16, 16, 1)))
    assert np.abs(small.astype(float) - 127.5).max() < 12


def test_resizing_of_smooth_pictures_is_the_mean_of_areas():
    y, x = np.mgrid[:96, :96]
    smooth = np.stack([x * 2, y * 2, x + y], -1).astype(np.uint8)
    small = np.asarray(decode(reopened(Image.fromarray(smooth)), Form(24, 24)))
    inner = (slice(2, -2), slice(2, -2))
    assert np.abs(small[inner].astype(float) - area_mean(smooth, 4)[inner]).max() <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_crop_keeps_the_middle_and_the_aspect_ratio(turned):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    image = Image.fromarray(wide.transpose(1, 0, 2) if turned else wide)
    assert np.asarray(decode(reopened(image), Form(10, 10))).min() == 255


def test_stretch_shows_all():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 15:] = 255
    small = np.asarray(decode(reopened(Image.fromarray(wide)), Form(10, 10, fit="stretch")))
    assert small[:, :4].max() == 0 and small[:, 6:].min() == 255


def test_jpeg_decoded_smaller_looks_the_same():
    y, x = np.mgrid[:512, :512]
    pixels = np.stack([x // 2, y // 2, (x + y) // 4], -1).astype(np.uint8)
    form = Form(32, 32)
    fast = np.asarray(decode(reopened(Image.fromarray(pixels), "JPEG", quality=95), form)).astype(float)
    assert np.abs(fast - area_mean(pixels, 16)).max() <= 4


def test_grey_and_colour():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    rgb = np.asarray(decode(reopened(Image.fromarray(grey)), Form(8, 8, 3)))
    assert np.array_equal(rgb, np.repeat(grey[..., None], 3, -1))
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    assert np.asarray(decode(reopened(red), Form(4, 4, 1))).tolist() == [[76] * 4] * 4  # 0.299·255


def test_sixteen_bits_keep_their_upper_byte():
    values = np.array([[0, 255, 256], [4095, 32768, 65535]], np.uint16)
    image = reopened(Image.fromarray(values))
    assert image.mode.startswith("I")
    assert np.asarray(decode(image, Form(2, 3, 1))).tolist() == [[0, 0, 1], [15, 128, 255]]


def test_transparency_is_laid_over_white():
    half = Image.new("RGBA", (1, 1), (0, 0, 0, 128))
    assert decode(reopened(half), Form(1, 1)).getpixel((0, 0)) == (127, 127, 127)
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    seen = decode(reopened(palette, transparency=0), Form(1, 2))
    assert [seen.getpixel((i, 0)) for i in (0, 1)] == [(255, 255, 255), (40, 50, 60)]


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "YCbCr", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_grey_or_rgb(mode, channels):
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    image = reopened(Image.new("RGB", (6, 6), (255, 255, 255)).convert(mode), kind)
    seen = decode(image, Form(3, 3, channels))
    assert seen.mode == ("RGB" if channels == 3 else "L")
    assert np.asarray(seen).min() >= 254


def test_exif_orientation_is_followed():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image = reopened(Image.fromarray(pixels), exif=exif)
    assert np.array_equal(np.asarray(decode(image, Form(3, 2, 1, exact=True))), np.rot90(pixels, -1))


def test_files_that_fail_are_told_with_the_reason(tmp_path: Path, write_image):
    good = write_image(tmp_path / "good.png")
    empty = tmp_path / "empty.png"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    whole = write_image(tmp_path / "whole.jpg", size=(64, 64)).read_bytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    cut_png = tmp_path / "cut.png"
    cut_png.write_bytes(good.read_bytes()[:-40])
    floats = tmp_path / "floats.tif"
    Image.fromarray(np.zeros((8, 8), np.float32)).save(floats)
    paths = [good, empty, text, cut, cut_png, floats, tmp_path / "gone.png", good]
    block = decode_files([str(p) for p in paths], Form(8, 8))
    reasons = {paths[f.position].name: f.reason for f in block.failures}
    assert reasons["empty.png"] == "empty file"
    assert reasons["text.jpg"] == "not an image"
    assert "truncated" in reasons["cut.jpg"]
    assert reasons["cut.png"]
    assert "floating-point" in reasons["floats.tif"]
    assert reasons["gone.png"] == "no such file"
    assert set(reasons) == {p.name for p in paths} - {"good.png"}
    with Image.open(good) as image:
        assert np.array_equal(block.images[0], np.asarray(image))
    assert np.array_equal(block.images[7], block.images[0])


def test_exact_reports_another_size(tmp_path: Path, write_image):
    paths = [str(write_image(tmp_path / "a.png")), str(write_image(tmp_path / "b.png", size=(9, 8)))]
    (failure,) = decode_files(paths, Form(8, 8, exact=True)).failures
    assert failure == (1, "9×8", "size")


def test_size_of_the_first_readable(tmp_path: Path, write_image):
    (tmp_path / "a.png").touch()
    paths = [tmp_path / "a.png", write_image(tmp_path / "b.png", size=(4, 6))]
    assert upright_size(lambda i: Image.open(paths[i]), 2) == (4, 6)
    with pytest.raises(DataError, match="none of the 1 images can be opened"):
        upright_size(lambda i: Image.open(paths[i]), 1)
