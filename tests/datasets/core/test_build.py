"""Caches of media data sets: what is read comes back, and faults are kept and told."""

import os
import time

import numpy as np
import pytest
import torch

from bench.datasets.core.cache.store import check_digests, read
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare import build
from bench.errors import UserError
from bench.types import Ragged
from tests.helpers.clip_ground import Ground, content
from tests.helpers.toy_clips import ARRAYS, names, values
from tests.helpers.warm import READER, fits


@pytest.fixture
def ground(tmp_path):
    return Ground(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted preparation by one process gives: file name -> bytes, and the hash."""
    packed = Ground(tmp_path_factory.mktemp("whole")).prepare(workers=1, chunk=30)
    return content(packed), packed.hash


@pytest.mark.parametrize("name", ["KMP_INIT_AT_FORK", "OMP_NUM_THREADS"])
def test_processes_that_read_start_warm_here(name):
    """Whatever scikit-learn sets when a test loads it; with other threads they start cold."""
    env = os.environ | {"OMP_NUM_THREADS": "1", name: "7"}
    assert fits(READER, env) == (name == "KMP_INIT_AT_FORK")


@pytest.mark.parametrize("workers, chunk", [(2, 7), (3, 1), (2, 0)])
def test_how_samples_are_dealt_out_leaves_no_trace(ground, whole, workers, chunk):
    packed = ground.prepare(workers, chunk)
    assert (content(packed), packed.hash) == whole
    assert not ground.folder.exists()
    assert [p.name for p in ground.folder.parent.iterdir()] == [packed.path.name]


def test_arrays_of_all_shapes_come_back_even_those_without_a_number(ground):
    packed = ground.prepare()
    inputs = packed.inputs()
    assert isinstance(inputs["frames"], Ragged) and isinstance(inputs["sound"], Ragged)
    assert inputs["vector"].shape == (30, 4)
    for i in range(30):
        for m, array in values(i).arrays.items():
            found = inputs[m][i]
            assert found.shape == array.shape
            torch.testing.assert_close(found, torch.from_numpy(array), rtol=0, atol=0)
    assert packed.flags.tolist() == [Flag.SHORT if i % 10 == 5 else 0 for i in range(30)]
    check_digests(packed)


def test_writing_to_a_ragged_array_never_reaches_the_file(ground):
    packed = ground.prepare()
    packed.inputs()["frames"][4].zero_()
    check_digests(packed)


def test_a_sample_that_cannot_be_used_stays_with_its_flag_and_reason(ground):
    ground.file(3).unlink()
    ground.file(4).write_text("")
    ground.file(5).write_text("bad")
    packed = ground.prepare()
    assert packed.flags[[3, 4, 5]].tolist() == [Flag.MISSING, Flag.EMPTY, Flag.UNDECODABLE]
    assert packed.column("usable").tolist() == [int(i not in (3, 4, 5)) for i in range(30)]
    assert list(packed.report["excluded"].values()) == [
        "text/-clip 03.txt missing",
        "text/-clip 04.txt empty",
        "no number",
    ]
    inputs = packed.inputs()
    assert inputs["frames"][4].shape == (0, 0, 0, 0) and inputs["vector"][4].eq(0).all()
    torch.testing.assert_close(inputs["frames"][8], torch.from_numpy(values(8).arrays["frames"]))
    assert {"-clip 03", "-clip 04"}.isdisjoint(ground.toy.reads())


def test_what_the_lists_exclude_is_not_read(tmp_path):
    name = names(30)[7]
    ground = Ground(
        tmp_path, more={"excluded": {name: "not a class"}, "flags": {name: Flag.BAD_LABEL}}
    )
    packed = ground.prepare()
    assert packed.report["excluded"] == {name: "not a class"}
    assert packed.flags[7] == Flag.BAD_LABEL and packed.column("usable")[7] == 0
    assert name not in ground.toy.reads()


def test_a_data_set_of_which_nothing_can_be_used_is_a_cache_too(ground):
    for i in range(30):
        ground.file(i).write_text("bad")
    packed = ground.prepare()
    assert len(packed.inputs()["frames"][29]) == 0 and not packed.column("usable").any()
    check_digests(read(packed.path))


def test_a_sample_that_its_decoder_dies_of_is_flagged_after_a_second_try(ground):
    ground.file(9).write_text("crash")
    ground.file(10).write_text("crash")
    packed = ground.prepare(workers=1, chunk=30)
    assert packed.flags[9] == packed.flags[10] == Flag.UNDECODABLE
    why = "its decoder was ended by SIGSEGV"
    assert packed.report["excluded"] == {"-clip 09": why, "-clip 10": why}
    assert packed.column("usable").sum() == 28
    assert [ground.toy.reads()[n] for n in names(30)[9:11]] == [2, 2]


def test_a_sample_that_others_kill_its_process_at_is_not_blamed(ground):
    ground.file(9).write_text("killed")
    with pytest.raises(UserError, match=r"reads -clip 09 was ended by SIGKILL 4 times.*--workers"):
        ground.prepare()
    ground.file(9).write_text("9\n")
    packed = ground.prepare()
    assert packed.flags[9] == 0 and packed.report["excluded"] == {}


def test_what_stops_a_reader_is_told_and_the_rest_is_kept(ground, whole):
    ground.file(20).write_text("full")
    with pytest.raises(UserError, match=r"stopped at -clip 20: the disk is full.*goes on"):
        ground.prepare(workers=1)
    kept = ground.kept()
    assert kept == set(names(30)[:20])
    ground.file(20).write_text("20\n")
    packed = ground.prepare(chunk=3)
    assert (content(packed), packed.hash) == whole
    assert all(ground.toy.reads()[name] == 1 for name in kept)


def test_a_mistake_in_a_reader_is_not_taken_for_a_bad_sample(ground):
    ground.file(2).write_text("mistake")
    with pytest.raises(RuntimeError, match=r"(?s)at -clip 02.*not thought of"):
        ground.prepare()


@pytest.mark.parametrize("name, array", [("sound", ARRAYS["frames"]), ("vector", None)])
def test_a_reader_that_breaks_its_promise_is_refused(tmp_path, name, array):
    arrays = {m: a for m, a in {**ARRAYS, name: array}.items() if a}
    with pytest.raises(RuntimeError, match="AssertionError"):
        Ground(tmp_path, more={"arrays": arrays}).prepare()


def test_a_reader_that_cannot_be_imported_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="no_such_module"):
        Ground(tmp_path, more={"reader": "no_such_module:read"}).prepare()


def test_a_finished_cache_of_changed_files_is_read_anew(ground):
    first = ground.prepare()
    assert ground.prepare().hash == first.hash and ground.toy.reads()["-clip 00"] == 1
    ground.file(6).write_text("106\n")
    again = ground.prepare()
    assert again.hash != first.hash and not ground.folder.exists()
    np.testing.assert_array_equal(again.inputs()["sound"][6], values(106).arrays["sound"])


def test_a_missing_file_that_turns_up_outdates_the_cache(ground, whole):
    ground.file(6).unlink()
    ground.prepare()
    assert ground.prepare().report["excluded"]
    ground.file(6).write_text("6\n")
    assert ground.prepare().hash == whole[1]


def test_files_that_never_stand_still_are_told(ground, monkeypatch):
    prepared = build.Building.read

    def read_and_touch(self, *args):
        prepared(self, *args)
        ground.file(1).write_text(f"1 {time.monotonic_ns()}\n")

    monkeypatch.setattr(build.Building, "read", read_and_touch)
    with pytest.raises(UserError, match=r"change while they are read \(-clip 01\)"):
        ground.prepare()


def test_a_folder_of_files_may_be_a_source(tmp_path):
    ground = Ground(tmp_path, samples=2)
    (ground.root / "more").mkdir()
    (ground.root / "more/a").write_text("x")
    files = [{"text": f"text/{n}.txt", "more": "more"} for n in names(2)]
    ground.toy.more = {"files": files}
    packed = ground.prepare()
    assert [s["path"] for s in packed.meta["sources"]] == [
        "text/-clip 00.txt",
        "more",
        "text/-clip 01.txt",
    ]
    assert not packed.flags.any()  # one file under one name, however many samples are in it
    ground.prepare()
    assert set(ground.toy.reads().values()) == {1}
    (ground.root / "more/b").write_text("y")
    ground.prepare()
    assert set(ground.toy.reads().values()) == {2}


def test_git_lfs_pointers_stop_before_anything_is_read(ground):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    ground.file(3).write_text(pointer)
    ground.file(8).write_text(pointer)
    with pytest.raises(UserError, match=r"2 of 30 media files are pointers.*03.txt.*git lfs pull"):
        ground.prepare()
    assert ground.toy.reads() == {}


def test_a_root_without_any_of_the_files_is_refused(ground):
    for i in range(30):
        ground.file(i).unlink()
    with pytest.raises(UserError, match="none of the 30 media files is there"):
        ground.prepare()
