"""What a run took: parameters, operations, time and memory. No protocol changes it."""

import numpy as np

from bench.report.quantities.quantity import Quantity
from bench.report.read.results import Finished

TIMED = 50  # steps, after warm-up


def step_time(run: Finished, protocol: str) -> float | None:
    """Median milliseconds of a step, its stages weighted by their steps in the run; None if fewer
    than TIMED steps of any stage were timed."""
    stages = [s for s in run.evaluated.stages.values() if s.get("epochs")]
    if not stages or any(not s["step_ms"] or s["step_ms"]["count"] < TIMED for s in stages):
        return None
    weights = [s["epochs"] * s["steps"] for s in stages]
    return float(np.average([s["step_ms"]["median"] for s in stages], weights=weights))


def epoch_flops(run: Finished, protocol: str) -> float | None:
    """Of training, per epoch of the plan: what the run computes over the epochs that it trains."""
    total = run.evaluated.cost.get("training_flops")
    epochs = sum(s.get("epochs", 0) for s in run.evaluated.stages.values())
    return total / epochs if total is not None and epochs else None


def stated(title: str, key: str, unit: str = "") -> Quantity:
    """A number of the result's entry `cost`."""
    return Quantity(title, lambda run, protocol: run.evaluated.cost.get(key), -1, unit=unit)


COST = {
    "parameters": stated("parameters", "parameters"),
    "parameters_trained": stated("parameters trained", "parameters_trained"),
    "parameters_inference": stated("parameters at test", "parameters_inference"),
    "forward_flops": stated("forward", "forward_flops", "FLOP per sample"),
    "training_flops": stated("training", "training_flops", "FLOP"),
    "epoch_flops": Quantity("training epoch", epoch_flops, -1, unit="FLOP"),
    "step_ms": Quantity("step", step_time, -1, unit="ms"),
    "seconds": stated("time", "seconds", "s"),
    "peak_memory_mib": stated("peak memory", "peak_memory_mib", "MiB"),
    "peak_anonymous_mib": stated("peak own memory", "peak_anonymous_mib", "MiB"),
    "reserved_memory_mib": stated("reserved memory", "reserved_memory_mib", "MiB"),
}
