"""VGGSound from raw files to inputs: windows of five seconds, both namings, shared sources."""

from collections import Counter

import numpy as np
import pytest
import torch

from bench.config.settings import build
from bench.datasets.core.decode.audio import floats
from bench.datasets.core.decode.clip import RATE
from bench.datasets.core.decode.spectrograms import FRONTENDS
from bench.datasets.core.flags import Flag
from bench.datasets.vggsound.adapter import VGGSound
from bench.errors import UserError
from bench.loading.loaders import Source
from tests.datasets.vggsound import tiny
from tests.helpers.media import counter_of, hertz, tone_of
from tests.helpers.short_run import short_run
from tests.helpers.training import CPU

CLIPS = {clip.id: clip for clip in tiny.CLIPS}
GONE = {"gone_video__000005", "gone_video2_000005"}


def adapter(root, **settings):
    return VGGSound(build(VGGSound.Config, VGGSound.complete(settings, root), "vggsound"), root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "vggsound")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def inputs(data, part, index=None, train=False, epoch=0):
    """What an encoder is given of the sounds of a part, [N, F, T]."""
    source = Source(data.parts[part], data.spec, CPU, train, seed=3)
    source.streams = {"audio": source.streams["audio"]}  # pictures play no part
    index = torch.arange(len(data.parts[part])) if index is None else torch.tensor(index)
    return source.batch(index, source.everything(index), epoch).inputs["audio"][:, 0].numpy()


def test_the_right_pictures_and_sounds_arrive_under_both_namings(raw, cache):
    opened = adapter(raw, split="literature")
    data, packed = opened.open(cache), opened.prepared(cache)
    waves, row = packed.inputs()["wave"], {n: i for i, n in enumerate(packed.ids)}
    assert {i for s in data.parts.values() for i in s.ids} == set(CLIPS) - GONE
    for split in data.parts.values():
        for place, name, label in zip(split.rows, split.ids, split.labels.tolist(), strict=True):
            clip, pictures = CLIPS[name], split.inputs["visual"][int(place)].numpy()
            times = [t for t in (5 / 3, 5, 25 / 3) if t < clip.seconds]
            assert label == clip.label and len(pictures) == len(times)
            if name != "ocean_still_000007":
                found = np.array([counter_of(p) for p in pictures])
                assert (np.abs(found - np.array(times) * clip.fps) <= 0.5 + 1e-6).all()
            if name != "ocean_mute__000007":
                assert tone_of(waves[row[name]].numpy(), RATE) == hertz(label)


def test_evaluation_hears_the_five_seconds_in_the_middle(raw, cache):
    data, opened = adapter(raw).open(cache), adapter(raw)
    packed = opened.prepared(cache)
    front, waves = FRONTENDS["stft16k-5s"], packed.inputs()["wave"]
    assert data.spec.modalities["audio"].shape == (1, 129, 626)
    found = inputs(data, "test")
    for x, name in zip(found, data.parts["test"].ids, strict=True):
        wave = floats(waves[packed.ids.index(name)].numpy())
        np.testing.assert_allclose(x[:, 1:-1], front(wave)[:, 1:-1], atol=0.02)
    row = round(hertz(tiny.BIRD) * 256 / RATE)
    heard = found[data.parts["test"].ids.index("glLQrEijrKg_000300")][row]  # in the middle alone
    assert (heard[2:-2] > 0).all()
    fixed = inputs(adapter(raw, window="centre").open(cache), "test")
    np.testing.assert_allclose(fixed[:, :, 1:-1], found[:, :, 1:-1], atol=0.02)


def test_training_hears_five_seconds_from_a_place_of_the_seed_the_epoch_and_the_sample(raw, cache):
    data = adapter(raw).open(cache)
    split = data.parts["train"]
    stored = split.inputs["audio"][split.rows][:, 0].float().numpy()
    whole = inputs(data, "train", train=True)
    places = [
        {start for start in range(625) if np.array_equal(x, of[:, start : start + 626])}
        for x, of in zip(whole, stored, strict=True)
    ]
    assert all(places) and len({min(p) for p in places}) > 8
    for i in range(len(split)):
        assert np.array_equal(inputs(data, "train", [i], train=True)[0], whole[i])
    assert not np.array_equal(inputs(data, "train", train=True, epoch=1), whole)
    fixed = adapter(raw, window="centre").open(cache)
    assert np.array_equal(inputs(fixed, "train", train=True), inputs(fixed, "train"))
    assert fixed.hash != data.hash


def test_a_short_clip_is_doubled_until_a_window_fits(raw, cache):
    data = adapter(raw, split="literature").open(cache)
    split = data.parts["train"]
    spectrum = split.inputs["audio"][int(split.rows[split.ids.index("zebra_short_000001")])][0]
    row = round(hertz(tiny.ZEBRA) * 256 / RATE)
    assert (spectrum[row, 2:-2] > 0).float().mean() > 0.98


def test_clean_drops_sources_of_the_test_list_and_says_how_many(raw, cache):
    opened = adapter(raw)
    data = opened.open(cache)
    assert data.split == "clean" and len(data.parts["val"]) == 1
    told = "train leaves out 1 clips (in_two_part_000010) of 1 sources that test has."
    assert told in data.notes
    both = adapter(raw, split="literature").open(cache)
    assert "in_two_part_000010" in both.parts["train"].ids
    assert any(n.startswith("train and test share 1 groups (in_two_part)") for n in both.notes)


def test_bad_media_are_flagged_and_counted(raw, cache):
    opened = adapter(raw)
    packed = opened.prepared(cache)
    found = dict(zip(packed.ids, packed.flags.tolist(), strict=True))
    flags = {n: Flag(f) & ~Flag.CONVERTED for n, f in found.items()}
    assert flags.pop("ocean_mute__000007") == Flag.SILENT
    assert flags.pop("ocean_still_000007") == Flag.FROZEN
    assert flags.pop("zebra_short_000001") == Flag.SHORT
    assert {n for n, f in flags.items() if f == Flag.MISSING} == GONE
    assert Counter(flags.values()) == {Flag(0): 16, Flag.MISSING: 2}
    card = opened.check(cache)
    notes = [text for name, text in card.rows if name == "note"]
    assert any("vggsound.csv has 1 clips (only_in_all_000004) that neither" in n for n in notes)
    assert "test: 1 of 5 ids are not usable: MISSING 1." in card.problems
    assert any(n.startswith("the list of test has 5 clips, with digest ") for n in notes)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"audio": "fbank128", "window": "centre"}, "window would have no effect: fbank128 hears"),
        ({"policy": "random"}, r"all 3 pictures .* or data.stored higher"),
        ({"frames": "4"}, r"frames=4 is more than the 3 pictures"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


def test_other_front_ends_hear_the_whole_clip(raw):
    heard = adapter(raw, audio="fbank128").describe().modalities["audio"]
    assert heard.shape == (1, 1024, 128) and heard.view is None


def test_a_list_that_is_needed_is_asked_for_by_name(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match=r"has no stat.csv, nor has lists/"):
        adapter(tmp_path / "raw").open(tmp_path / "cache")


@pytest.mark.slow
def test_an_epoch_of_training(raw, cache, monkeypatch, tmp_path):
    result = short_run(monkeypatch, "vggsound", raw, cache, tmp_path, time_mask="0.1")
    assert result["split"]["counts"] == {"train": 13, "val": 1, "test": 4}
