"""The right pictures of a video arrive, and what is wrong with a file is said."""

from contextlib import suppress

import av
import numpy as np
import pytest
from PIL import Image

from bench.datasets.core.decode.audio import sound, wav
from bench.datasets.core.decode.images import picture
from bench.datasets.core.decode.video import (
    frames_at,
    frozen,
    mismatch,
    nearest,
    silence,
    truncation,
)
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.errors import UserError
from tests.helpers import media as copies
from tests.helpers.media import unusable

VIDEOS = {"flv": copies.write_flv, "avi": copies.write_avi, "mp4": copies.write_mp4}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two seconds in each container, the flv in the size of CREMA-D; 800 Hz."""
    root = tmp_path_factory.mktemp("clips")
    copies.write_flv(root / "x.flv", 2.002, size=(480, 360), tone_hz=800)
    copies.write_avi(root / "x.avi", 2, size=(320, 240), tone_hz=800)
    copies.write_mp4(root / "x.mp4", 2, tone_hz=800)
    copies.write_mp4(root / "first.mp4", 2, tone_hz=800, index_first=True)
    return root


def shown(frames):
    return [copies.counter_of(picture) for picture in frames.pictures]


def test_pictures_of_an_flv_are_chosen_by_time_and_not_by_a_rounded_rate(clips):
    frames = frames_at(clips / "x.flv", (0, 1, 2))
    assert shown(frames) == [0, 30, 59] and frames.count == 60
    assert frames.times == pytest.approx((0, 1.001, 1.969), abs=1e-9)
    assert frames.pictures.shape == (3, 360, 480, 3) and frames.pictures.dtype == np.uint8
    assert frames.seconds == pytest.approx(2.002, abs=2e-3)
    assert frames.within == 3 and frames.flags == 0


@pytest.mark.parametrize("name", ["x.avi", "x.mp4", "first.mp4"])
def test_pictures_are_the_nearest_to_the_times_asked_for(clips, name):
    frames = frames_at(clips / name, (0, 0.5, 1, 1.03, 1.47))
    assert shown(frames) == [0, 12, 25, 26, 37] and frames.count == 50 and frames.flags == 0
    assert frames.seconds == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("fps", [10, 25, copies.NTSC, 30])
def test_every_picture_of_a_clip_can_be_reached(tmp_path, fps):
    path = copies.write_mp4(tmp_path / "x.mp4", 1, fps=fps, tone_hz=None)
    times = [float(i / fps) for i in range(round(fps))]
    assert shown(frames_at(path, times)) == list(range(round(fps)))


@pytest.mark.parametrize("container", ["flv", "mp4"])
@pytest.mark.parametrize("first", [False, True])
def test_pictures_that_a_decoder_holds_back_arrive(tmp_path, container, first):
    path, codecs = tmp_path / "x", ("libx264", "aac")
    more = {"preset": "medium", "sound_first": first, "tone_hz": 800}
    copies.write_video(path, container, codecs, 1, 25, (160, 120), **more)
    frames = frames_at(path, [i / 25 for i in range(25)])
    assert frames.count == 25 and shown(frames) == list(range(25)) and frames.flags == 0
    assert copies.tone_of(sound(path, 16000).samples, 16000) == 800


def test_times_beyond_the_end_repeat_the_last_picture_and_are_told(clips):
    frames = frames_at(clips / "x.mp4", (0, 1, 1.99, 2, 7))
    assert shown(frames) == [0, 25, 49, 49, 49]
    assert frames.within == 3 and frames.flags == Flag.SHORT


def test_the_earlier_of_two_as_near_is_taken_and_everything_is_gone_through():
    stamps = iter([(0.0, "a"), (1.0, "b"), (1.0, "c"), (3.0, "d")])
    assert nearest(stamps, [0, 0.5, 0.6, 2, 9]) == [
        (0.0, "a"),
        (0.0, "a"),
        (1.0, "b"),
        (1.0, "c"),
        (3.0, "d"),
    ]
    assert next(stamps, None) is None and nearest([], [0]) == []
    assert nearest([(0.0, "a"), (9.0, "b")], [0]) == [(0.0, "a")]


@pytest.mark.parametrize(
    "size, short, expected",
    [((480, 360), 256, (256, 341)), ((320, 240), 256, (256, 341)), ((120, 160), 60, (80, 60))],
)
def test_the_shorter_side_is_resized_and_the_longer_rounded_down(tmp_path, size, short, expected):
    path = copies.write_mp4(tmp_path / "x.mp4", 0.4, size=size, tone_hz=None)
    frames = frames_at(path, (0, 0.2), short)
    assert frames.pictures.shape == (2, *expected, 3) and shown(frames) == [0, 5]


def test_resizing_is_pillows_with_antialiasing(clips):
    whole = frames_at(clips / "x.flv", (1,)).pictures[0]
    small = frames_at(clips / "x.flv", (1,), 90).pictures[0]
    image = Image.fromarray(whole).resize((120, 90), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(small, np.asarray(image))


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_a_turned_video_is_upright(tmp_path, turned):
    def lying(index, size):
        return np.rot90(copies.counter(index, size[:: -1 if turned != 180 else 1]), -turned // 90)

    path = copies.write_mp4(tmp_path / "x.mp4", 0.4, paint=lying, turned=turned, tone_hz=None)
    frames = frames_at(path, (0, 0.2))
    assert shown(frames) == [0, 5]
    assert frames.pictures.shape[1:3] == ((120, 160) if turned == 180 else (160, 120))


def test_colours_arrive_as_red_green_and_blue(tmp_path):
    colour = (200, 40, 90)
    path = copies.write_mp4(
        tmp_path / "x.mp4",
        0.4,
        tone_hz=None,
        paint=lambda i, s: np.full((120, 160, 3), colour, "u1"),
    )
    found = frames_at(path, (0,)).pictures[0].mean(axis=(0, 1))
    np.testing.assert_allclose(found, colour, atol=8)


def test_sound_without_pictures_has_no_frames(tmp_path):
    path = copies.write_wav(tmp_path / "x.mp4", 0.4)
    assert copies.tone_of(sound(path, 16000).samples, 16000) == 500
    assert "no video" in unusable(Flag.UNDECODABLE, frames_at, path, (0,))


def test_a_still_clip_is_frozen(tmp_path):
    path = copies.write_flv(tmp_path / "x.flv", 1, paint=copies.still, tone_hz=None)
    assert frames_at(path, (0, 0.5)).flags == Flag.FROZEN
    assert frames_at(path, (0,)).flags == 0  # one picture tells nothing
    assert frames_at(path, (0, 5)).flags == Flag.SHORT  # the same picture twice neither


@pytest.mark.parametrize("name", ["x.flv", "x.avi", "first.mp4"])
def test_a_cut_video_is_flagged_as_long_as_half_of_it_is_left(clips, tmp_path, name):
    path = copies.cut(clips / name, 0.75, tmp_path / name)
    frames, heard = frames_at(path, (0, 1)), sound(path, 16000)
    assert frames.flags == Flag.TRUNCATED and shown(frames)[0] == 0
    assert heard.flags == Flag.TRUNCATED | Flag.CONVERTED
    assert 1 < frames.seconds < 1.9 and heard.seconds == pytest.approx(frames.seconds, abs=0.1)
    short = copies.cut(clips / name, 0.35, tmp_path / ("short" + name))
    unusable(Flag.TRUNCATED, frames_at, short, (0,))
    unusable(Flag.TRUNCATED, sound, short, 16000)


@pytest.mark.parametrize("name", ["x.flv", "x.avi", "first.mp4"])
@pytest.mark.parametrize("share", [0.61, 0.68, 0.76, 0.84])
def test_no_picture_of_a_cut_video_is_half_of_another(clips, tmp_path, name, share):
    path = copies.cut(clips / name, share, tmp_path / name)
    step = 1.001 / 30 if name == "x.flv" else 1 / 25
    frames = frames_at(path, [i * step for i in range(50)])
    assert shown(frames)[: frames.count] == list(range(frames.count)) and 25 < frames.count < 55


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.98, 0.999])
def test_an_mp4_whose_index_is_cut_cannot_be_decoded(clips, tmp_path, share):
    path = copies.cut(clips / "x.mp4", share, tmp_path / "x.mp4")
    unusable(Flag.UNDECODABLE, frames_at, path, (0,))
    unusable(Flag.UNDECODABLE, sound, path, 16000)


def test_a_coding_that_is_not_known_is_told(clips, tmp_path):
    raw = (clips / "x.avi").read_bytes()
    assert raw.count(b"FMP4") == 2
    (tmp_path / "x.avi").write_bytes(raw.replace(b"FMP4", b"ZZZZ"))
    assert "known" in unusable(Flag.UNDECODABLE, frames_at, tmp_path / "x.avi", (0,))
    assert copies.tone_of(sound(tmp_path / "x.avi", 16000).samples, 16000) == 800


@pytest.mark.parametrize("name", ["x.flv", "x.avi", "x.mp4"])
def test_damaged_bytes_are_told_and_nothing_else_happens(clips, tmp_path, name):
    whole, random = (clips / name).read_bytes(), np.random.default_rng(0)
    path, usable = tmp_path / name, 0
    for _ in range(15):
        raw = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(0, len(raw), 40)
        raw[places] = random.integers(0, 256, 40)
        path.write_bytes(raw[: random.integers(len(raw) // 3, len(raw) + 1)])
        for read in (READERS["frames_at"], READERS["sound"]):
            with suppress(Unusable):
                usable += read(path).seconds > 0
    assert name == "x.mp4" or usable


def test_damaged_packets_are_skipped_and_count_as_missing(clips, tmp_path):
    raw = bytearray((clips / "first.mp4").read_bytes())
    half = len(raw) // 2
    raw[half : half + len(raw) // 5] = np.random.default_rng(0).bytes(len(raw) // 5)
    path = tmp_path / "x.mp4"
    path.write_bytes(raw)
    frames = frames_at(path, (0, 1.9))
    assert frames.flags & Flag.TRUNCATED and frames.count < 50 and shown(frames)[0] == 0


READERS = {
    "frames_at": lambda path: frames_at(path, (0,)),
    "sound": lambda path: sound(path, 16000),
    "wav": lambda path: wav(path, 16000),
    "picture": picture,
}


@pytest.mark.parametrize("reader", READERS)
def test_files_that_are_none_are_told_apart(tmp_path, reader):
    read, path = READERS[reader], tmp_path / "x.mp4"
    unusable(Flag.MISSING, read, path)
    path.touch()
    unusable(Flag.EMPTY, read, path)
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    unusable(Flag.WRONG_TYPE if reader == "picture" else Flag.UNDECODABLE, read, path)
    with pytest.raises(UserError, match="git lfs pull"):
        read(copies.write_pointer(path))


HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nx.mp4\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "name, text", [("y.m3u8", HLS), ("y.mp4", "ffconcat version 1.0\nfile x.mp4\n")]
)
def test_a_playlist_does_not_make_the_decoder_read_another_file(tmp_path, name, text):
    copies.write_mp4(tmp_path / "x.mp4", 0.4)
    (tmp_path / name).write_text(text)
    unusable(Flag.UNDECODABLE, frames_at, tmp_path / name, (0,))
    with open(tmp_path / name, "rb") as file, av.open(file) as container:
        assert container.streams.video  # as an ordinary reader would


@pytest.mark.parametrize("name", ["-x.flv", "a b;$(touch y).flv", "concat:x|y.flv", "http:x.flv"])
def test_a_name_means_nothing_to_the_decoder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = copies.write_flv(tmp_path / "plain.flv", 0.3).rename(name)
    assert frames_at(path, (0,)).count == 9
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_lengths_within_the_tolerance_are_no_faults():
    assert truncation(0.96, 1) == 0 and truncation(1.2, 1) == 0 and truncation(1, 0) == 0
    assert truncation(0.94, 1) == Flag.TRUNCATED and truncation(0.94, 1, 0.08) == 0
    unusable(Flag.TRUNCATED, truncation, 0.49, 1)
    assert mismatch(2, 2.09) == mismatch(2.09, 2) == 0
    assert mismatch(2, 2.11) == mismatch(2.11, 2) == Flag.AV_MISMATCH


def test_silence_is_a_matter_of_the_root_mean_square():
    assert silence(np.zeros(0, np.int16)) == silence(np.full(9, 3, np.int16)) == Flag.SILENT
    assert silence(np.full(9, -4, np.int16)) == 0
    assert silence(np.full(9, 2e-4)) == 0 and silence(np.full(9, 5e-5)) == Flag.SILENT


def test_pictures_are_frozen_if_none_differs_from_the_first():
    pictures = np.full((3, 4, 4, 3), 100, np.uint8)
    assert frozen(pictures) == Flag.FROZEN and frozen(pictures[:1]) == frozen(pictures[:0]) == 0
    pictures[2] -= 1
    assert frozen(pictures) == 0
