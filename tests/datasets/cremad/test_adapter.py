"""CREMA-D from raw files to inputs: the right frames and sounds arrive, and faults are flagged."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.core.decode.clip import RATE
from bench.datasets.core.flags import Flag
from bench.datasets.cremad.adapter import CREMAD, known_flags
from bench.datasets.cremad.splits import CLASSES
from bench.errors import UserError
from tests.datasets.cremad import tiny
from tests.helpers import media as copies
from tests.helpers.copies import wav_bytes
from tests.helpers.media import counter_of, cut, hertz, still, tone_of, write_flv, write_pointer

FPS = 30000 / 1001


def adapter(root, **settings):
    return CREMAD(build(CREMAD.Config, CREMAD.complete(settings, root), "cremad"), root)


@pytest.fixture(scope="module", autouse=True)
def few_actors():
    with pytest.MonkeyPatch.context() as patch:
        tiny.few_names(patch)
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "cremad", size=(160, 120))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_frames_are_those_of_the_seconds_and_sounds_those_of_the_label(raw, cache):
    data = adapter(raw).open(cache)
    for split in data.parts.values():
        for row, name, label in zip(split.rows, split.ids, split.labels, strict=True):
            pictures = split.inputs["visual"][int(row)].numpy()
            count = tiny.frames_of(name)
            expected = [round(t * FPS) for t in range(6) if t < count / FPS]
            assert [counter_of(p) for p in pictures] == expected
            assert name.split("_")[2] == CLASSES[label]


def test_the_sound_tells_the_label_and_keeps_its_length(raw, cache):
    packed = adapter(raw).prepared(cache)
    rows = {name: i for i, name in enumerate(packed.ids)}
    wave = packed.inputs()["wave"]
    for name in tiny.stems():
        samples = wave[rows[name]].numpy()
        assert len(samples) == round(tiny.frames_of(name) * tiny.FRAME * RATE)
        assert tone_of(samples, RATE) == hertz(CLASSES.index(name.split("_")[2]))


@pytest.mark.parametrize(
    ("audio", "shape"), [("stft22k-3s", (1, 257, 188)), ("psd16k-3s", (1, 257, 299))]
)
def test_a_front_end_is_derived_from_the_stored_sound(raw, cache, audio, shape):
    data = adapter(raw, audio=audio).open(cache)
    split = data.parts["train"]
    found = split.inputs["audio"][split.rows].float().numpy()
    assert found.shape[1:] == shape == data.spec.modalities["audio"].shape
    rate, size = {"stft22k-3s": (22050, 512), "psd16k-3s": (16000, 512)}[audio]
    for spectrum, label in zip(found, split.labels.tolist(), strict=True):
        loudest = spectrum[0].mean(axis=1).argmax()
        assert abs(loudest * rate / size - hertz(label)) <= rate / size


def test_another_front_end_leaves_the_decoded_cache_alone(raw, cache):
    one, other = (adapter(raw, audio=name).open(cache) for name in ("stft22k-3s", "psd16k-3s"))
    assert one.hash != other.hash
    caches = [p for p in (cache / "cremad").iterdir() if not p.name.startswith(".")]
    assert len(caches) == 1


def test_splits_come_from_the_lists_kept_with_the_cache(raw, cache):
    clean = adapter(raw).open(cache)
    assert clean.split == "clean-actor5-0"
    assert {p: {i[:4] for i in s.ids} for p, s in clean.parts.items()} == {
        part: set(actors) for part, actors in tiny.ACTORS.items()
    }
    literature = adapter(raw, split="literature").open(cache)
    assert set(literature.parts) == {"train", "test"}
    assert set(literature.parts["train"].ids) == set(tiny.stems()[::2])
    assert adapter(raw, fold="1").open(cache).split == "clean-actor5-1"


def test_a_split_without_its_lists_is_refused_with_their_name(tmp_path):
    root = tiny.make(tmp_path / "raw", size=(64, 48))
    (root / "train.csv").unlink()
    with pytest.raises(UserError, match="split 'literature' needs the list 'train'"):
        adapter(root, split="literature").open(tmp_path / "cache")


def test_the_cache_serves_when_the_raw_files_are_gone(tmp_path):
    root = tiny.make(tmp_path / "raw", size=(64, 48))
    before = adapter(root, split="literature").open(tmp_path / "cache")
    root.rename(tmp_path / "elsewhere")
    after = adapter(root, split="literature").open(tmp_path / "cache")
    assert (after.hash, after.digests) == (before.hash, before.digests)


def left_out_of(packed):
    usable = dict(zip(packed.ids, packed.column("usable").tolist(), strict=True))
    return {n for n in tiny.stems() if not usable[n]}


def test_bad_media_are_flagged_or_left_out(tmp_path):
    root = tiny.make(tmp_path / "raw", size=(64, 48))
    video, audio = root / "VideoFlash", root / "AudioWAV"
    (video / "1001_DFA_NEU_XX.flv").unlink()
    (audio / "1001_DFA_HAP_XX.wav").write_bytes(b"")
    cut(video / "1010_DFA_NEU_XX.flv", 0.7)
    cut(audio / "1010_DFA_HAP_XX.wav", 0.3)
    seconds = tiny.frames_of("1010_TIE_NEU_XX") * tiny.FRAME
    write_flv(video / "1010_TIE_NEU_XX.flv", seconds, size=(64, 48), paint=still)
    quiet = np.zeros(round(seconds * RATE), "<i2").tobytes()
    whole = audio / "1010_TIE_HAP_XX.wav"
    whole.write_bytes(whole.read_bytes()[:44] + quiet)
    (audio / "1004_TIE_HAP_XX.wav").write_bytes((audio / "1004_DFA_HAP_XX.wav").read_bytes())
    (video / "unlisted.flv").write_bytes(b"FLV")
    loud = copies.tone(1.6, RATE, 700) / 6000
    floats = wav_bytes(loud.astype("<f4").view("<i2"), RATE, bits=32, coding=3)
    (audio / "1006_DFA_NEU_XX.wav").write_bytes(floats)
    opened = adapter(root)
    packed = opened.prepared(tmp_path / "cache")
    flags = dict(zip(packed.ids, packed.flags.tolist(), strict=True))
    assert flags["1001_DFA_NEU_XX"] & Flag.MISSING
    seconds = {n: tiny.frames_of(n) / FPS for n in tiny.stems()}
    short = {n for n in tiny.stems() if flags[n] & Flag.SHORT}
    assert {n for n in seconds if seconds[n] <= 2} - left_out_of(packed) <= short
    assert not {n for n in seconds if seconds[n] > 3} & short - {"1010_DFA_NEU_XX"}
    assert flags["1001_DFA_HAP_XX"] & Flag.EMPTY
    assert flags["1010_DFA_NEU_XX"] & Flag.TRUNCATED
    assert flags["1010_DFA_HAP_XX"] & Flag.TRUNCATED
    assert flags["1010_TIE_NEU_XX"] & Flag.FROZEN
    assert flags["1010_TIE_HAP_XX"] & Flag.SILENT
    assert flags["1004_TIE_HAP_XX"] & flags["1004_DFA_HAP_XX"] & Flag.DUP_MEDIA
    left_out = left_out_of(packed)
    assert left_out == {"1001_DFA_NEU_XX", "1001_DFA_HAP_XX", "1010_DFA_HAP_XX"}
    assert flags["1006_DFA_NEU_XX"] & Flag.OVERSCALE
    card = opened.check(tmp_path / "cache")
    assert card.problems[0] == (
        "1 recordings of floats go beyond full scale, and are cut off there (1006_DFA_NEU_XX)."
    )
    assert ("note", "VideoFlash has 1 files that are no clip (unlisted.flv).") in card.rows
    filtered = adapter(root, without="frozen,silent").open(tmp_path / "cache")
    assert filtered.split == "clean-actor5-0-without-silent+frozen"
    ids = {i for s in filtered.parts.values() for i in s.ids}
    assert ids == set(tiny.stems()) - left_out - {"1010_TIE_NEU_XX", "1010_TIE_HAP_XX"}


def test_pointers_of_git_lfs_stop_with_what_to_do(tmp_path):
    root = tiny.make(tmp_path / "raw", size=(64, 48))
    write_pointer(root / "VideoFlash/1001_DFA_NEU_XX.flv")
    with pytest.raises(UserError, match="git lfs pull"):
        adapter(root).open(tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"split": "literature", "fold": "1"}, "the split literature has no folds"),
        ({"fold": "5"}, "fold of the data set cremad is at most 4"),
        ({"policy": "dimml999", "frames": "2"}, "takes 3 frames, not 2"),
        ({"audio": "mfcc"}, "'mfcc'"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


def test_what_the_owners_say_of_clips_is_flagged():
    flags = known_flags()
    assert flags["1076_MTI_SAD_XX"] == Flag.SILENT | Flag.FROZEN
    assert flags["1064_IEO_DIS_MD"] == Flag.AV_MISMATCH
