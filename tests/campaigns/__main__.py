"""`python -m tests.campaigns [NAME ...] [--jobs N] [--scale S] [--seed N]`: the table of faults.

The campaigns: kills, disk, damage, racers. --scale 0.1 tries a tenth of what 1 does. The table goes
to stdout, its parts to stderr as they end. Exit code 1 if anything was lost or wrong.
"""

import argparse
import os
import sys
import tempfile
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path

import torch

from bench.training import journal
from tests.campaigns.tally import Tally, merged, table
from tests.helpers.faults import FENCE
from tests.helpers.kills import FORK

NAMES = ("kills", "disk", "damage", "racers")
INSIDE = "MML_BENCH_CAMPAIGN"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="parts side by side")
    parser.add_argument("--scale", type=float, default=1.0, metavar="S")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    args = parser.parse_args()
    if set(args.names) - set(NAMES):
        parser.error(f"the campaigns are {', '.join(NAMES)}")
    torch.set_num_threads(1)
    journal.EVERY = 0  # short runs have many checkpoints to go on from
    found = {}
    with ProcessPoolExecutor(args.jobs, FORK) as pool:
        parts = {}
        for name in args.names or NAMES:
            module = import_module(f"tests.campaigns.{name}")
            for part in module.parts(args.scale):
                parts[pool.submit(run, part, args.scale, args.seed)] = len(parts)
        for ended in as_completed(parts):
            found[parts[ended]] = ended.result()
            sys.stderr.write(f"{len(found)} of {len(parts)}\n{table(found[parts[ended]])}")
    tallies = merged([tally for place in sorted(found) for tally in found[place]])
    sys.stdout.write(table(tallies))
    return 1 if any(t.wrong for t in tallies) else 0


def run(part, scale: float, seed: int) -> list[Tally]:
    """One part, a function and its arguments, in a folder of its own.

    It is there from the start: making it would be a write more for the first run than for others.
    """
    function, *arguments = part
    with tempfile.TemporaryDirectory(prefix="campaign-") as base:
        (folder := Path(base) / "here").mkdir()
        try:
            return function(folder, *arguments, scale, seed)
        except Exception:  # the other parts' hours are not to be lost for it
            name = " ".join([function.__name__, *arguments])
            return [Tally(f"{name}, broken off", 1, [traceback.format_exc()])]


if __name__ == "__main__":
    if INSIDE not in os.environ:  # once more, where mounts are ours alone and nothing outlives us
        words = [*FENCE, sys.executable, "-m", "tests.campaigns", *sys.argv[1:]]
        os.execvpe(words[0], words, os.environ | {INSIDE: "1"})
    sys.exit(main())
