"""CMU-MOSEI from its feature files: the right numbers arrive, and faults are told."""

import numpy as np
import pytest
import torch

from bench.config.settings import build
from bench.datasets.core.flags import Flag
from bench.datasets.mosei import feature_files
from bench.datasets.mosei.adapter import FILES, MOSEI
from bench.datasets.mosei.splits import TASKS, label_of
from bench.errors import UserError
from bench.loading.loaders import Source
from tests.datasets.mosei import tiny
from tests.helpers.training import CPU

KEYS = feature_files.KEYS


def adapter(root, **settings):
    return MOSEI(build(MOSEI.Config, MOSEI.complete(settings, root), "mosei"), root)


def copy(folder, plain, file="aligned", protocol=4, folds=True):
    tiny.write(folder / FILES[file], plain, protocol)
    if folds:
        tiny.write_folds(folder)
    return folder


def opened(tmp_path, plain, file="aligned", **settings):
    found = adapter(copy(tmp_path / "raw", plain, file), **settings)
    return found, found.open(tmp_path / "cache")


def refused(tmp_path, plain, sentence, **settings):
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, plain, **settings)


def whole(plain, key):
    return np.concatenate([plain[fold][key] for fold in tiny.COUNTS])


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return copy(tmp_path_factory.mktemp("raw"), tiny.mult())


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("protocol", [2, 4])
def test_every_segment_arrives_with_its_numbers_names_and_class(tmp_path, protocol):
    plain = tiny.mult()
    data = adapter(copy(tmp_path / "raw", plain, protocol=protocol)).open(tmp_path / "cache")
    assert {part: len(split) for part, split in data.parts.items()} == {
        "train": 12,
        "val": 4,
        "test": 6,
    }
    for split in data.parts.values():
        for m, key in KEYS.items():
            torch.testing.assert_close(
                split.inputs[m], torch.from_numpy(whole(plain, key).astype(np.float32))
            )
    assert data.parts["val"].ids == tuple(f"188343|{i}.5|{i + 1}.25" for i in range(4))
    assert data.parts["val"].labels.tolist() == [0, 1, 1, 0]
    assert data.parts["test"].rows.tolist() == list(range(16, 22))
    assert {m: (i.kind, i.shape) for m, i in data.spec.modalities.items()} == {
        "text": ("sequence", (6, 5)),
        "audio": ("sequence", (9, 4)),
        "visual": ("sequence", (9, 3)),
    }


def test_all_protocols_and_a_mapped_file_give_the_same_data(tmp_path, monkeypatch):
    plain, hashes = tiny.mult(), set()
    for protocol, large in ((2, 2**20), (4, 2**20), (3, 100), (4, 100), (5, 100)):
        monkeypatch.setattr("bench.datasets.core.files.mapped_pickles.LARGE", large)
        root = copy(tmp_path / f"raw{protocol}-{large}", plain, protocol=protocol)
        hashes.add(adapter(root).open(tmp_path / "cache").hash)
    assert len(hashes) == 1


@pytest.mark.parametrize("task", TASKS)
def test_every_task_reads_one_cache(raw, cache, task):
    data = adapter(raw, task=task).open(cache)
    for split in data.parts.values():
        scores = [tiny.SCORES[int(i.split("|")[1][:-2]) % 6] for i in split.ids]
        assert split.labels.tolist() == [label_of(s, task) for s in scores]
    assert data.spec.classes == len(TASKS[task])
    assert any("drops" in note for note in data.notes) == (task == "neg_pos")
    assert len(list((cache / "mosei").iterdir())) == 1
    others = {adapter(raw, task=other).open(cache).hash for other in TASKS if other != task}
    assert data.hash not in others


def test_where_segments_begin_and_end_is_kept(raw, cache):
    packed = adapter(raw).prepared(cache)
    places = np.concatenate([np.arange(n) for n in tiny.COUNTS.values()]) % 4
    assert packed.column("first_text").tolist() == places.tolist()
    assert packed.column("last_text").tolist() == [5] * 22
    assert packed.column("first_audio").tolist() == [0] * 22
    assert packed.column("last_audio").tolist() == (8 - places).tolist()
    np.testing.assert_array_equal(
        packed.numbers("sentiment"), whole(tiny.mult(), "labels").reshape(-1).astype("f4")
    )
    assert packed.groups[:2] == ["hh04W3xXa5s", "-a55Q6RWvTA"]


def test_std_is_by_the_rows_of_train_that_are_not_padding(raw, cache):
    plain = tiny.mult()
    data, same = (adapter(raw, variant=v).open(cache) for v in ("std", "raw"))
    assert data.hash != same.hash
    for m, key in KEYS.items():
        rows = plain["train"][key].astype(np.float32)
        shown = rows[rows.any(axis=2)]
        for name, told in (("mean", shown.mean(axis=0)), ("std", shown.std(axis=0))):
            np.testing.assert_allclose(
                getattr(data.spec.modalities[m], name), told, rtol=1e-5, atol=1e-6
            )
        assert (same.spec.modalities[m].mean, same.spec.modalities[m].std) == (0.0, 1.0)
        source = Source(data.parts["train"], data.spec, CPU)
        index = torch.arange(12)
        x = source.batch(index, source.everything(index)).inputs[m]
        assert torch.equal((x == 0).all(dim=2), torch.from_numpy(~rows.any(axis=2)))
        left = x[(x != 0).any(dim=2)]
        torch.testing.assert_close(left.mean(dim=0), torch.zeros(len(told)), rtol=0, atol=1e-5)


def test_a_constant_feature_has_deviation_one():
    x = np.full((3, 4, 2), 1e4)
    x[0, 0] = 1e4 + 1, 1e4
    passed = feature_files.Cleaned((x,), 3)
    assert [c.dtype for c in passed.chunks()] == [np.float32]
    assert passed.columns.std()["std"] == (pytest.approx((11 / 144) ** 0.5), 1.0)


def test_clipping_is_to_the_percentiles_of_train(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "AT_ONCE", 2)
    plain = tiny.mult()
    plain["train"]["audio"][0, 0, 1] = 1e6
    plain["test"]["audio"][1, 1, 1] = -1e6
    found, data = opened(tmp_path, plain, clip=True)
    rows = plain["train"]["audio"].astype(np.float32)
    low, high = np.quantile(rows[rows.any(axis=2)], (0.001, 0.999), axis=0)
    expected = whole(plain, "audio").astype(np.float32)
    padding = ~expected.any(axis=2)
    expected = np.clip(expected, low.astype("f4"), high.astype("f4"))
    expected[padding] = 0
    np.testing.assert_allclose(data.parts["train"].inputs["audio"].numpy(), expected, rtol=1e-6)
    assert adapter(tmp_path / "raw").open(tmp_path / "cache").hash != data.hash
    assert found.prepared(tmp_path / "cache").meta["constants"] == {"clip": [0.001, 0.999]}


def test_what_is_not_finite_becomes_zero_and_is_counted(tmp_path):
    plain = tiny.faulty()
    plain["valid"]["audio"][0, 0, 0] = np.inf
    plain["valid"]["audio"][0, 0, 1] = 1e300  # too large for 32 bits
    _, data = opened(tmp_path, plain)
    x = data.parts["train"].inputs
    assert (x["audio"][1, 2] == 0).all() and x["visual"][2, 0, 1] == 0
    assert x["audio"][12, 0, :2].tolist() == [0, 0] and x["audio"].isfinite().all()
    notes = [n for n in data.notes if "read as 0" in n]
    assert notes == [
        "audio: 6 NaN or infinite numbers are read as 0.",
        "visual: 1 NaN or infinite numbers are read as 0.",
    ]


def test_faulty_segments_are_flagged_and_told(tmp_path):
    found, data = opened(tmp_path, tiny.faulty())
    packed = found.prepared(tmp_path / "cache")
    flagged = {f: np.flatnonzero(packed.flags & np.uint32(f)).tolist() for f in Flag}
    assert {f.name: rows for f, rows in flagged.items() if rows} == {
        "SILENT": [19],
        "DUP_ID": [20, 21],
        "BAD_LABEL": [4, 5],
    }
    assert packed.column("last_text")[19] == -1 and packed.column("last_audio")[19] >= 0
    assert data.parts["train"].rows.tolist() == [0, 1, 2, 3, *range(6, 12)]
    assert data.parts["test"].rows.tolist() == [16, 17, 18, 19, 20]
    told = " ".join(data.problems)
    assert "-a55Q6RWvTA|5.5|6.25 (nan)" in told and "repeats 1 ids" in told
    card = found.check(tmp_path / "cache")
    assert ("flag SILENT", "1 (7l3BNtSE0xc|3.5|4.25)") in card.rows
    assert ("text all zero", "1 segments") in card.rows and card.problems


def test_flags_are_the_same_whatever_task_is_packed_for(tmp_path):
    plain, flags = tiny.mult(), []
    plain["test"]["id"][3] = plain["test"]["id"][4]  # -0.3333 and 1.0: of one class in none
    plain["test"]["id"][1] = plain["test"]["id"][2]  # 0 and 3: of one class in neg_nonneg
    for task in TASKS:
        found = adapter(copy(tmp_path / "raw", plain), task=task)
        flags.append(found.prepared(tmp_path / task).flags.tolist())
    assert all(f == flags[0] for f in flags)
    assert flags[0][16:] == [0, Flag.CONFLICT, Flag.CONFLICT, Flag.CONFLICT, Flag.CONFLICT, 0]


def test_flagged_segments_can_be_left_out_or_be_an_error(tmp_path):
    root = copy(tmp_path / "raw", tiny.faulty())
    data = adapter(root, without="silent").open(tmp_path / "cache")
    assert data.split == "clean-without-silent"
    assert data.parts["test"].rows.tolist() == [16, 17, 18, 20]
    with pytest.raises(UserError, match=r"data.strict=true allows none: SILENT: 7l3BNtSE0xc"):
        adapter(root, strict=True).open(tmp_path / "cache")
    with pytest.raises(UserError, match="'LOUD' is not a flag"):
        adapter(root, without="loud")


def test_the_file_of_mmsa_is_read_with_its_names_and_lengths(tmp_path):
    plain = tiny.mmsa()
    plain["test"]["vision_lengths"][0] = 3
    found, data = opened(tmp_path, plain, "mmsa-unaligned")
    assert data.parts["val"].ids == tuple(f"188343$_${i}" for i in range(4))
    torch.testing.assert_close(
        data.parts["val"].inputs["visual"], torch.from_numpy(whole(plain, "vision"))
    )
    rows = dict(found.check(tmp_path / "cache").rows)
    assert rows["audio lengths"] == "other than the file says in 0 segments"
    assert rows["visual lengths"] == "other than the file says in 1 segments"
    assert found.prepared(tmp_path / "cache").groups[0] == "hh04W3xXa5s"


@pytest.mark.parametrize("folder", ["Processed", "MOSEI/Processed", "seq_length_50"])
def test_the_one_file_that_is_there_is_found_in_its_usual_folders(tmp_path, folder):
    tiny.write(tmp_path / folder / "mosei_raw.pkl", tiny.mult())
    assert MOSEI.complete({}, tmp_path)["file"] == "multibench"


def test_several_files_are_a_choice_that_the_user_makes(tmp_path):
    copy(tmp_path / "raw", tiny.mult())
    copy(tmp_path / "raw", tiny.mult(seed=1), "unaligned")
    with pytest.raises(UserError, match=r"data\.file=NAME: aligned, unaligned"):
        MOSEI.complete({}, tmp_path / "raw")
    hashes = {
        adapter(tmp_path / "raw", file=f).open(tmp_path / "cache").hash
        for f in ("aligned", "unaligned")
    }
    assert len(hashes) == 2
    with pytest.raises(UserError, match=r"has no mosei_raw.pkl, nor have Processed/"):
        adapter(tmp_path / "raw", file="multibench").open(tmp_path / "cache")
    with pytest.raises(UserError, match="none of the feature files"):
        MOSEI.complete({}, tmp_path)


def test_segments_are_compared_with_the_owners_folds(tmp_path):
    videos = tiny.VIDEOS | {"valid": ("7l3BNtSE0xc",), "test": ("188343",)}
    root = copy(tmp_path / "raw", tiny.mult())
    tiny.write_folds(root, videos)
    found = adapter(root)
    data = found.open(tmp_path / "cache")
    assert any("val has 4 segments" in p and "in another fold" in p for p in data.problems)
    packed = found.prepared(tmp_path / "cache")
    assert (np.flatnonzero(packed.flags & np.uint32(Flag.OVERLAP)) == np.arange(12, 22)).all()


def test_without_a_table_of_folds_that_is_said_and_speakers_are_not_known(tmp_path):
    root = copy(tmp_path / "raw", tiny.mult(), folds=False)
    data = adapter(root).open(tmp_path / "cache")
    assert any("not compared" in n for n in data.notes)
    assert any("share speakers cannot be said" in n for n in data.notes)


def test_the_cache_serves_every_setting_when_the_raw_files_are_gone(tmp_path):
    root = copy(tmp_path / "raw", tiny.mult())
    before = adapter(root, file="aligned", task="acc7").open(tmp_path / "cache")
    for path in root.iterdir():
        path.unlink()
    root.rmdir()
    after = adapter(root, file="aligned", task="acc7").open(tmp_path / "cache")
    assert after.hash == before.hash
    assert not any("not compared" in n for n in after.notes)


def test_another_file_under_the_name_is_packed_anew(tmp_path):
    root = copy(tmp_path / "raw", tiny.mult())
    before = adapter(root).open(tmp_path / "cache").hash
    copy(root, tiny.mult(seed=1))
    assert adapter(root).open(tmp_path / "cache").hash != before


def test_a_survey_names_what_is_there(raw, tmp_path):
    rows = dict(adapter(raw).check(tmp_path).rows)
    assert rows["segments"] == "12 in train, 4 in valid, 6 in test"
    assert rows["audio"] == "22x9x4 float64"
    card = adapter(tiny.make(tmp_path / "raw")).check(tmp_path / "cache")
    assert len(card.problems) == 2 and "sentiment outside [-3, 3]" in card.problems[0]
