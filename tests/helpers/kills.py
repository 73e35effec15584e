"""Runs in child processes that are killed with SIGKILL, and what they leave."""

import multiprocessing
import random
import shutil
import sys
import time

from bench.execute import execute
from bench.runner.worker import ENDED, UNWRITABLE
from bench.runs.files import Unwritable
from bench.runs.places import Places
from bench.runs.rundir import place
from tests.helpers.faults import attempt
from tests.helpers.training import spec_of

COUNTED = ("epochs", "steps", "parameters_inference", "forward_flops", "training_flops")
FORK = multiprocessing.get_context("fork")  # torch is imported once
RATE = 0.01


def start(results, spec):
    """The run's directory, with its spec."""
    run = place(results, spec)
    run.create(spec)
    return run


def finish(run):
    execute(run, Places(run.path, device="cpu"))


def launch(run):
    process = FORK.Process(target=attempt, args=(run,))
    process.start()
    return process


def kill_at(run, epochs, seconds):
    """SIGKILLs the run a time after so many epochs are in its log. Whether it had not ended."""
    process = launch(run)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.is_alive():
        if run.lock.held() and len(run.rows()) >= epochs:
            break
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.join()
    return not run.result.exists()


def whereabouts(run, whole):
    """What a run is at by its log: its first epoch, the stage of the next one, or its end."""
    ended, planned = len(run.rows()), whole.rows()
    if not ended:
        return "first epoch"
    return "writing results" if ended == len(planned) else f"in {planned[ended]['stage']}"


def kill_until_done(run, draw, whole, most=4):
    """Kills the run at random moments of all that the whole one went through, then lets it end.
    Returns where they hit it, one at least: a run that ends first is begun anew and hurried."""
    hits, spec, hurry, rows = [], run.spec(), 1.0, whole.rows()
    longest = {0: rows[0]["time"] - whole.spec_file.stat().st_mtime}
    longest[len(rows)] = whole.result.stat().st_mtime - rows[-1]["time"]
    while not hits:
        for epochs in sorted(draw.randint(0, len(rows)) for _ in range(most)):
            seconds = longest.get(epochs, rows[epochs - 1]["seconds"])
            if not kill_at(run, epochs, draw.uniform(0, hurry * seconds)):
                break
            hits.append(whereabouts(run, whole))
        if not hits:
            shutil.rmtree(run.path)
            run.create(spec)
            hurry /= 2
    process = launch(run)
    process.join()
    return hits


def outcome(run):
    """The bytes that must not depend on interruptions."""
    files = (run.weights, run.predictions("val"), run.predictions("test"), run.subsets)
    return [file.read_bytes() for file in files]


def facts(run):
    """What of the result must not depend on interruptions."""
    result = run.result_json()
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
    """Kills a run of the row at random moments; what it ends with equals the run before it, in one
    go in this process, at a rate at which none diverges. Returns where the kills hit it."""
    spec = spec_of(name, epochs=epochs, seed=seed, train={"lr": RATE})
    whole, torn = start(tmp_path / "whole", spec), start(tmp_path / "torn", spec)
    assert attempt(whole) == ENDED
    hits = kill_until_done(torn, random.Random(f"{name}{seed}"), whole)
    assert torn.state == "done" and equal(torn, whole)
    return hits


def trained(folder, spec):
    """From nothing to where it gets: the run and the worker's exit code, UNWRITABLE also if not
    even its directory could be made."""
    try:
        run = start(folder, spec)
    except Unwritable as error:
        print(error, file=sys.stderr)
        return None, UNWRITABLE
    return run, attempt(run)
