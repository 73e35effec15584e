"""Locks: one holder at a time, dead holders are followed by exactly one other."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.runs import lock as module
from bench.runs.lock import STALE, Lock, Owner, heartbeat, parse, ticket

PROCESSES = 8


def us() -> Owner:
    return parse(ticket("")[1])


def write(path: Path, owner: Owner, age: float = 0.0) -> None:
    path.write_text(json.dumps(asdict(owner)))
    past = time.time() - age
    os.utime(path, (past, past))


def holder(path: Path, action: str = "sleep") -> subprocess.Popen:
    """A process that holds the lock and sleeps, or is killed at once."""
    code = (
        "import sys, time, pathlib; from bench.runs.lock import Lock; "
        "assert Lock(pathlib.Path(sys.argv[1])).acquire(); print('held', flush=True); "
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    if action == "kill":
        process.kill()
        process.wait()
    process.stdout.close()
    return process


@pytest.fixture(scope="module")
def dead() -> Owner:
    """An owner on this host whose process has ended."""
    code = "from bench.runs.lock import ticket; print(ticket('')[1].decode())"
    return parse(subprocess.check_output([sys.executable, "-c", code]))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "lock"


def test_a_held_lock_is_not_taken_and_a_released_one_is(path):
    first, second = Lock(path), Lock(path)
    assert first.acquire() and first.held() and second.held()
    assert not second.acquire() and not first.acquire()
    first.release()
    assert not second.held() and second.acquire()
    assert [p.name for p in path.parent.iterdir()] == ["lock"]


def test_the_owner_is_this_process(path):
    lock = Lock(path, call="x")
    lock.acquire()
    owner = lock.owner()
    assert (owner.host, owner.pid, owner.call) == (socket.gethostname(), os.getpid(), "x")
    assert Lock(path.with_name("other")).owner() is None


def test_release_by_another_does_nothing(path):
    first, second = Lock(path), Lock(path)
    first.acquire()
    second.release()
    assert first.mine() and not second.mine() and path.exists()


def test_release_after_losing_the_lock_leaves_the_next_owner_in_peace(path):
    first = Lock(path)
    first.acquire()
    write(path, us())
    first.release()
    assert path.exists() and not first.mine()


def test_a_live_process_keeps_its_lock_however_old_the_heartbeat(path):
    process = holder(path)
    try:
        os.utime(path, (0, 0))
        assert Lock(path).held() and not Lock(path).acquire()
    finally:
        process.kill()
        process.wait()


def test_a_killed_owner_is_followed_at_once(path):
    process = holder(path, "kill")
    lock = Lock(path)
    assert lock.owner().pid == process.pid and not lock.held()
    assert lock.acquire() and lock.mine()
    assert [p.name for p in path.parent.iterdir()] == ["lock"]


def test_a_killed_owner_that_nobody_waited_for_is_dead(path):
    process = holder(path)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not Lock(path).held()
    process.wait()


def test_a_recycled_pid_is_another_process(path):
    started = us().started
    if started is None:
        pytest.skip("no /proc here")
    write(path, replace(us(), started=started - 1))
    assert not Lock(path).held() and Lock(path).acquire()


@pytest.mark.parametrize("field", ["host", "namespace", "boot"])
def test_an_owner_elsewhere_lives_by_its_heartbeat(path, dead, field):
    elsewhere = replace(dead, **{field: "elsewhere"})
    write(path, elsewhere, age=STALE - 60)
    assert Lock(path).held() and not Lock(path).acquire()
    write(path, elsewhere, age=STALE + 60)
    assert not Lock(path).held() and Lock(path).acquire()


@pytest.mark.parametrize("skew", [-10 * STALE, 10 * STALE])
def test_heartbeats_are_measured_by_the_file_servers_clock(path, dead, monkeypatch, skew):
    """The clock of this host is wrong, or that of the owner's was when it beat by its own."""
    ours = time.time()
    monkeypatch.setattr(module.time, "time", lambda: ours + skew)
    for age, alive in ((0, True), (STALE + 60, False)):
        write(path, replace(dead, host="elsewhere"))
        os.utime(path, (ours - age, ours - age))
        assert Lock(path).held() == alive
    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    assert Lock(path).held() == (skew < 0)  # ours is all there is where nothing may be written


@pytest.mark.parametrize("skew", [-10 * STALE, 10 * STALE])
def test_a_heartbeat_is_by_the_file_servers_clock(path, monkeypatch, skew):
    lock, ours = Lock(path), time.time()
    lock.acquire()
    os.utime(path, (0, 0))
    monkeypatch.setattr(module.time, "time", lambda: ours + skew)
    assert lock.beat() and abs(path.stat().st_mtime - ours) < 60


def test_a_full_disk_tells_the_file_servers_time(path, dead, monkeypatch):
    class Full:
        """A file that can be made and not written."""

        def __init__(self, *args, **kwargs):
            self.file = plain(*args, **kwargs)
            self.fileno, self.write = self.file.fileno, refuse

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    plain, ours = module.tempfile.TemporaryFile, time.time()
    monkeypatch.setattr(module.time, "time", lambda: ours + 10 * STALE)
    monkeypatch.setattr(module.tempfile, "TemporaryFile", Full)
    write(path, replace(dead, host="elsewhere"))
    os.utime(path, (ours, ours))
    assert Lock(path).held()


def refuse(*args, **kwargs):
    raise PermissionError("read-only")


@pytest.mark.parametrize("content", [b"", b'{"host": "x", "pi', b"\xff\x00", b"[]", b"{}"])
def test_a_torn_lock_lives_by_its_heartbeat(path, content):
    path.write_bytes(content)
    assert Lock(path).held() and Lock(path).owner() is None and not Lock(path).acquire()
    os.utime(path, (0, 0))
    assert not Lock(path).held() and Lock(path).acquire()


def test_a_guard_left_by_a_dead_process_does_not_block(path, dead):
    for name in ("lock", "lock.take", "lock.take.take"):
        write(path.with_name(name), dead)
    lock = Lock(path)
    assert lock.acquire() and lock.mine()
    assert [p.name for p in path.parent.iterdir()] == ["lock"]


def test_a_live_taker_is_left_alone(path, dead):
    write(path, dead)
    guard = Lock(path.with_name("lock.take"))
    guard.acquire()
    assert not Lock(path).acquire()
    guard.release()
    assert Lock(path).acquire()


def test_a_lock_that_changed_before_the_guard_was_ours_is_not_taken(path, dead, monkeypatch):
    write(path, dead)
    seen = module.read(path)
    other = replace(dead, token="another")
    write(path, other)
    assert not Lock(path)._take_over(seen.content)
    assert Lock(path).owner() == other


def test_a_dead_lock_of_the_same_call_is_left_to_the_next(path, dead):
    write(path, replace(dead, call="one"))
    assert not Lock(path, call="one").acquire()
    assert Lock(path, call="two").acquire()


def test_without_hard_links_there_is_still_one_holder(path, monkeypatch):
    def none(*args):
        raise OSError(module.errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(module.os, "link", none)
    first = Lock(path)
    assert first.acquire() and first.mine() and not Lock(path).acquire()
    assert [p.name for p in path.parent.iterdir()] == ["lock"]


def test_a_lock_that_cannot_be_removed_is_given_up_all_the_same(path, monkeypatch):
    lock = Lock(path)
    lock.acquire()
    monkeypatch.setattr(module.Path, "unlink", refuse)
    lock.release()
    assert not lock.mine() and path.exists()


def test_a_taker_that_slept_until_its_file_was_tidied_away_gets_nothing(path, monkeypatch):
    write_whole = module.write_whole

    def tidied(temporary, content):
        write_whole(temporary, content)
        temporary.unlink()

    monkeypatch.setattr(module, "write_whole", tidied)
    assert not Lock(path).acquire() and not path.exists()


def test_the_heartbeat_touches_the_file_and_tells_of_a_loss(path):
    lock, lost = Lock(path), []
    lock.acquire()
    os.utime(path, (0, 0))
    with heartbeat(lock, lambda: lost.append(1), every=0.02):
        wait(lambda: path.stat().st_mtime > 0)
        assert not lost
        write(path, replace(us(), token="another"))
        wait(lambda: lost)
    assert lost == [1]


def test_an_ended_heartbeat_reports_nothing(path):
    lock, lost = Lock(path), []
    lock.acquire()
    with heartbeat(lock, lambda: lost.append(1), every=0.01):
        pass
    lock.release()
    time.sleep(0.1)
    assert not lost


def wait(claim, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)


def race(target, rounds: int, folder: Path) -> list:
    """What PROCESSES processes return from target(folder, round), all starting each together."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    arguments = (target, rounds, folder, barrier, answers)
    racers = [context.Process(target=racer, args=arguments) for _ in range(PROCESSES)]
    for process in racers:
        process.start()
    found = [answers.get(timeout=60) for _ in racers]
    for process in racers:
        process.join()
    return [answer for mine in found for answer in mine]


def racer(target, rounds, folder, barrier, answers):
    found = []
    for turn in range(rounds):
        barrier.wait(60)
        found += target(folder, turn)
    barrier.wait(60)  # nobody ends, and with it its locks, before all have tried
    answers.put(found)


def take_all(folder, turn):
    """The names of 20 fresh locks that this process got."""
    names = [f"{turn}-{i}" for i in range(20)]
    return [name for name in names if Lock(folder / name).acquire()]


def take_dead(folder, turn):
    name = f"{turn}"
    return [name] if Lock(folder / name).acquire() else []


def enter(folder, turn):
    """Passes through one critical section a few times; returns whom it met there."""
    met = []
    for _ in range(5):
        lock = Lock(folder / f"{turn}")
        while not lock.acquire():
            time.sleep(0.001)
        try:
            os.close(os.open(folder / f"{turn}.inside", os.O_CREAT | os.O_EXCL))
            os.unlink(folder / f"{turn}.inside")
        except FileExistsError:
            met.append(turn)
        lock.release()
    return met


def test_of_eight_racing_processes_one_gets_each_lock(tmp_path):
    got = race(take_all, 10, tmp_path)
    assert sorted(got) == sorted(f"{turn}-{i}" for turn in range(10) for i in range(20))


def test_a_critical_section_has_one_process_inside(tmp_path):
    assert race(enter, 3, tmp_path) == []


def test_of_eight_racing_processes_one_takes_over_a_dead_lock(tmp_path, dead):
    rounds = 120
    for turn in range(rounds):
        write(tmp_path / f"{turn}", dead)
        if turn % 3 == 0:
            write(tmp_path / f"{turn}.take", dead)
    got = race(take_dead, rounds, tmp_path)
    assert sorted(got, key=int) == [f"{turn}" for turn in range(rounds)]
    assert not list(tmp_path.glob("*.take*"))
