"""Preparing media data sets: nothing is read twice, and no end leaves a trace in the result."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare import build
from bench.datasets.core.prepare.shards import Damaged, read_shard
from bench.errors import UserError
from bench.runs.lock import Lock
from tests.helpers.clip_ground import FORK, Ground, content
from tests.helpers.toy_clips import names, values


@pytest.fixture(scope="module", autouse=True)
def readers():
    """The processes that read start cold: who asked for them is to be their parent."""


@pytest.fixture
def ground(tmp_path):
    return Ground(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted preparation by one process gives: file name -> bytes, and the hash."""
    packed = Ground(tmp_path_factory.mktemp("whole")).prepare(workers=1, chunk=30)
    return content(packed), packed.hash


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def test_a_process_killed_at_any_moment_is_gone_on_from(tmp_path, whole):
    ground, draw, finished = Ground(tmp_path, pause=0.03), random.Random(0), {}
    for _ in range(4):
        process = ground.launch()
        ground.wait_for(1)
        time.sleep(draw.uniform(0, 0.25))
        process.kill()
        process.join()
        fresh = ground.kept() - set(finished)
        finished.update({name: n for name, n in ground.toy.reads().items() if name in fresh})
    packed = ground.prepare(workers=3, chunk=5)
    assert (content(packed), packed.hash) == whole
    reads = ground.toy.reads()
    assert finished and finished == {name: reads[name] for name in finished}
    assert not ground.folder.exists()


def test_a_kill_while_the_shards_are_put_together_reads_nothing_again(ground, whole, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(build, "install", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        process = ground.launch()
        process.join()
    assert process.exitcode == -signal.SIGKILL and (ground.folder / "merged").exists()
    packed = ground.prepare()
    assert (content(packed), packed.hash) == whole
    assert set(ground.toy.reads().values()) == {1}


def test_a_kill_after_the_last_step_leaves_only_rubbish_behind(ground, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(build.shutil, "rmtree", rmtree_or_die(build.shutil.rmtree, ground))
        ground.launch().join()
    assert ground.folder.exists() and ground.place.path.exists()
    ground.prepare()
    assert not ground.folder.exists() and set(ground.toy.reads().values()) == {1}


def rmtree_or_die(rmtree, ground):
    def replacement(path, **options):
        if ground.place.path.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        rmtree(path, **options)

    return replacement


def test_workers_that_are_killed_are_replaced(tmp_path, whole):
    ground = Ground(tmp_path, pause=0.05)
    process = ground.launch()
    for shards in (1, 3):
        ground.wait_for(shards)
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
    process.join()
    assert process.exitcode == 0
    packed = ground.prepare()
    assert (content(packed), packed.hash) == whole
    assert max(ground.toy.reads().values()) > 1  # a kill met a process at work


def test_workers_end_with_their_parent_even_inside_a_sample(tmp_path):
    ground = Ground(tmp_path, samples=4, pause=60.0)
    process = ground.launch(chunk=1)
    deadline = time.monotonic() + 30
    while len(ground.toy.reads()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = children(process.pid)
    process.kill()
    process.join()
    assert len(workers) == 2
    while any(Path(f"/proc/{w}/cmdline").exists() and cmdline(w) for w in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def cmdline(pid):
    """Empty of a process that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_ctrl_c_keeps_what_was_read_and_says_so(tmp_path):
    ground, lines = Ground(tmp_path, pause=0.05), FORK.Queue()

    def interrupted():
        try:
            ground.prepare(say=lines.put)
        except KeyboardInterrupt:
            lines.put("interrupted")

    process = ground.launch(interrupted)
    ground.wait_for(2)
    os.kill(process.pid, signal.SIGINT)
    said = lines.get(timeout=30)
    assert lines.get(timeout=30) == "interrupted"
    process.join()
    kept = len(ground.kept())
    assert said == f"{kept} of 30 samples are read and kept; the same command goes on"
    assert 0 < kept < 30
    ground.prepare()
    assert sum(ground.toy.reads().values()) <= 30 + 2 * 4


def test_two_preparations_at_once_share_the_work(tmp_path, whole):
    ground, results = Ground(tmp_path, pause=0.02), FORK.Queue()

    def both():
        said = []
        results.put((ground.prepare(say=said.append).hash, said))

    processes = [ground.launch(both) for _ in range(2)]
    found = sorted((results.get(timeout=60) for _ in processes), key=lambda r: len(r[1]))
    [p.join() for p in processes]
    assert [h for h, _ in found] == [whole[1]] * 2
    assert found[0][1] == [] and "another process prepares this data" in found[1][1][0]
    assert ground.toy.reads() == dict.fromkeys(names(30), 1)


def stopped(ground):
    """Twenty samples are kept, then the reader stops."""
    text = ground.file(20).read_text()
    ground.file(20).write_text("full")
    with pytest.raises(UserError):
        ground.prepare(workers=1)
    ground.file(20).write_text(text)


def test_raw_files_that_change_between_two_sittings_are_read_again(ground, tmp_path):
    stopped(ground)
    ground.file(5).write_text("105\n")
    ground.file(6).unlink()
    packed = ground.prepare()
    np.testing.assert_array_equal(packed.inputs()["sound"][5], values(105).arrays["sound"])
    assert packed.flags[6] == Flag.MISSING
    reads = ground.toy.reads()
    assert reads["-clip 05"] == 2 and reads["-clip 00"] == reads["-clip 07"] == 1


def test_a_file_that_was_missing_in_the_first_sitting_is_read_in_the_second(ground, whole):
    ground.file(6).unlink()
    stopped(ground)
    ground.file(6).write_text("6\n")
    packed = ground.prepare()
    assert (content(packed), packed.hash) == whole


def test_another_recipe_starts_anew(ground):
    stopped(ground)
    ground.toy.scale = 3
    packed = ground.prepare()
    torch.testing.assert_close(packed.inputs()["sound"][6], torch.arange(6, dtype=torch.int16) * 3)
    assert ground.toy.reads()["-clip 06"] == 2


def cut(shard):
    shard.write_bytes(shard.read_bytes()[:-3])


def flip(shard):
    raw = bytearray(shard.read_bytes())
    raw[0] ^= 1
    shard.write_bytes(raw)


@pytest.mark.parametrize("spoil", [cut, flip, lambda shard: shard.write_bytes(b"")])
def test_a_damaged_shard_is_read_again(ground, whole, spoil):
    stopped(ground)
    shard = next(s for s in ground.folder.glob("*.shard") if read_shard(s)[0].size)
    spoil(shard)
    packed = ground.prepare()
    assert (content(packed), packed.hash) == whole
    assert sorted(set(ground.toy.reads().values())) == [1, 2]


def test_a_shard_with_a_flipped_bit_in_its_description_is_noticed(ground):
    stopped(ground)
    shard = next(ground.folder.glob("*.shard"))
    raw = bytearray(shard.read_bytes())
    raw[-40] ^= 1
    shard.write_bytes(raw)
    with pytest.raises(Damaged):
        read_shard(shard)


def test_a_lock_that_was_lost_ends_the_preparation(tmp_path, monkeypatch):
    ground = Ground(tmp_path, pause=0.01)
    monkeypatch.setattr(Lock, "beat", lambda self: False)
    keep = build.heartbeat
    monkeypatch.setattr(build, "heartbeat", lambda lock, lost: keep(lock, lost, 0.01))
    with pytest.raises(RuntimeError, match=r"took .* over"):
        ground.prepare()
    assert not ground.place.path.exists()
