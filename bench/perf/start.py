"""What it takes to start: processes of their own that do little, in turns."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.training.timing import quartiles

# What a process does; `main` is the command line's. A worker is one that is ready to train, a
# further one of the same call a fork of what has loaded that.
ACTS = {
    "python": "",
    "list methods": "assert not main(['list', 'methods'])",
    "plan": "assert not main(['plan', 'joint', '--dataset', DATASET])",
    "run --dry": "assert not main(['run', '--method', 'joint', '--dataset', DATASET, '--dry'])",
    "worker": "import bench.execute",
    "further worker": "import bench.execute, gc, os; gc.freeze(); further = os.fork() == 0\n"
    "if further: spent.clear()\n"
    "else: os._exit(os.wait()[1])",
}
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


def measure(rounds: int, dataset: str) -> dict[str, Start]:
    """Each act's, after a round that is not counted, in an order drawn anew in each."""
    starts, order = {name: Start() for name in ACTS}, random.Random(0)
    for r in range(rounds + 1):
        for name in order.sample(list(ACTS), len(ACTS)):
            said = once(ACTS[name], dataset)
            if r:
                starts[name].cpu.append(said["cpu"])
                starts[name].memory.append(said["kib"] / 1024)
                starts[name].libraries.append(said["libraries"])
    return starts


def once(act: str, dataset: str) -> dict:
    """What one process says of itself, which stands where there are no results."""
    modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    command = [sys.executable, "-P", "-c", CHILD, act, dataset]
    environment = os.environ | {"PYTHONPATH": modules}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
        )
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
