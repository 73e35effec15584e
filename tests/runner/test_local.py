"""The local runner with a fake training: `fake` stands where bench.execute does, without torch."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.runner import local, progress
from bench.runner.local import run_local
from bench.runner.progress import Bars, Log
from bench.runner.worker import ENDED, LEFT, STOPPED, UNWRITABLE, Engine, work
from bench.runs.files import write_json
from bench.runs.lock import Lock, parse, ticket
from bench.runs.places import Places
from bench.runs.processes import lives
from bench.runs.rundir import RunDir
from tests.helpers import fake_runs
from tests.helpers.fake_runs import (
    FAKE,
    Stopped,
    TrainingFailed,
    append,
    change,
    make,
    times_run,
    wait,
    workers_of,
)

ROOT = Path(__file__).parents[2]
PLACES = Places(Path("cache"), {"digits": Path("here")}, "cpu")


def call(runs, jobs=2, retry=False, out=None):
    out = out or io.StringIO()
    return run_local(runs, jobs, PLACES, retry, out, execute=FAKE)


CALL = """
import io, json, pathlib, signal, sys
from bench.runs.places import Places
from bench.runs.rundir import RunDir
from bench.runner.local import run_local
signal.signal(signal.SIGINT, signal.default_int_handler)
fake, jobs, *paths = sys.argv[1:]
runs = [RunDir(pathlib.Path(path)) for path in paths]
places = Places(pathlib.Path("cache"))
end = run_local(runs, int(jobs), places, False, sys.stderr, execute=fake)
print(json.dumps([len(end.done), len(end.failed), len(end.stopped), end.interrupted]))
"""


def start(runs, jobs) -> subprocess.Popen:
    """A process of its own that calls run_local; it prints [done, failed, stopped, interrupted]."""
    return subprocess.Popen(
        [sys.executable, "-c", CALL, FAKE, str(jobs), *(run.path for run in runs)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_run_is_done_once(tmp_path, jobs):
    runs = make(tmp_path, 6)
    change(*runs, meet=jobs)
    end = call(runs, jobs)
    assert end.done == [run.path for run in runs]
    assert not end.failed and not end.stopped and not end.interrupted
    assert [times_run(run) for run in runs] == [1] * 6
    assert len(workers_of(tmp_path)) == jobs
    assert not [run for run in runs if run.lock.path.exists()]


def test_the_worker_gets_the_places(tmp_path):
    (run,) = make(tmp_path, 1)
    call([run])
    assert Places.from_json(json.loads((run.path / "places.json").read_text())) == PLACES


def test_there_are_never_more_workers_than_runs(tmp_path, monkeypatch):
    runs = make(tmp_path, 3)
    write_json(runs[0].result, {})
    begun = []
    original = local.WorkerPool.start
    monkeypatch.setattr(local.WorkerPool, "start", lambda *a: begun.append(1) or original(*a))
    assert len(call(runs, jobs=9).done) == 3
    assert len(begun) == 2 and not times_run(runs[0])


def test_of_more_runs_than_a_look_is_at_all_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "NEAR", 2)
    runs, out = make(tmp_path, 7), io.StringIO()
    assert len(call(runs, out=out).done) == 7
    assert all(f"[{i}/7] digits/joint seed" in out.getvalue() for i in range(1, 8))


def test_with_nothing_to_do_no_process_starts(tmp_path, monkeypatch):
    runs = make(tmp_path, 3)
    for run in runs[:2]:
        write_json(run.result, {})
    runs[2].error.write_text("it failed before\n")
    monkeypatch.setattr(local.WorkerPool, "start", lambda *a: pytest.fail("a worker was started"))
    out = io.StringIO()
    end = call(runs, out=out)
    assert out.getvalue() == "2 of 3 runs were done already\n"
    assert len(end.done) == 2 and end.failed == {runs[2].path: "it failed before"}


def test_two_calls_at_once_share_the_runs(tmp_path):
    runs = make(tmp_path, 8)
    change(*runs, meet=4)
    calls = [start(runs, 2) for _ in range(2)]
    ends = [process.communicate(timeout=60)[0] for process in calls]
    assert [json.loads(end) for end in ends] == [[8, 0, 0, False]] * 2
    assert [times_run(run) for run in runs] == [1] * 8
    assert len(workers_of(tmp_path)) == 4


def test_a_failing_run_leaves_its_reason_and_the_others_go_on(tmp_path):
    runs = make(tmp_path, 4)
    change(runs[0], end="told")
    change(runs[1], end="bug")
    out = io.StringIO()
    end = call(runs, jobs=1, out=out)
    assert len(end.done) == 2 and not end.stopped
    assert end.failed[runs[0].path] == "the loss is not finite"
    assert end.failed[runs[1].path].startswith("KeyError: ")
    first, blank, second = runs[0].error.read_text().splitlines()[:3]
    assert (first, blank) == ("the loss is not finite", "") and second.startswith("Traceback")
    assert "digits/joint seed 0: failed: the loss is not finite" in out.getvalue()
    assert [run.state for run in runs] == ["failed", "failed", "done", "done"]


def test_failed_runs_are_run_again_only_when_told_to(tmp_path):
    runs = make(tmp_path, 2)
    runs[0].error.write_text("it failed before\n")
    assert len(call(runs).failed) == 1 and not times_run(runs[0])
    end = call(runs, retry=True)
    assert len(end.done) == 2 and [times_run(run) for run in runs] == [1, 1]
    assert not runs[0].error.exists()


def test_retry_leaves_a_run_alone_that_is_being_retried(tmp_path):
    (run,) = make(tmp_path, 1)
    run.error.write_text("it failed before\n")
    other = run.lock
    other.acquire()
    local.forgive(run)
    assert run.error.exists()
    other.release()
    local.forgive(run)
    assert not run.error.exists() and not run.lock.path.exists()


@pytest.mark.parametrize(
    ("end", "how"), [("die", "was ended by SIGKILL"), ("leave", "ended with code 7")]
)
def test_a_crashed_worker_costs_only_its_run(tmp_path, end, how):
    runs = make(tmp_path, 5, seconds=0.05)
    change(runs[0], end=end)
    out = io.StringIO()
    end = call(runs, jobs=2, out=out)
    assert end.stopped == [runs[0].path] and len(end.done) == 4 and not end.interrupted
    assert [times_run(run) for run in runs] == [1] * 5
    assert f"digits/joint seed 0: stopped: its process {how}" in out.getvalue()
    assert "last words" in out.getvalue()
    assert runs[0].state == "stopped"


def test_after_a_killed_worker_another_takes_its_place_and_the_next_call_its_run(tmp_path):
    runs = make(tmp_path, 3)
    change(runs[0], end="die")
    assert len(call(runs, jobs=1).done) == 2
    change(runs[0], end="good")
    assert len(call(runs, jobs=1).done) == 3 and times_run(runs[0]) == 2


def test_a_worker_that_cannot_start_ends_the_call(tmp_path):
    runs, out = make(tmp_path, 2), io.StringIO()
    end = run_local(runs, 2, PLACES, False, out, execute="no_such_module:fake")
    assert end.stopped == [run.path for run in runs]
    assert "No module named 'no_such_module'" in out.getvalue()


COUNTED = """
from pathlib import Path
from tests.helpers.fake_runs import Stopped, TrainingFailed, append, fake
append(Path(__file__).with_suffix(".loaded"), "once\\n")
"""


def test_what_trains_is_loaded_once_however_many_workers_there_are(tmp_path, monkeypatch):
    (tmp_path / "counted.py").write_text(COUNTED)
    monkeypatch.syspath_prepend(tmp_path)
    runs = make(tmp_path, 6)
    change(*runs[1:4], meet=4)
    change(runs[0], end="die")
    end = run_local(runs, 3, PLACES, False, io.StringIO(), execute="counted:fake")
    assert len(end.done) == 5
    assert (tmp_path / "counted.loaded").read_text() == "once\n"


def test_workers_stop_when_the_process_that_they_are_forks_of_is_killed(tmp_path):
    runs, out = make(tmp_path, 2, epochs=5000, seconds=0.02), io.StringIO()

    def kill():
        wait(lambda: all(run.rows() for run in runs))
        os.kill(os.getpgid(int(ran_by(runs[0]))), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    end = call(runs, out=out)
    killer.join()
    assert end.stopped == [run.path for run in runs] and not end.interrupted
    assert out.getvalue().count("a worker: stopped: its process was ended by SIGKILL") == 1
    wait(lambda: not any(lives(pid, None) for pid in workers_of(tmp_path)))
    assert not [run for run in runs if run.lock.path.exists()]


def gpus_seen(folder, jobs):
    runs = make(folder, jobs)
    change(*runs, meet=jobs)
    call(runs, jobs=jobs)
    return sorted((run.path / "gpu").read_text() for run in runs)


def test_several_gpus_are_dealt_out_to_the_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert gpus_seen(tmp_path / "two", 3) in (["4", "4", "6"], ["4", "6", "6"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert gpus_seen(tmp_path / "one", 2) == ["4", "4"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpus_seen(tmp_path / "unknown", 2) == ["", ""]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_workers_outlive_a_schedulers_signal_to_the_whole_process_tree(tmp_path, number):
    (run,) = make(tmp_path, 1)
    change(run, gate="go")

    class Out(io.StringIO):
        def write(self, text):
            if "starts" in text:
                wait(lambda: times_run(run))
                os.killpg(os.getpgid(int(ran_by(run))), number)
                append(run.path / "go", "!")
            return super().write(text)

    assert len(call([run], out=Out()).done) == 1 and times_run(run) == 1


def test_workers_end_with_a_killed_parent_and_the_next_call_goes_on(tmp_path):
    runs = make(tmp_path, 3, epochs=5000, seconds=0.02)
    parent = start(runs, 2)
    wait(lambda: len(runs[0].rows()) > 2 and len(runs[1].rows()) > 2)
    pids = workers_of(tmp_path)
    parent.kill()
    parent.communicate()
    wait(lambda: not any(lives(pid, None) for pid in pids))
    assert not any(run.lock.held() for run in runs)
    assert [run.state for run in runs[:2]] == ["stopped"] * 2
    for run in runs:
        change(run, epochs=len(run.rows()) + 1, seconds=0)
    assert len(call(runs).done) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_call_stops_its_workers_and_says_so(tmp_path, number):
    runs = make(tmp_path, 3, epochs=5000, seconds=0.02)
    parent = start(runs, 2)
    wait(lambda: runs[0].rows() and runs[1].rows())
    pids = workers_of(tmp_path)
    assert os.getsid(parent.pid) not in map(os.getsid, pids)  # whose Ctrl-C does not reach them
    parent.send_signal(number)
    printed, _ = parent.communicate(timeout=30)
    assert json.loads(printed) == [0, 0, 3, True] and parent.returncode == 0
    assert not any(lives(pid, None) for pid in pids)
    assert not [run for run in runs if run.lock.path.exists()]


def test_a_second_signal_kills_workers_that_do_not_stop(tmp_path):
    (run,) = make(tmp_path, 1, epochs=1, seconds=500)
    parent = start([run], 1)
    wait(run.rows)
    parent.send_signal(signal.SIGINT)
    time.sleep(1.2)
    parent.send_signal(signal.SIGINT)
    printed, _ = parent.communicate(timeout=15)
    assert json.loads(printed) == [0, 0, 1, True]
    assert not any(lives(pid, None) for pid in workers_of(tmp_path)) and not run.lock.held()


def test_runs_that_another_process_holds_are_waited_for(tmp_path):
    runs = make(tmp_path, 2)
    change(runs[0], gate="go")

    class Out(io.StringIO):
        def write(self, text):
            if "waiting for 1 run that another process holds" in text:
                threading.Timer(0.7, append, (runs[0].path / "go", "!")).start()
            return super().write(text)

    other, out = start(runs[:1], 1), Out()
    wait(runs[0].rows)
    end = call(runs, out=out)
    assert len(end.done) == 2 and [times_run(run) for run in runs] == [1, 1]
    assert out.getvalue().count("waiting for") == 1 and f", {ran_by(runs[0])})" in out.getvalue()
    other.communicate(timeout=30)


def ran_by(run: RunDir) -> str:
    return (run.path / "ran").read_text().strip()


def engine(execute) -> Engine:
    return Engine(execute, Stopped, (TrainingFailed,))


def finish(run, stop):
    write_json(run.result, {})


def test_work_rechecks_a_run_after_getting_its_lock(tmp_path, monkeypatch):
    (run,) = make(tmp_path, 1)
    original = Lock.acquire

    def late(lock):
        if lock.path == run.lock.path:
            write_json(run.result, {})  # another process ends it just before
        return original(lock)

    monkeypatch.setattr(Lock, "acquire", late)
    assert work([run], engine(lambda *_: pytest.fail("it ran twice")), lambda: False) == ENDED
    assert not run.lock.path.exists()


def test_work_comes_back_to_a_run_that_was_held(tmp_path):
    runs = make(tmp_path, 2)
    other = runs[0].lock
    other.acquire()
    order = []

    def execute(run, stop):
        order.append(run)
        finish(run, stop)
        other.release()

    assert work(runs, engine(execute), lambda: False, poll=0) == ENDED
    assert order == [runs[1], runs[0]]


def test_work_leaves_runs_to_workers_of_the_same_call_at_once(tmp_path):
    runs = make(tmp_path, 2)
    Lock(runs[0].lock.path, "ours").acquire()
    assert work(runs, engine(finish), lambda: False, "ours", poll=99) == ENDED
    assert [run.state for run in runs] == ["running", "done"]


def test_work_leaves_runs_to_others_after_its_patience(tmp_path):
    runs = make(tmp_path, 2)
    runs[0].lock.acquire()
    assert work(runs, engine(finish), lambda: False, poll=0.01, patience=0.1) == LEFT
    assert [run.state for run in runs] == ["running", "done"]


def test_work_stops_when_told_and_releases(tmp_path):
    runs, asked = make(tmp_path, 2), []

    def execute(run, stop):
        assert not stop()
        asked.append(1)
        assert stop()
        raise Stopped

    assert work(runs, engine(execute), lambda: bool(asked)) == STOPPED
    assert [run.state for run in runs] == ["waiting"] * 2 and len(asked) == 1


def test_an_interrupt_inside_a_run_releases_its_lock(tmp_path):
    (run,) = make(tmp_path, 1)

    def execute(run, stop):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work([run], engine(execute), lambda: False)
    assert run.state == "waiting" and not run.lock.path.exists()


def test_a_run_without_a_result_has_failed(tmp_path):
    (run,) = make(tmp_path, 1)
    assert work([run], engine(lambda *_: None), lambda: False) == ENDED
    assert run.state == "failed" and "without a result" in run.reason()


def test_a_run_whose_lock_was_lost_writes_no_error(tmp_path):
    (run,) = make(tmp_path, 1)

    def execute(run, stop):
        if not times_run(run):
            append(run.path / "ran", "once\n")
            other = parse(ticket("")[1])
            write_json(run.lock.path, {**vars(other), "pid": 2**22 + 1})  # dead, and not ours
            raise TrainingFailed("half a run")
        finish(run, stop)

    assert work([run], engine(execute), lambda: False, poll=0) == ENDED
    assert run.state == "done" and not run.error.exists()


def test_a_folder_that_is_gone_is_told_and_the_others_go_on(tmp_path, capsys):
    runs = [RunDir(tmp_path / "a" / "b" / "c" / "seed-0"), *make(tmp_path, 1)]
    assert work(runs, engine(finish), lambda: False) == UNWRITABLE
    assert (
        "seed-0/lock cannot be written: no such" in capsys.readouterr().err
        and runs[1].state == "done"
    )


def log_epoch(run: RunDir, done: int, of: int, **more):
    append(run.log, json.dumps({"stage": "train", "done": done, "of": of, **more}) + "\n")


def test_plain_lines_tell_start_end_and_score(tmp_path):
    runs, out = make(tmp_path, 11), io.StringIO()
    for run in runs[:9]:
        write_json(run.result, {})
    log_epoch(runs[10], 1, 4)
    shown = progress.follow(runs, runs[9:], out)
    shown.update(runs[9:])
    fake_runs.finish(runs[9], 4.1, None)
    fake_runs.finish(runs[10], 754.0)
    shown.end(runs[9])
    shown.end(runs[10])
    shown.close()
    assert out.getvalue().splitlines() == [
        "9 of 11 runs were done already",
        "digits/joint seed 9: starts",
        "digits/joint seed 10: starts, goes on after epoch 1/4",
        "[10/11] digits/joint seed 9: done in 4 s",
        "[11/11] digits/joint seed 10: done in 12 min 34 s, val 96.4 %",
    ]


def test_a_call_without_a_terminal_prints_plain_lines(tmp_path):
    runs, out = make(tmp_path, 1), io.StringIO()
    call(runs, out=out)
    assert out.getvalue().splitlines()[-1] == ("[1/1] digits/joint seed 0: done in 4 s, val 96.4 %")


def test_a_running_run_speaks_no_more_than_agreed(tmp_path, monkeypatch):
    (run,), out, now = make(tmp_path, 1), io.StringIO(), [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.follow([run], [run], out)
    for moment in (100, 105, 111, 120, 122):
        now[0] = moment
        log_epoch(run, 1, 4, seconds=20.0, loss=0.1234)
        shown.update([run])
    line = "digits/joint seed 0: train epoch 1/4  loss 0.123  1 min 0 s left"
    assert out.getvalue().splitlines() == ["digits/joint seed 0: starts", line, line]


def test_the_log_is_read_as_it_grows_and_anew_when_it_is_replaced(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    log.update()
    assert log.rows == 0 and str(log) == "starting"
    append(log.path, '{"done": 1, "of": 3, "seconds": 1.0}\n{"done": 2, "o')
    log.update()
    assert (log.rows, log.done) == (1, 1)
    append(log.path, 'f": 3, "seconds": 3.0}\n{"torn\n')
    log.update()
    assert (log.rows, log.done, log.planned, log.seconds) == (2, 2, 3, 4.0)
    fresh = tmp_path / "fresh"
    append(fresh, '{"done": 1, "of": 5}\n{"torn\n' + " " * 200 + "\n")
    os.replace(fresh, log.path)
    log.update()
    assert (log.rows, log.done, log.planned) == (1, 1, 5)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_bars(tmp_path):
    runs, out = make(tmp_path, 3), Terminal()
    write_json(runs[0].result, {})
    shown = progress.follow(runs, runs[1:], out)
    assert isinstance(shown, Bars)
    log_epoch(runs[1], 3, 4, seconds=1.0, val_accuracy=0.912)
    shown.update(runs[1:])
    assert "digits/joint seed 1  train epoch 3/4  val 91.2 %  1 s left" in out.getvalue()
    assert "digits/joint seed 2  starting" in out.getvalue()
    assert "runs 1/3" in out.getvalue() and "3/8 epochs" in out.getvalue()
    shown.close()


def test_a_call_on_a_terminal_ends_with_a_full_bar_and_names_failures(tmp_path):
    runs, out = make(tmp_path, 2, epochs=4), Terminal()
    change(runs[1], end="told")
    call(runs, jobs=1, out=out)
    assert "runs 2/2" in out.getvalue() and "8/8 epochs" in out.getvalue()
    assert "[2/2] digits/joint seed 1: failed: the loss is not finite" in out.getvalue()


def test_the_bar_counts_a_silent_run_as_the_mean_of_the_others(tmp_path):
    runs = make(tmp_path, 3)
    for run, planned in zip(runs, (10, 20), strict=False):
        log_epoch(run, 2, planned)
    bars = progress.follow(runs, runs, Terminal())
    assert (bars.epochs(), bars.total()) == (4, 45)
    runs[2].error.write_text("no\n")
    bars.end(runs[2])
    assert bars.total() == 30
    bars.close()
