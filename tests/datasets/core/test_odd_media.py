"""Media files as phones, cutters and the web make them: read rightly, or said to be odd."""

import struct
import zlib
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from bench.datasets.core.decode import clip
from bench.datasets.core.decode.audio import sound, wav
from bench.datasets.core.decode.images import picture
from bench.datasets.core.decode.video import frames_at
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from tests.helpers import media as copies
from tests.helpers.media import unusable

SIZE = (160, 120)
MILLISECOND = Fraction(1, 1000)
GROUP = 10  # pictures from one key frame to the next


def numbers(frames):
    return [copies.counter_of(p) for p in frames.pictures]


def write_at(path, container, codec, times):
    """Pictures at `times` in milliseconds, a key frame every GROUP."""
    with av.open(path, "w", format=container) as out:
        options = {"g": str(GROUP), "preset": "ultrafast", "sc_threshold": "0"}
        video = out.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        if container != "avi":  # which knows no other than its rate
            video.codec_context.time_base = MILLISECOND
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(copies.counter(index, SIZE), format="rgb24")
            frame.pts, frame.time_base = time, MILLISECOND
            if container == "avi":
                frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def copied(source, path, container, without=0, earlier=0.0):
    """Packets as they are: of the pictures the first `without` are gone, and all lie `earlier`, in
    seconds, for which an mp4 has an edit list."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(source) as old, av.open(path, "w", container, container_options=options) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video" and without:
                without -= 1
                continue
            shift = int(earlier / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    return path


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_pictures_of_a_variable_rate_are_chosen_by_their_time(tmp_path, container):
    times = [0, 40, 80, 500, 540, 1500, 1540, 2000, 2500]
    path = write_at(tmp_path / "x", container, "libx264", times)
    frames = frames_at(path, (0, 0.5, 1, 1.5, 2, 2.4))
    assert numbers(frames) == [0, 3, 4, 5, 7, 8] and frames.flags == 0
    assert frames.count == 9 and frames.seconds == pytest.approx(2.54)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("matroska", "libx264"), ("mpegts", "libx264"), ("avi", "mpeg4")],
)
def test_a_clip_begins_with_its_first_key_frame_and_is_truncated(tmp_path, container, codec):
    fifty = range(0, 2000, 40)
    whole = write_at(tmp_path / "whole", "avi" if codec == "mpeg4" else "mp4", codec, fifty)
    assert frames_at(whole, (0,)).flags == 0
    frames = frames_at(copied(whole, tmp_path / "cut", container, without=3), (0, 0.4, 1))
    assert numbers(frames) == [10, 20, 35] and frames.count == 40
    assert frames.flags == Flag.TRUNCATED


def test_a_clip_that_begins_late_is_no_cut_one(tmp_path):
    frames = frames_at(write_at(tmp_path / "x", "mp4", "libx264", range(3000, 5000, 40)), (0, 1))
    assert numbers(frames) == [0, 25] and frames.flags == 0


def test_an_edit_list_is_heeded_by_pictures_and_sound(tmp_path):
    whole = copies.write_mp4(tmp_path / "whole", 2, tone_hz=800, heard=(0, 1))
    path = copied(whole, tmp_path / "x", "mp4", earlier=0.4)
    assert b"elst" in path.read_bytes()
    frames, heard = frames_at(path, (0, 0.4, 1)), sound(path, 16000)
    assert numbers(frames) == [10, 20, 35] and frames.count == 40 and frames.flags == 0
    assert heard.seconds == pytest.approx(1.62, abs=0.01) and heard.flags == Flag.CONVERTED
    loud = np.flatnonzero(np.abs(heard.samples.astype(int)) > copies.LOUD / 4)
    assert loud[-1] / 16000 == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize("seconds", [0.5, 1.8, 2.2, 3])
def test_sound_of_another_length_than_the_pictures_is_told(tmp_path, seconds):
    path = copies.write_mp4(tmp_path / "x", 2, sound_seconds=seconds)
    sample = clip.read("x", {"video": path}, (0.0, 0.5, 1.0, 1.5, 2.5), enough=3)
    assert sample.flags == Flag.AV_MISMATCH | Flag.CONVERTED
    assert len(sample.arrays["visual"]) == 4
    assert len(sample.arrays["wave"]) / clip.RATE == pytest.approx(seconds, abs=0.03)


def with_cover(path, container, first, pictures=True):
    """Two seconds with a large picture of attached_pic, before the video or after the sound."""
    with av.open(path, "w", format=container) as out:
        cover = add_cover(out) if first else None
        units = []
        if pictures:
            video = copies.picture_track(out, "libx264", 25, SIZE, "ultrafast", 0)
            units.append(copies.pictures(video, 50, Fraction(25), SIZE, copies.counter))
        heard = out.add_stream("aac" if container == "mp4" else "libmp3lame", rate=44100)
        heard.layout = "mono"
        units.append(copies.sounds(heard, copies.tone(2, 44100, 800), 44100, 1, "mono"))
        cover = cover or add_cover(out)
        still = av.VideoFrame.from_ndarray(copies.counter(1023, (600, 600)), format="rgb24")
        still = still.reformat(format="yuvj420p")
        still.pts, still.time_base = 0, Fraction(1)
        out.mux(cover.encode(still))
        copies.interleave(out, units)
        out.mux(cover.encode(None))
    return path


def add_cover(out):
    cover = out.add_stream("mjpeg", rate=1)
    cover.width = cover.height = 600
    cover.pix_fmt, cover.disposition = "yuvj420p", Disposition.attached_pic
    return cover


@pytest.mark.parametrize("first", [False, True])
def test_a_cover_is_not_taken_for_the_video(tmp_path, first):
    path = with_cover(tmp_path / "x", "mp4", first)
    frames = frames_at(path, (0, 0.4, 1))
    assert numbers(frames) == [0, 10, 25] and frames.flags == 0
    assert copies.tone_of(sound(path, 16000).samples, 16000) == 800


@pytest.mark.parametrize("container", ["mp4", "mp3"])
def test_a_recording_with_a_cover_has_no_video(tmp_path, container):
    path = with_cover(tmp_path / "x", container, False, pictures=False)
    assert unusable(Flag.UNDECODABLE, frames_at, path, (0,)) == "no video but a cover in it"
    assert copies.tone_of(sound(path, 16000).samples, 16000) == 800


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_any_rate_and_number_of_channels_is_heard(tmp_path, rate, channels):
    video = copies.write_mp4(tmp_path / "x.mp4", 0.5, size=(64, 48), rate=rate, channels=channels)
    plain = copies.write_wav(tmp_path / "x.wav", 0.5, 500, rate, channels)
    for heard in (sound(video, 16000), wav(plain, 16000)):
        assert copies.tone_of(heard.samples, 16000) == 500 and heard.flags == Flag.CONVERTED
        assert heard.seconds == pytest.approx(0.5, abs=0.13)  # a frame of 1024 at 8 kHz


def sixteen_bits(colour, width):
    """A PNG of 16 bits a channel, which Pillow cannot write. colour: PNG's number for it."""
    pixels = copies.counter(613, (80, 60)).astype(np.uint16) * 257
    opaque = np.full_like(pixels[:, :, :1], 65535)
    pixels = np.concatenate([pixels[:, :, : width - (width + 1) % 2], opaque], axis=2)[..., :width]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", 80, 60, 16, colour, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved(kind, mode="RGB", **more):
    raw = BytesIO()
    Image.fromarray(copies.counter(613, (80, 60))).convert(mode).save(raw, format=kind, **more)
    return raw.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    return exif


OTHERS = [Image.fromarray(copies.counter(i, (80, 60))) for i in (5, 9)]
MOVING = {"save_all": True, "append_images": OTHERS, "duration": 100}
PICTURES = {
    "exif.jpg": (saved("JPEG", exif=turned()), 0),
    "exif.png": (saved("PNG", exif=turned()), 0),
    "cmyk.jpg": (saved("JPEG", "CMYK"), 0),
    "grey.jpg": (saved("JPEG", "L"), 0),
    "progressive.jpg": (saved("JPEG", progressive=True), 0),
    "several.jpg": (saved("MPO", **MOVING), 0),
    "palette.png": (saved("PNG", "P"), 0),
    "one bit.png": (saved("PNG", "1"), 0),
    "16 bits grey.png": (sixteen_bits(0, 1), 0),
    "16 bits grey and clear.png": (sixteen_bits(4, 2), 0),
    "16 bits.png": (sixteen_bits(2, 3), 0),
    "16 bits and clear.png": (sixteen_bits(6, 4), 0),
    "gif.jpg": (saved("GIF", **MOVING), Flag.WRONG_TYPE),
    "webp.jpg": (saved("WEBP", **MOVING), Flag.WRONG_TYPE),
    "moving png.jpg": (saved("PNG", **MOVING), Flag.WRONG_TYPE),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_any_kind_is_its_first_in_colour_and_not_turned(tmp_path, name):
    content, flags = PICTURES[name]
    (tmp_path / name).write_bytes(content)
    found = picture(tmp_path / name)
    assert found.pixels.shape == (60, 80, 3) and found.flags == flags
    assert copies.counter_of(found.pixels) == 613
    assert picture(tmp_path / name, grey=True).pixels.shape == (60, 80, 1)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000"])
def test_a_kind_that_is_not_read_is_told(tmp_path, kind):
    (tmp_path / "x.jpg").write_bytes(saved(kind))
    assert "no picture, it begins with" in unusable(Flag.WRONG_TYPE, picture, tmp_path / "x.jpg")


MEDIA = {
    **{f"x.{kind.lower()}": (saved(kind), picture) for kind in ("JPEG", "PNG", "GIF", "BMP")},
    "x.webp": (saved("WEBP"), picture),
    "x.mp4": (copies.write_mp4, lambda p: frames_at(p, (0,))),
    "x.flv": (copies.write_flv, lambda p: frames_at(p, (0,))),
    "x.avi": (copies.write_avi, lambda p: frames_at(p, (0,))),
    "x.wav": (copies.write_wav, lambda p: wav(p, 16000)),
}


@pytest.mark.parametrize("name", MEDIA)
def test_a_file_that_ends_too_early_has_a_reason_that_is_the_same_each_time(tmp_path, name):
    content, read = MEDIA[name]
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else content(path, 1)
    whole = path.read_bytes()
    for share in (0, 0.001, 0.02, 0.3):
        path.write_bytes(whole[: int(share * len(whole))])
        reasons = set()
        for _ in range(2):
            with pytest.raises(Unusable) as error:
                read(path)
            reasons.add((error.value.flags, str(error.value)))
        [(flags, reason)] = reasons
        assert reason and " object at " not in reason
        assert flags & (Flag.EMPTY | Flag.UNDECODABLE | Flag.TRUNCATED | Flag.WRONG_TYPE)
        assert share or flags == Flag.EMPTY


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_what_a_cut_gif_is_filled_with_is_no_picture(tmp_path, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(saved(kind)[:-200])
    unusable(Flag.UNDECODABLE, lambda: picture(path, cut=True))


@pytest.mark.parametrize("name", ["a b", "a\nb", "ü 日本", "-x", "%41", "a:b", "lat\udce9"])
def test_a_name_of_any_kind_is_read(tmp_path, name):
    video = copies.write_mp4(tmp_path / f"{name}.mp4", 0.2, size=(64, 48), tone_hz=None)
    assert frames_at(video, (0,)).count == 5
    jpeg = tmp_path / f"{name}.jpg"
    jpeg.write_bytes(PICTURES["grey.jpg"][0])
    assert picture(jpeg).flags == 0
