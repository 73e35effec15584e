"""Runs in child processes that are killed with SIGKILL, and what they leave."""

import multiprocessing
import random
import shutil
import time

from bench.execute import execute
from bench.rundir import place
from bench.runner.worker import Request, load, work
from tests.support import spec_of

COUNTED = ("epochs", "steps", "parameters_inference", "forward_flops", "training_flops")
FORK = multiprocessing.get_context("fork")  # torch is imported once


def start(results, spec):
    """The run's directory, with its spec."""
    run = place(results, spec)
    run.create(spec)
    return run


def finish(run):
    execute(run, run.path, {}, "cpu")


def child(run):
    work([run], load(Request([], str(run.path), {}, "cpu")), lambda: False)


def launch(run):
    process = FORK.Process(target=child, args=(run,))
    process.start()
    return process


def kill_after(run, seconds):
    """SIGKILLs the run after a time inside it. Returns whether it was still at work."""
    process = launch(run)
    deadline = time.monotonic() + 60
    while not run.lock.held() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    return not run.result.exists()


def kill_until_done(run, seed, longest, most=4):
    """Kills the run at random moments again and again, then lets it end. Returns the kills that
    hit it at work, one at least: a run that ends before the first is begun anew and hurried."""
    draw, kills, spec = random.Random(seed), 0, run.spec()
    while kills < most:
        if kill_after(run, draw.uniform(0, longest)):
            kills += 1
        elif kills:
            break
        else:
            shutil.rmtree(run.path)
            run.create(spec)
            longest /= 2
    process = launch(run)
    process.join()
    return kills


def outcome(run):
    """The bytes that must not depend on interruptions."""
    files = (run.weights, run.predictions("val"), run.predictions("test"), run.subsets)
    return [file.read_bytes() for file in files]


def facts(run):
    """What of the result must not depend on interruptions."""
    result = run.read_result()
    timed = ("cost", "finished")
    cost = {k: v for k, v in result["cost"].items() if k in COUNTED}
    return {key: v for key, v in result.items() if key not in timed} | {"cost": cost}


def compare_with_uninterrupted(tmp_path, name, seed, epochs=6):
    """Kills a run of the row at random moments; what it ends with equals the uninterrupted run's.
    Returns how many kills hit it at work."""
    spec = spec_of(name, epochs=epochs, seed=seed)
    whole, torn = start(tmp_path / "whole", spec), start(tmp_path / "torn", spec)
    started = time.monotonic()
    launch(whole).join()
    longest = time.monotonic() - started
    kills = kill_until_done(torn, f"{name}{seed}", longest)
    assert outcome(torn) == outcome(whole)
    assert facts(torn) == facts(whole)
    drop = {"seconds", "time"}
    rows = [
        [{k: v for k, v in r.items() if k not in drop} for r in x.rows()] for x in (torn, whole)
    ]
    assert rows[0] == rows[1]
    assert torn.state == "done"
    return kills
