"""AVE from raw files to inputs: the event alone is seen and heard, and faults are flagged."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.ave.adapter import AVE
from bench.datasets.ave.splits import CLASSES, ZERO_LENGTH
from bench.datasets.core.decode.clip import RATE
from bench.datasets.core.flags import Flag
from bench.errors import UserError
from tests.datasets.ave import tiny
from tests.helpers.media import counter_of, hertz, tone_of
from tests.helpers.short_run import short_run

CLIPS = {clip.id: clip for clip in tiny.CLIPS}
GONE = {"its_tail_is", "not_at_all_", "four_second"}


def adapter(root, **settings):
    return AVE(build(AVE.Config, AVE.complete(settings, root), "ave"), root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "ave", size=(80, 60))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def samples(data, modality):
    """Id, label and what is stored of the modality, of all parts."""
    for split in data.parts.values():
        for row, name, label in zip(split.rows, split.ids, split.labels.tolist(), strict=True):
            yield name, label, split.inputs[modality][int(row)].numpy()


def shown(clip, seconds):
    """Numbers of the pictures nearest to the middle of each second, the earlier of two as near."""
    return [int(np.ceil((s + 0.5) * clip.fps - 0.5)) for s in seconds if s < clip.seconds]


def test_the_pictures_are_those_of_the_seconds_of_the_event(raw, cache):
    found = {name: x for name, _, x in samples(adapter(raw).open(cache), "visual")}
    assert len(found) == 11 and not set(found) & GONE
    for name, pictures in found.items():
        clip = CLIPS[name]
        assert [counter_of(p) for p in pictures] == shown(clip, range(clip.start, clip.end))
    assert found["RUhOCu3LNXM"].shape[1:] == (341, 256, 3)


def test_a_whole_clip_has_a_picture_of_each_second(raw, cache):
    for name, _, pictures in samples(adapter(raw, segment="whole").open(cache), "visual"):
        assert [counter_of(p) for p in pictures] == shown(CLIPS[name], range(10))


def loud(spectrum, label):
    """Share of a spectrogram's columns in which the tone of the label stands out."""
    row = round(hertz(label) * 512 / RATE)
    return (spectrum[0, row] > spectrum[0].mean() + 1).mean()


def test_the_event_alone_is_heard_and_repeated_for_ten_seconds(raw, cache):
    data = adapter(raw).open(cache)
    assert data.spec.modalities["audio"].shape == (1, 257, 1004)
    heard = {name: loud(x.astype(float), label) for name, label, x in samples(data, "audio")}
    assert all(share > 0.97 for name, share in heard.items() if name != "no_sound_at")
    whole = samples(adapter(raw, segment="whole").open(cache), "audio")
    heard = {name: loud(x.astype(float), label) for name, label, x in whole}
    for name in ("_9O4XZOge4x", "RUhOCu3LNXM", "validation2", "-test_clip2"):
        clip = CLIPS[name]
        assert heard[name] == pytest.approx((clip.end - clip.start) / 10, abs=0.02)


def test_the_stored_sound_is_the_whole_clips_and_tells_the_label(raw, cache):
    packed = adapter(raw).prepared(cache)
    waves = packed.inputs()["wave"]
    for i, name in enumerate(packed.ids):
        clip = CLIPS[name]
        if clip.faulty not in ("", "short") or clip.end == 0:
            continue
        wave = waves[i].numpy()
        assert abs(len(wave) - clip.seconds * RATE) < 0.05 * RATE
        if clip.start < clip.seconds:
            inside = wave[clip.start * RATE : clip.end * RATE]
            assert tone_of(inside, RATE) == hertz(CLASSES.index(clip.label))


def test_both_segments_and_all_splits_share_what_was_decoded(raw, cache):
    made = [adapter(raw, **s) for s in ({}, {"segment": "whole"}, {"split": "literature"})]
    hashes = [a.open(cache).hash for a in made]
    assert len({a.prepared(cache).path for a in made}) == 1 and len(set(hashes)) == 3


def labels(data, part):
    return list(zip(data.parts[part].ids, data.parts[part].labels.tolist(), strict=True))


def test_a_clip_has_the_label_of_its_part(raw, cache):
    data = adapter(raw, split="literature").open(cache)
    bark, speech, violin = map(CLASSES.index, (tiny.BARK, tiny.SPEECH, tiny.VIOLIN))
    assert dict(labels(data, "train"))["train__test"] == bark
    assert dict(labels(data, "test"))["train__test"] == speech
    assert dict(labels(data, "train"))["several_two"] == violin
    last = adapter(raw, split="literature", keep="last").open(cache)
    assert dict(labels(last, "train"))["several_two"] == speech
    assert last.hash != data.hash and last.digests == data.digests


def test_each_row_is_a_sample_where_the_split_says_so(raw, cache):
    data = adapter(raw, split="literature-rows").open(cache)
    rows = [label for name, label in labels(data, "train") if name == "several_two"]
    assert sorted(rows) == sorted(map(CLASSES.index, (tiny.VIOLIN, tiny.SPEECH)))
    assert len(data.parts["train"]) == 8 and len(data.parts["train"].rows.unique()) == 7


def test_clean_keeps_clips_and_answers_apart(raw, cache):
    opened = adapter(raw)
    data = opened.open(cache)
    assert "train__test" not in data.parts["train"].ids and data.split == "clean"
    assert not data.overlaps
    assert any("leaves out 1 ids (train__test)" in note for note in data.notes)
    faulty = adapter(raw, split="literature").open(cache)
    assert "train and test share 1 ids (train__test)." in faulty.notes
    unambiguous = adapter(raw, split="clean-unambiguous").open(cache)
    kept = {i for split in unambiguous.parts.values() for i in split.ids}
    assert kept == set(CLIPS) - GONE - {"several_two", "train__test", ZERO_LENGTH}


@pytest.mark.parametrize("split", ["literature", "literature-rows", "clean"])
def test_the_clip_without_length_is_kept_and_in_no_part(raw, cache, split):
    opened = adapter(raw, split=split)
    data = opened.open(cache)
    packed = opened.prepared(cache)
    assert packed.column("usable")[packed.ids.index(ZERO_LENGTH)]
    assert ZERO_LENGTH not in {i for s in data.parts.values() for i in s.ids}
    assert not any(ZERO_LENGTH in problem for problem in data.problems)


def test_bad_media_are_flagged_or_left_out_and_told(raw, cache):
    opened = adapter(raw)
    packed = opened.prepared(cache)
    flags = dict(zip(packed.ids, opened.flags(packed).tolist(), strict=True))
    assert flags["no_sound_at"] & Flag.SILENT
    both = flags["four_second"] & flags["five_second"]
    assert both & Flag.TRUNCATED and both & Flag.SHORT
    assert flags["its_tail_is"] & Flag.UNDECODABLE and flags["not_at_all_"] & Flag.MISSING
    assert all(flags[n] == Flag.CONVERTED for n in ("-1_cCGK4Mxx", "_9O4XZOge4x", "-test_clip1"))
    assert set(opened.excluded(packed)) == GONE
    card = opened.check(cache)
    assert ("excluded", "four_second: nothing is left of its event, 6 to 10 s") in card.rows
    assert ("note", "AVE has 1 files that no list has (not_listed_.mp4).") in card.rows
    assert dict(card.rows)["flag TRUNCATED"] == "2 (five_second, four_second)"
    assert any(p.startswith("train: 3 of 9 ids are not usable: ") for p in card.problems)
    assert adapter(raw, without="truncated").open(cache).split == "clean-without-truncated"


def test_what_is_left_of_an_event_is_taken(raw, cache):
    found = {name: x for name, _, x in samples(adapter(raw).open(cache), "visual")}
    assert [counter_of(p) for p in found["five_second"]] == shown(CLIPS["five_second"], (2, 3))


def test_a_table_with_a_header_is_read_the_same(raw, tmp_path):
    plain = adapter(raw).items()
    lists = {p.name: p.read_bytes() for p in raw.glob("*.txt")}
    (tmp_path / "AVE").mkdir()
    for name, content in lists.items():
        head = b"Category&VideoID&Quality&StartTime&EndTime\n" if "Annot" in name else b""
        (tmp_path / name).write_bytes(head + content)
    headed = adapter(tmp_path).items()
    assert {k: list(plain[k]) for k in ("ids", "labels")} == {
        k: list(headed[k]) for k in ("ids", "labels")
    }


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"split": "literature-rows", "keep": "last"}, "keep would have no effect"),
        ({"policy": "dimml999", "frames": "3"}, "takes 4 frames, not 3"),
        ({"frames": "11"}, "more than the 10 pictures that ave stores"),
        ({"frames": "10", "policy": "first"}, "all 10 pictures that ave stores of a clip are"),
        ({"segment": "events"}, "Did you mean 'event'"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


def test_a_list_that_is_needed_is_asked_for_by_name(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match=r"has no trainSet.txt, nor has lists/"):
        adapter(tmp_path / "raw").open(tmp_path / "cache")


@pytest.mark.slow
def test_an_epoch_of_training_on_rows_of_which_some_are_the_same_clip(
    raw, cache, monkeypatch, tmp_path
):
    settings = {"split": "literature-rows", "policy": "dimml999"}
    result = short_run(monkeypatch, "ave", raw, cache, tmp_path, **settings)
    assert result["split"]["counts"] == {"train": 8, "val": 2, "test": 3}
    assert set(result["protocols"]) == {"val", "last", "test-best"}
