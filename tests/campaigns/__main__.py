"""`python -m tests.campaigns [NAME ...] [--scale S] [--seed N]`: the table of faults.

The campaigns: kills, disk, damage, racers. --scale 0.1 tries a tenth of what 1 does.
Exit code 1 if anything was lost or wrong.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import torch

from tests.campaigns.tally import table

NAMES = ("kills", "disk", "damage", "racers")
INSIDE = "MML_BENCH_CAMPAIGN"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--scale", type=float, default=1.0, metavar="S")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    args = parser.parse_args()
    if set(args.names) - set(NAMES):
        parser.error(f"the campaigns are {', '.join(NAMES)}")
    torch.set_num_threads(1)
    tallies = []
    for name in args.names or NAMES:
        folder = Path(tempfile.mkdtemp(prefix=f"campaign-{name}-"))
        started = time.monotonic()
        found = import_module(f"tests.campaigns.{name}").campaign(folder, args.scale, args.seed)
        took = time.monotonic() - started
        sys.stderr.write(f"{name}: {took:.0f} s\n{table(found)}")
        tallies += found
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(table(tallies))
    return 1 if any(t.wrong for t in tallies) else 0


if __name__ == "__main__":
    if INSIDE not in os.environ:  # once more, where mounts are ours alone
        words = ["unshare", "-rm", sys.executable, "-m", "tests.campaigns", *sys.argv[1:]]
        os.execvpe(words[0], words, os.environ | {INSIDE: "1"})
    sys.exit(main())
