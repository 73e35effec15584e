"""Runs that a fake training goes through, without torch: `fake` stands where bench.execute does."""

import json
import os
import signal
import time
from pathlib import Path

from bench import FORMAT
from bench.runs.files import write_json
from bench.runs.rundir import RunDir

FAKE = f"{__name__}:fake"


class Stopped(Exception):
    pass


class TrainingFailed(Exception):
    pass


def fake(run, places, stop):
    """Goes through the epochs of plan.json from where the log stands, and notes who ran it."""
    plan = json.loads((run.path / "plan.json").read_text())
    append(run.path / "ran", f"{os.getpid()}\n")
    write_json(run.path / "places.json", places.to_json())
    (run.path / "gpu").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    for epoch in range(len(run.rows()), plan["epochs"]):
        if stop():
            raise Stopped
        row = {"stage": "train", "epoch": epoch, "loss": 0.5, "val_accuracy": 0.9}
        row |= {"done": epoch + 1, "of": plan["epochs"], "seconds": 0.01}
        append(run.log, json.dumps(row) + "\n")
        run.checkpoint.touch()
        time.sleep(plan["seconds"])
    wait(lambda: len(workers_of(run.path.parent)) >= plan["meet"])
    wait(lambda: not plan["gate"] or (run.path / plan["gate"]).exists())
    if plan["end"] == "die":
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if plan["end"] == "leave":
        print("last words", flush=True)
        os._exit(7)
    if plan["end"] != "good":
        raise {"told": TrainingFailed, "bug": KeyError}[plan["end"]]("the loss is\nnot finite")
    finish(run)


def finish(run, seconds=4.1, val=0.964):
    """Writes what a result cannot lack, and its score on validation if there is one."""
    cost = {"seconds": seconds, "epochs": 2}
    known = {"spec": {}, "digest": "abc", "method": {"name": "joint"}, "modalities": []}
    known |= {"dataset": {"name": "digits"}, "data_hash": "d", "code": {}, "cost": cost}
    known |= {"split": {"name": "clean", "digests": {}, "counts": {}}}
    reading = {"stage": "train", "epoch": 1, "val": val and {"accuracy": val}}
    write_json(run.result, {"format": FORMAT, **known, "protocols": {"val": reading}})


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def make(folder: Path, count: int, epochs: int = 2, seconds: float = 0.0) -> list[RunDir]:
    runs = []
    for seed in range(count):
        run = RunDir(folder / "runs" / "digits" / "joint" / "abc" / f"seed-{seed}")
        run.path.mkdir(parents=True)
        plan = {"epochs": epochs, "seconds": seconds, "end": "good", "meet": 0, "gate": ""}
        write_json(run.path / "plan.json", plan)
        runs.append(run)
    return runs


def change(*runs: RunDir, **plan):
    """meet: so many workers must be at work before a run ends; gate: a file that must be there."""
    for file in (run.path / "plan.json" for run in runs):
        write_json(file, json.loads(file.read_text()) | plan)


def times_run(run: RunDir) -> int:
    file = run.path / "ran"
    return len(file.read_text().split()) if file.exists() else 0


def wait(claim, seconds: float = 30.0):
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


def workers_of(folder: Path) -> set[int]:
    return {int(pid) for file in folder.rglob("ran") for pid in file.open()}
