"""BalancedAV from raw files to inputs: the right pictures and sounds arrive, faults are told."""

import json

import h5py
import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.balanced_av import reader, splits
from bench.datasets.balanced_av.adapter import BalancedAV
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import split_digest
from bench.errors import UserError
from bench.runs.rundir import every
from tests.datasets.balanced_av import tiny
from tests.helpers.commands import bench
from tests.helpers.media import counter_of, cut, unusable, write_png, write_pointer

SHAPE = (33, 40)


def adapter(root, **settings):
    config = build(BalancedAV.Config, BalancedAV.complete(settings, root), "balanced_av")
    return BalancedAV(config, root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "balanced", SHAPE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_middles_of_thirds_and_the_clips_own_sound_arrive(raw, cache):
    data = adapter(raw).open(cache)
    expected = {3: [0, 1, 2], 8: [1, 4, 6], 12: [2, 6, 10]}  # floor((i + 0.5) n / 3)
    seen = set()
    for split in data.parts.values():
        for row, clip, label in zip(split.rows, split.ids, split.labels, strict=True):
            pictures = split.inputs["visual"][int(row)].numpy()
            frames = expected[tiny.count_of(clip)]
            assert [counter_of(p) for p in pictures] == [tiny.number(clip, f) for f in frames]
            assert pictures.shape[1:] == (256, 341, 3)
            found = split.inputs["audio"][int(row)].numpy()
            assert found.dtype == np.float16 and found.shape == (1, *SHAPE)
            np.testing.assert_array_equal(found[0], tiny.spectrogram(clip, SHAPE))
            assert label == tiny.label_of(clip)
            seen.add(clip)
    assert seen == set(tiny.clips()) - {tiny.LOST, tiny.ODD, tiny.SHARED}


def test_the_page_is_told_of_shapes_of_their_own(tmp_path):
    root = tiny.make(tmp_path / "raw")
    found = adapter(root).describe()
    assert found.modalities["audio"].shape == (1, 257, 1004) and found.classes == 30
    assert found.modalities["visual"].shape == (3, 3, 224, 224)


def test_clean_keeps_sources_apart_and_tells_how_many_clips_that_costs(raw, cache):
    clean = adapter(raw)
    data = clean.open(cache)
    assert {part: len(s) for part, s in data.parts.items()} == {"train": 4, "val": 4, "test": 4}
    assert (
        f"train leaves out 1 clips ({tiny.SHARED}) of sources that val or test has." in data.notes
    )
    official = adapter(raw, split="literature+val").open(cache)
    assert tiny.SHARED in official.parts["train"].ids
    literature = adapter(raw, split="literature").open(cache)
    assert set(literature.parts) == {"train", "test"}


def test_the_card_has_the_digest_of_each_part(raw, cache):
    opened = adapter(raw, split="literature+val")
    opened.open(cache)
    card = dict(opened.check(cache).rows)
    for part, subset in (("val", "validation"), ("test", "testing")):
        assert card[f"digest of {part}"] == split_digest(tiny.CLIPS[subset])
    problems = opened.check(cache).problems
    assert "train: 2 of 7 ids are not usable: MISSING 1, WRONG_TYPE 1." in problems
    assert "the annotation names 3 classes, not 30." in problems


def test_another_shape_than_the_commonest_is_left_out(raw, cache):
    packed = adapter(raw).prepared(cache)
    assert packed.meta["settings"]["shape"] == "33x40"
    reason = "wrongshape0_9.pkl holds an array 33x20 float32, not 33x40"
    assert packed.report["excluded"][tiny.ODD] == reason
    row = packed.ids.index(tiny.ODD)
    assert packed.flags[row] == Flag.WRONG_TYPE and not packed.column("usable")[row]


def test_other_frames_are_other_middles(raw, cache):
    packed = adapter(raw, frames="1").prepared(cache)
    row = packed.ids.index("R3PtqzPrUYA_390")
    (picture,) = packed.inputs()["visual"][row].numpy()
    clip = packed.ids[row]
    assert counter_of(picture) == tiny.number(clip, tiny.count_of(clip) // 2)


def test_bad_clips_are_flagged_or_left_out(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    still, none, bad, worse, png, short = tiny.CLIPS["validation"][:3] + tiny.CLIPS["testing"][:3]
    tiny.write_hdf5(tiny.video(root, still), [tiny.jpeg(5)] * 4)
    tiny.write_hdf5(tiny.video(root, none), [])
    strings = [tiny.jpeg(i) for i in range(3)]
    tiny.write_hdf5(tiny.video(root, bad), [strings[0], b"\xff\xd8\xff cut", strings[2]])
    tiny.write_hdf5(tiny.video(root, worse), [strings[0], b"\xff\xd8\xff", b"<html>"])
    tiny.write_hdf5(tiny.video(root, short), strings[:2])
    cut(tiny.video(root, "pHT6uU1-7FY"), 0.5)
    tiny.write_pickle(tiny.audio(root, png), {"spectrogram": [1.0]})
    tiny.write_pickle(tiny.audio(root, "a9nPldzIq-k_20"), np.full(SHAPE, -16.1, np.float32))
    tiny.audio(root, "-HT6uU1-7FY").write_bytes(b"")
    (root / "all_spec/stranger.pkl").write_bytes(b"x")
    opened = adapter(root, split="literature+val")
    packed = opened.prepared(tmp_path / "cache")
    flags = {n: Flag(f) for n, f in zip(packed.ids, packed.flags.tolist(), strict=True)}
    usable = dict(zip(packed.ids, packed.column("usable"), strict=True))
    kept = {still: Flag.FROZEN, bad: Flag.TRUNCATED, short: Flag.SHORT}
    kept |= {"a9nPldzIq-k_20": Flag.SILENT}
    out = {none: Flag.EMPTY, worse: Flag.TRUNCATED, png: Flag.WRONG_TYPE, tiny.LOST: Flag.MISSING}
    out |= {"pHT6uU1-7FY": Flag.UNDECODABLE, "-HT6uU1-7FY": Flag.EMPTY}
    assert {clip: flags[clip] for clip in kept} == kept and all(usable[clip] for clip in kept)
    assert {clip: flags[clip] for clip in out} == out and not any(usable[clip] for clip in out)
    told = [value for name, value in opened.check(tmp_path / "cache").rows if name == "note"]
    assert "all_spec has 1 files of no clip in the annotation (all_spec/stranger.pkl)." in told


def test_labels_and_subsets_that_do_not_exist_are_reported(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    more = {"xxxxxxxxxxx_1": ("training", "snoring"), "yyyyyyyyyyy_1": ("validing", "clapping")}
    tiny.write_annotation(root, **more)
    opened = adapter(root)
    data = opened.open(tmp_path / "cache")
    assert not set(more) & {i for s in data.parts.values() for i in s.ids}
    told = "\n".join(opened.check(tmp_path / "cache").problems)
    assert "xxxxxxxxxxx_1 ('snoring')" in told and "yyyyyyyyyyy_1 ('validing')" in told


@pytest.mark.parametrize("clip", ["../secret", "/etc/x", "a/b", "a\\b", ""])
def test_names_that_could_lead_elsewhere_stop(tmp_path, clip):
    root = tiny.make(tmp_path / "raw", SHAPE)
    tiny.write_annotation(root, **{clip: ("training", "clapping")})
    with pytest.raises(UserError, match=r"Imbalance_train_test_val\.json"):
        adapter(root).open(tmp_path / "cache")


def test_more_classes_than_there_are_stop(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    path = root / tiny.ANNOTATION
    value = json.loads(path.read_text())
    value["labels"] += [f"class {i}" for i in range(28)]
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match="names 31 classes, of which balanced_av has 30"):
        adapter(root).open(tmp_path / "cache")


def test_the_only_json_file_is_the_annotation_and_folders_may_have_plain_names(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    before = adapter(root).open(tmp_path / "one")
    (root / "annotations").mkdir()
    (root / tiny.ANNOTATION).rename(root / "annotations/ours.json")
    (root / "all_frame").rename(root / "visual")
    (root / "all_spec").rename(root / "audio")
    after = adapter(root).open(tmp_path / "other")
    assert (after.hash, after.digests) == (before.hash, before.digests)
    (root / "more.json").write_text("{}")
    with pytest.raises(UserError, match=r"has no Imbalance_train_test_val\.json"):
        adapter(root).open(tmp_path / "third")


def test_the_cache_serves_when_the_raw_files_are_gone(tmp_path, raw, cache):
    root = tiny.make(tmp_path / "raw", SHAPE)
    before = adapter(root).open(tmp_path / "cache")
    root.rename(tmp_path / "gone")
    after = adapter(root, shape="33x40", split="literature").open(tmp_path / "cache")
    assert (after.hash, after.digests["test"]) == (before.hash, before.digests["test"])
    with pytest.raises(UserError, match="does not exist: give --root DIR"):
        adapter(root)


def test_a_root_without_spectrograms_is_told(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    for path in (root / "all_spec").iterdir():
        tiny.write_pickle(path, ["no", "array"])
    with pytest.raises(UserError, match=r"holds no spectrograms \(.*holds a list, no 2-D array"):
        adapter(root)
    (root / "all_spec").rename(root / "elsewhere")
    with pytest.raises(UserError, match="has neither all_spec/ nor audio/"):
        adapter(root)


@pytest.mark.parametrize("shape", ["257", "257x", "0x4", "257x1004x3", "axb"])
def test_what_is_no_shape_is_refused(raw, shape):
    with pytest.raises(UserError, match=r"is frequencies x times, as 257x1004, not"):
        adapter(raw, shape=shape)


def test_pointers_of_git_lfs_stop_with_what_to_do(tmp_path):
    root = tiny.make(tmp_path / "raw", SHAPE)
    write_pointer(tiny.video(root, "pHT6uU1-7FY"))
    with pytest.raises(UserError, match="git lfs pull"):
        adapter(root).open(tmp_path / "cache")


@pytest.mark.slow
def test_a_run_trains_on_sound_and_pictures(raw, cache, tmp_path):
    words = f"run --method joint,ogm_ge --dataset balanced_av --root {raw} --cache {cache}"
    done = bench(tmp_path, *words.split(), "--seeds", 1, "--epochs", 1)
    assert done.returncode == 0, done.stderr
    results = [json.loads(r.result.read_text()) for r in every(tmp_path / "results")]
    assert len(results) == 2 and all(
        r["data_hash"] == adapter(raw).open(cache).hash for r in results
    )


def middles(path, frames=3):
    return reader.middles(path, frames)


@pytest.mark.parametrize("fixed", [True, False])
def test_both_kinds_of_strings_are_read(tmp_path, fixed):
    strings = [tiny.jpeg(i) for i in range(8)]
    path = tiny.write_hdf5(tmp_path / "x.hdf5", strings, fixed)
    assert middles(path) == ([strings[1], strings[4], strings[6]], 8)
    assert middles(path, 8) == (strings, 8)


def test_opaque_strings_are_read(tmp_path):
    raw = tiny.jpeg(3)
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["video"] = np.array([raw], dtype=f"V{len(raw)}")
    assert middles(tmp_path / "x.hdf5") == ([raw], 1)


def external_link(file, other):
    file["video"] = h5py.ExternalLink(other, "video")


def external_storage(file, other):
    file.create_dataset("video", (2,), "u1", external=[(other, 0, 2)])


def virtual(file, other):
    layout = h5py.VirtualLayout(shape=(1,), dtype=h5py.vlen_dtype(np.uint8))
    layout[0] = h5py.VirtualSource(other, "video", shape=(1,))[0]
    file.create_virtual_dataset("video", layout)


def soft_link(file, other):
    file["kept"] = np.array([tiny.jpeg(0)], dtype="S")
    file["video"] = h5py.SoftLink("/kept")


def group(file, other):
    file.create_group("video")


@pytest.mark.parametrize("write", [external_link, external_storage, virtual, soft_link, group])
def test_strings_that_lie_elsewhere_are_not_read(tmp_path, write):
    other = tiny.write_hdf5(tmp_path / "other.hdf5", [tiny.jpeg(0)])
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        write(file, str(other))
    told = unusable(Flag.UNDECODABLE, middles, tmp_path / "x.hdf5")
    assert "a link or no data set of its own" in told


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros((2, 3), np.uint8), "has 2 dimensions"),
        (np.zeros(3), "holds no bytes but float64"),
    ],
)
def test_what_is_no_strings_is_told(tmp_path, values, sentence):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["video"] = values
    assert sentence in unusable(Flag.UNDECODABLE, middles, tmp_path / "x.hdf5")


def test_files_that_are_none_or_have_no_strings(tmp_path):
    path = tmp_path / "x.hdf5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")
    unusable(Flag.UNDECODABLE, middles, path)
    with h5py.File(path, "w") as file:
        file["frames"] = [1]
    assert "no 'video'" in unusable(Flag.EMPTY, middles, path)


def test_a_png_among_the_strings_is_read_and_flagged(tmp_path):
    raw = write_png(tmp_path / "x", 613).read_bytes()
    found, flags = reader.pictures([raw], 0)
    assert flags == Flag.WRONG_TYPE and counter_of(found[0]) == 613


def test_without_h5py_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "h5py", None)
    with pytest.raises(UserError, match="needs h5py: install it with `pip install h5py`"):
        middles(tmp_path / "x.hdf5")


@pytest.mark.parametrize(
    ("value", "flag", "sentence"),
    [
        (np.zeros((2, 2), np.int32), Flag.WRONG_TYPE, "array 2x2 int32, no 2-D array of floats"),
        (np.zeros(4, np.float32), Flag.WRONG_TYPE, "array 4 float32"),
        (np.full((2, 2), np.nan), Flag.UNDECODABLE, "not finite"),
        (np.full((2, 2), 1e6), Flag.UNDECODABLE, "not finite"),
        (splits.parts, Flag.UNDECODABLE, "asks for bench.datasets.balanced_av.splits.parts"),
    ],
)
def test_what_is_no_spectrogram_is_told(tmp_path, value, flag, sentence):
    path = tiny.write_pickle(tmp_path / "x.pkl", value)
    assert sentence in unusable(flag, reader.spectrogram, path)
