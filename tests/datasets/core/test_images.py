"""JPEG and PNG files of every kind arrive as 8-bit pictures, or are said to be none."""

import numpy as np
import pytest
from PIL import Image

from bench.datasets.core.decode.images import picture
from bench.datasets.core.flags import Flag
from tests.helpers import media as copies
from tests.helpers.media import unusable


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_arrives_in_colour(tmp_path, mode):
    found = picture(copies.write_jpeg(tmp_path / "x.jpg", 613, mode=mode))
    assert found.pixels.shape == (60, 80, 3) and found.flags == 0
    assert copies.counter_of(found.pixels) == 613


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "I;16"])
def test_a_png_arrives_in_8_bits_and_exactly(tmp_path, mode):
    path = tmp_path / "x.png"
    if mode == "I;16":
        sixteen = copies.counter(613, (80, 60))[:, :, 0].astype(np.uint16) * 257
        Image.fromarray(sixteen).save(path)
    else:
        copies.write_png(path, 613, mode=mode)
    found = picture(path)
    np.testing.assert_array_equal(found.pixels, copies.counter(613, (80, 60)))
    assert found.flags == 0


@pytest.mark.filterwarnings("error")
def test_a_palette_with_a_transparent_colour_is_read(tmp_path):
    image = Image.fromarray(copies.counter(613, (80, 60))).quantize(2)
    image.save(tmp_path / "x.png", transparency=b"\0\xff")
    np.testing.assert_array_equal(picture(tmp_path / "x.png").pixels, copies.counter(613, (80, 60)))


def test_flow_is_read_in_grey(tmp_path):
    Image.new("L", (64, 48), 159).save(tmp_path / "x.jpg")
    found = picture(tmp_path / "x.jpg", grey=True, short_side=24)
    assert found.pixels.shape == (24, 32, 1) and (found.pixels == 159).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "BMP"])
def test_a_picture_of_another_type_is_read_and_flagged(tmp_path, kind):
    found = picture(copies.write_picture(tmp_path / "x.jpg", kind, 613))
    assert found.flags == Flag.WRONG_TYPE and copies.counter_of(found.pixels) == 613


def test_a_page_in_place_of_a_picture_cannot_be_used(tmp_path):
    (tmp_path / "x.jpg").write_text("<!DOCTYPE html><html>gone</html>")
    assert "<!DOCTYPE" in unusable(Flag.WRONG_TYPE, picture, tmp_path / "x.jpg")
    unusable(Flag.WRONG_TYPE, picture, copies.write_wav(tmp_path / "y.jpg", 0.1))


@pytest.mark.parametrize("write", [copies.write_jpeg, copies.write_png])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_cut_picture_cannot_be_used(tmp_path, write, share):
    path = copies.cut(write(tmp_path / "x", 613), share)
    unusable(Flag.UNDECODABLE, picture, path)


@pytest.mark.parametrize("write", [copies.write_jpeg, copies.write_png])
def test_a_cut_picture_is_read_as_far_as_it_goes_if_that_is_asked_for(tmp_path, write):
    whole = write(tmp_path / "x", 613, (400, 300))
    before = picture(whole).pixels
    found = picture(copies.cut(whole, 0.8), cut=True)
    assert found.flags == Flag.TRUNCATED and found.pixels.shape == (300, 400, 3)
    np.testing.assert_array_equal(found.pixels[:150], before[:150])
    assert found.pixels[-1].min() == found.pixels[-1].max()
    unusable(Flag.UNDECODABLE, picture, whole)


@pytest.mark.parametrize("write", [copies.write_jpeg, copies.write_png])
@pytest.mark.parametrize("share", [0.01, 0.4])
def test_less_than_half_a_picture_is_none(tmp_path, write, share):
    noise = np.random.default_rng(0).integers(30, 100, (300, 400, 3), dtype=np.uint8)
    path = write(tmp_path / "x", 613)
    Image.fromarray(noise).save(path, format=Image.open(path).format)
    unusable(Flag.UNDECODABLE, lambda: picture(copies.cut(path, share), cut=True))


@pytest.mark.parametrize("size", [(9, 100), (8001, 8001)])
def test_pictures_of_extreme_size_cannot_be_used(tmp_path, size):
    Image.new("1", size).save(tmp_path / "x.png")
    assert "pixels" in unusable(Flag.UNDECODABLE, picture, tmp_path / "x.png")


def test_a_narrow_picture_that_would_be_huge_when_resized_cannot_be_used(tmp_path):
    Image.new("1", (90000, 10)).save(tmp_path / "x.png")
    assert picture(tmp_path / "x.png").pixels.shape == (10, 90000, 3)
    unusable(Flag.UNDECODABLE, lambda: picture(tmp_path / "x.png", short_side=256))
