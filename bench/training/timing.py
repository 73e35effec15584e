"""How long training takes, measured while it runs and without waiting for the device in a step."""

import time
from dataclasses import dataclass, field

import numpy as np
import torch

WARM_UP = 10  # first steps of a stage in a sitting, which are slower
KEPT = 500  # latest steps of a stage that are kept


class Laps:
    """Moments that are marked on the way and read at the end: on a GPU the device's own."""

    def __init__(self, device: torch.device):
        self.cuda = device.type == "cuda"
        self.marks = []
        self.mark()

    def mark(self) -> None:
        if self.cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Between one mark and the next. Waits for the device."""
        pairs = list(zip(self.marks, self.marks[1:], strict=False))
        if self.cuda:
            torch.cuda.synchronize()
            return [a.elapsed_time(b) / 1000 for a, b in pairs]
        return [b - a for a, b in pairs]


@dataclass
class Times:
    """Of one stage, over all sittings. Plain values, for a checkpoint."""

    load: list[float] = field(default_factory=list)  # seconds waited for each batch
    step: list[float] = field(default_factory=list)  # seconds of each step
    epoch: list[float] = field(default_factory=list)  # seconds of each epoch, without scoring

    def add(self, laps: list[float], skipped: int, epoch: float) -> None:
        """An epoch. laps: load and step in turn. skipped: its first steps that are warm-up."""
        self.load = [*self.load, *laps[0::2][skipped:]][-KEPT:]
        self.step = [*self.step, *laps[1::2][skipped:]][-KEPT:]
        self.epoch.append(epoch)

    def summary(self) -> dict[str, object]:
        """Quartiles of milliseconds per batch and step and of seconds per epoch; None without."""
        return {
            "load_ms": quartiles([1000 * s for s in self.load]),
            "step_ms": quartiles([1000 * s for s in self.step]),
            "epoch_seconds": quartiles(self.epoch),
        }


def quartiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, median, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"q1": low, "median": median, "q3": high, "count": len(values)}
