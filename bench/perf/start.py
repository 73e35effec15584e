"""What it takes to start: processes of their own that do little, in turns."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from bench.runs.rundir import every, place
from bench.training.timing import quartiles

RUN = "main([*'run --method joint --seeds 1 --epochs 1 --device cpu --dataset'.split(), DATASET])"
# What a process does; `main` is the command line's. `run` has nothing to do. A worker is one that
# is ready to train, a further one of the same call a fork of what has loaded that.
ACTS = {
    "python": "",
    "list methods": "assert not main(['list', 'methods'])",
    "run --dry": "assert not main(['run', '--method', 'joint', '--dataset', DATASET, '--dry'])",
    "run": f"assert not {RUN}",
    "plan": "assert not main(['plan', 'joint', '--dataset', DATASET])",
    "status": "assert not main(['status', '--results', 'many'])",
    "table": "assert not main(['table', '--results', 'many'])",
    "worker": "import bench.execute",
    "further worker": "import bench.execute, gc, os; gc.freeze(); further = os.fork() == 0\n"
    "if further: spent.clear()\n"
    "else: os._exit(os.wait()[1])",
}
SEEDS = 5  # of each configuration of many runs
# Prints its processor time and memory, and the time that each library took to load, by its first
# name: all that runs while one is imported, but for the others that it imports.
CHILD = """
import builtins, contextlib, io, json, sys, time
load, spent, inside = builtins.__import__, {}, [0.0]

def timed(name, globals=None, locals=None, fromlist=(), level=0):
    since = time.process_time()
    inside.append(0.0)
    try:
        return load(name, globals, locals, fromlist, level)
    finally:
        took, own = time.process_time() - since, inside.pop()
        library = (globals["__package__"] if level else name).split(".")[0]
        spent[library] = spent.get(library, 0.0) + took - own
        inside[-1] += took

builtins.__import__ = timed
with contextlib.redirect_stdout(io.StringIO()):
    act, DATASET = sys.argv[1:]
    if act:
        from bench.__main__ import main
    exec(act)
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"cpu": time.process_time(), "kib": int(peak), "libraries": spent}))
"""
SHOWN = 0.03  # seconds below which a library is left out


@dataclass
class Start:
    """Seconds of processor time, MiB, and seconds by library, a number for each round."""

    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    libraries: list[dict[str, float]] = field(default_factory=list)


def measure(rounds: int, dataset: str, runs: int) -> dict[str, Start]:
    """Each act's, after a round that is not counted, in an order drawn anew in each. runs: that
    there are to be told of."""
    starts, order = {name: Start() for name in ACTS}, random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        once(RUN, dataset, folder)  # trains the run
        copy(Path(folder, "results"), Path(folder, "many"), runs)
        for r in range(rounds + 1):
            for name in order.sample(list(ACTS), len(ACTS)):
                said = once(ACTS[name], dataset, folder)
                if r:
                    starts[name].cpu.append(said["cpu"])
                    starts[name].memory.append(said["kib"] / 1024)
                    starts[name].libraries.append(said["libraries"])
    return starts


def copy(results: Path, many: Path, count: int) -> None:
    """Writes what a table reads of so many finished runs: the one in `results` under other learning
    rates and seeds."""
    (run,) = every(results)
    spec, result = run.spec(), run.result_json()
    for i in range(count):
        train = replace(spec.train, lr=spec.train.lr * (1 + i // SEEDS))
        one = replace(spec, seed=i % SEEDS, train=train)
        made = place(many, one)
        made.path.mkdir(parents=True)
        told = result | {"spec": one.to_json(), "digest": one.digest}
        made.spec_file.write_text(json.dumps(one.to_json(), indent=1))
        made.result.write_text(json.dumps(told, indent=1))


def once(act: str, dataset: str, folder: str | Path) -> dict:
    """What one process says of itself, which stands in that folder."""
    modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    command = [sys.executable, "-P", "-c", CHILD, act, dataset]
    environment = os.environ | {"PYTHONPATH": modules}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def summary(starts: dict[str, Start]) -> list[dict[str, object]]:
    return [
        {
            "act": name,
            "cpu_seconds": quartiles(one.cpu),
            "memory_mib": quartiles(one.memory),
            "libraries": slowest(one.libraries),
        }
        for name, one in starts.items()
    ]


def slowest(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Median seconds of each library, the slowest first, without those that take hardly any."""
    names = {name for one in rounds for name in one}
    medians = {name: median([one.get(name, 0.0) for one in rounds]) for name in names}
    return {k: v for k, v in sorted(medians.items(), key=lambda item: -item[1]) if v >= SHOWN}
