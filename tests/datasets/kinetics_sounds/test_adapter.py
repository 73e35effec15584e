"""Kinetics-Sounds from raw files to inputs: clips found by their names, most of them or not."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.core.adapters.by_name import media
from bench.datasets.core.decode.clip import RATE
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.progress import Meter
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.kinetics_sounds.adapter import KineticsSounds
from bench.datasets.kinetics_sounds.splits import CLASSES
from bench.errors import UserError
from tests.datasets.kinetics_sounds import tiny
from tests.helpers.media import counter_of, hertz, tone_of
from tests.helpers.short_run import short_run

CLIPS = {clip.id: clip for clip in tiny.CLIPS}
GONE = {"not_there_a", "not_there_b", "is_damaged_"}


def adapter(root, **settings):
    settings = KineticsSounds.complete(settings, root)
    return KineticsSounds(build(KineticsSounds.Config, settings, "kinetics_sounds"), root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "ks")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def nearest(clip, pictures, times):
    """Whether the pictures are those nearest to `times`, as far as the clip goes."""
    wanted = np.array([t for t in times if t < clip.seconds]) * clip.fps
    found = np.array([counter_of(p) for p in pictures])
    return len(found) == len(wanted) and (np.abs(found - wanted) <= 0.5 + 1e-6).all()


def test_every_clip_is_found_by_its_name_and_the_right_pictures_and_sounds_arrive(raw, cache):
    opened = adapter(raw)
    data, packed = opened.open(cache), opened.prepared(cache)
    waves, row = packed.inputs()["wave"], {n: i for i, n in enumerate(packed.ids)}
    assert {i for s in data.parts.values() for i in s.ids} == set(CLIPS) - GONE
    for split in data.parts.values():
        for place, name, label in zip(split.rows, split.ids, split.labels.tolist(), strict=True):
            clip, pictures = CLIPS[name], split.inputs["visual"][int(place)].numpy()
            assert nearest(clip, pictures, np.arange(0.5, 10))
            assert CLASSES[label] == clip.name
            if name != "without_snd":
                assert tone_of(waves[row[name]].numpy(), RATE) == hertz(label)


def test_pictures_are_stored_in_the_middle_of_equal_parts(raw, cache):
    opened = adapter(raw, stored="4", frames="2")
    assert opened.times() == (1.25, 3.75, 6.25, 8.75)
    split = opened.open(cache).parts["test"]
    for row, name in zip(split.rows, split.ids, strict=True):
        pictures = split.inputs["visual"][int(row)].numpy()
        assert nearest(CLIPS[name], pictures, opened.times())


def test_the_digests_are_those_of_the_clips_that_are_there(raw, cache):
    opened = adapter(raw)
    data = opened.open(cache)
    for part, split in data.parts.items():
        there = [c.id for c in tiny.CLIPS if c.part == part and c.id not in GONE]
        assert data.digests[part] == split_digest(there) == split_digest(split.ids)
    assert "test: 1 of 3 ids are not usable: MISSING 1." in data.problems
    listed = split_digest(c.id for c in tiny.CLIPS if c.part == "test")
    assert f"the list of test has 3 clips, with digest {listed}." in data.notes


def test_bad_media_are_flagged_or_left_out_and_told(raw, cache):
    opened = adapter(raw)
    packed = opened.prepared(cache)
    flags = dict(zip(packed.ids, packed.flags.tolist(), strict=True))
    assert flags["without_snd"] == Flag.SILENT
    assert flags["six_seconds"] == Flag.SHORT | Flag.CONVERTED
    assert flags["is_damaged_"] == Flag.UNDECODABLE
    assert {n for n, f in flags.items() if f & Flag.MISSING} == {"not_there_a", "not_there_b"}
    card = opened.check(cache)
    notes = [text for name, text in card.rows if name == "note"]
    assert "1 clips have several files (is_replaced)." in notes
    assert "1 clips are there that no list has (other_video)." in notes
    assert any("offer an archive of replacements" in n for n in notes)


def spectrogram(data, name):
    for split in data.parts.values():
        if name in split.ids:
            return split.inputs["audio"][int(split.rows[split.ids.index(name)])][0].float().numpy()
    raise KeyError(name)


def test_a_short_clips_sound_is_repeated_and_no_sound_is_silence(raw, cache):
    data = adapter(raw).open(cache)
    assert data.spec.modalities["audio"].shape == (1, 1024, 128)
    whole, short = (spectrogram(data, n) for n in ("-00nar1nEPc", "six_seconds"))
    tone = whole[:900].mean(axis=0).argmax()  # the mel band of their class
    assert (short[:990].argmax(axis=1) == tone).mean() > 0.98
    silent = spectrogram(data, "without_snd")
    np.testing.assert_allclose(silent[:998], -1.1124, atol=1e-3)
    np.testing.assert_allclose(silent[998:], 0.438, atol=1e-3)


def test_rolls_and_masks_go_along_the_axis_of_time(raw):
    view = adapter(raw, roll="0.1").describe().modalities["audio"].view
    assert view.axis == 1 and view.window == 0
    assert adapter(raw).describe().modalities["audio"].view is None


def test_validation_that_is_not_listed_is_asked_for_and_then_costs_what_is_new(tmp_path):
    root = tiny.make(tmp_path / "raw", annotation=False)
    meter = Meter(lambda line: None)
    opened = adapter(root, split="literature")
    first = opened.prepared(tmp_path / "cache", meter)
    assert (meter.made["samples"][0], len(first.ids)) == (9, 11)  # two have no file
    with pytest.raises(UserError, match="split 'clean' needs the list 'annotation'"):
        adapter(root).bundle(first)
    tiny.annotate(root)
    meter = Meter(lambda line: None)
    packed = adapter(root).prepared(tmp_path / "cache", meter)
    assert len(packed.ids) == 13
    assert meter.made["samples"][0] == 2 + 1  # what could not be read is tried again


def test_the_annotation_that_trains_on_the_test_list_is_refused(raw, tmp_path):
    root = tmp_path / "raw"
    root.mkdir()
    tiny.annotate(root, "KS.json", whole=False)
    for part in ("train", "test"):
        (root / f"my_{part}.txt").write_bytes((raw / f"my_{part}.txt").read_bytes())
    for split in ("literature", "clean"):
        with pytest.raises(UserError, match=r"KS.json has no testing clips.*KS_train_val.json"):
            adapter(root, split=split).open(tmp_path / "cache")


def test_a_list_that_is_needed_is_asked_for_by_name(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match=r"has no my_train.txt, nor has lists/"):
        adapter(tmp_path / "raw").open(tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stored": "2"}, r"frames=3 is more than the 2 pictures.*data.stored higher"),
        ({"stored": "3", "policy": "random"}, "data.policy would have no effect"),
        ({"audio": "fbank128-native"}, "'fbank128-native'"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


def test_folders_are_gone_through_once_whatever_leads_to_them(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("a/-x.mp4", "a/b/y.MKV", "a/b/y.txt", "z.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "a/b/back").symlink_to(tmp_path)
    (tmp_path / "a/also").symlink_to(tmp_path / "a/b")
    found = media(tmp_path, lambda stem: stem)
    assert found == {"-x": ["a/-x.mp4"], "y": ["a/also/y.MKV"], "z": ["z.mp4"]}


@pytest.mark.slow
def test_an_epoch_of_training(raw, cache, monkeypatch, tmp_path):
    result = short_run(monkeypatch, "kinetics_sounds", raw, cache, tmp_path, roll="0.1")
    assert result["split"]["counts"] == {"train": 6, "val": 2, "test": 2}
