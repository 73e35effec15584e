"""Runs in child processes that are killed with SIGKILL, and what they leave."""

import multiprocessing
import random
import shutil
import time

from bench.execute import execute
from bench.rundir import place
from tests.faults import attempt
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


def launch(run):
    process = FORK.Process(target=attempt, args=(run,))
    process.start()
    return process


def kill_after(run, seconds):
    """SIGKILLs the run after a time inside it. Returns where that hit it, None if it had ended."""
    process = launch(run)
    deadline = time.monotonic() + 60
    while not run.lock.held() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    return None if run.result.exists() else whereabouts(run)


def whereabouts(run):
    """How far a run is by its log: before its first epoch, the stage of the last, or its end."""
    rows = run.rows()
    if not rows:
        return "first epoch"
    return "writing results" if rows[-1]["done"] == rows[-1]["of"] else f"in {rows[-1]['stage']}"


def kill_until_done(run, seed, longest, most=4):
    """Kills the run at random moments again and again, then lets it end. Returns where the kills
    hit it, one at least: a run that ends before the first is begun anew and hurried."""
    draw, hits, spec = random.Random(seed), [], run.spec()
    while len(hits) < most:
        if (hit := kill_after(run, draw.uniform(0, longest))) is not None:
            hits.append(hit)
        elif hits:
            break
        else:
            shutil.rmtree(run.path)
            run.create(spec)
            longest /= 2
    process = launch(run)
    process.join()
    return hits


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


def history(run):
    """The log's rows without what measures time."""
    return [{k: v for k, v in row.items() if k not in ("seconds", "time")} for row in run.rows()]


def equal(run, other):
    """Whether two runs ended with the same numbers, to the last bit."""
    return all(view(run) == view(other) for view in (outcome, facts, history))


def compare_with_uninterrupted(tmp_path, name, seed, epochs=6):
    """Kills a run of the row at random moments; what it ends with equals the uninterrupted run's.
    Returns where the kills hit it."""
    spec = spec_of(name, epochs=epochs, seed=seed)
    whole, torn = start(tmp_path / "whole", spec), start(tmp_path / "torn", spec)
    started = time.monotonic()
    launch(whole).join()
    longest = time.monotonic() - started
    hits = kill_until_done(torn, f"{name}{seed}", longest)
    assert torn.state == "done" and equal(torn, whole)
    return hits
