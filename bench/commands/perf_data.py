"""`perf data`: how fast batches are made on this machine."""

import argparse
import sys
import tempfile
from pathlib import Path


def data(args: argparse.Namespace) -> int:
    """Prints milliseconds per sample, and how many times faster the suite's own path is."""
    import torch

    from bench.perf.data import make, measure

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), args.clips)
            times = measure(Path(folder), args.clips, args.rounds)
    finally:
        torch.set_num_threads(threads)
    sys.stdout.write("\n".join(lines(times, args.clips, args.rounds)) + "\n")
    return 0


def lines(times: dict, clips: int, rounds: int) -> list[str]:
    from bench.perf.data import FORMS, SIDES

    rows = [
        f"ms per sample, median [quartiles] of {rounds} rounds over {clips} clips, one thread",
        f"{'':24}{'wall':>24}{'cpu':>24}",
    ]
    for form in FORMS:
        plain, ours = (times[form, side] for side in SIDES)
        for side in SIDES:
            cells = [spread(x) for x in (times[form, side].wall, times[form, side].cpu)]
            rows.append(f"{form + ', ' + side:24}{cells[0]:>24}{cells[1]:>24}")
        cells = [
            spread([a / b for a, b in zip(x, y, strict=True)])
            for x, y in ((plain.wall, ours.wall), (plain.cpu, ours.cpu))
        ]
        rows.append(f"{form + ', times faster':24}{cells[0]:>24}{cells[1]:>24}")
    return rows


def spread(values: list[float]) -> str:
    """Median [quartiles]."""
    import numpy as np

    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} [{low:.2f} .. {high:.2f}]"
