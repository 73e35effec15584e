"""Values of one finished run, as functions of the run and a protocol.

Each is a number, or numbers by modality, or None where the run does not have it: an older result, a
protocol without stored weights, a method without such heads. Shares stay shares.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bench.metrics import balance, calibration, robustness
from bench.report.read import predictions
from bench.report.read.predictions import Predictions
from bench.report.read.results import Finished

Value = float | dict[str, float] | None
MASK = "mask"
TIMED = 50  # steps, after warm-up


def answers(metric: Callable[[Predictions], float], run: Finished, protocol: str) -> float | None:
    """A metric of the stored answers on test; None too where it is undefined."""
    found = predictions.predictions(run.directory, protocol)
    return None if found is None else defined(metric(found))


def defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def choosing(metric: Callable, **options: str) -> Callable[[Predictions], float]:
    """Of logits and labels."""
    return lambda p: metric(p.logits, p.labels, **options)


def confident(metric: Callable, **options: object) -> Callable[[Predictions], float]:
    """Of probabilities and labels."""
    return lambda p: metric(p.probs, p.labels, **options)


def binned(error: Callable, bins: Callable) -> Callable[[Predictions], float]:
    return lambda p: error(bins(p.probs, p.labels))


def temperature(run: Finished, protocol: str) -> float | None:
    """Fitted on the validation predictions of the protocol's epoch."""
    val = predictions.predictions(run.directory, protocol, "val")
    return None if val is None else val.temperature


def scaled(metric: Callable[[Predictions], float], run: Finished, protocol: str) -> float | None:
    """A metric of the answers on test, divided by that temperature."""
    found = predictions.scaled(run.directory, protocol)
    return None if found is None else defined(metric(found))


def accuracy(run: Finished, protocol: str) -> float | None:
    return run.accuracy.get(protocol)


def head(run: Finished, protocol: str) -> Value:
    """What the run stores as its modalities' heads, whatever they are."""
    return run.heads.get(protocol) or None if run.readout else None


def readout(name: str, run: Finished, protocol: str) -> Value:
    """Accuracies of modalities alone; heads of other protocols come from the stored answers."""
    if name == run.readout:
        return run.heads.get(protocol) or None
    return run.evaluated.readouts.get(name) if protocol == run.evaluated.protocol else None


def probe(run: Finished, protocol: str) -> Value:
    return run.probe or None if protocol == run.probe_protocol else None


def of_sets(metric: Callable, run: Finished, protocol: str) -> Value:
    """A function of the sets of modalities [S, M] and their accuracies [S]: a number, or [M].

    None for one modality, which has nobody to be compared with.
    """
    found = run.evaluated.worths(MASK) if protocol == run.evaluated.protocol else None
    if found is None or len(found[0]) < 2 or len(found[1]) != 2 ** len(found[0]):
        return None
    value = metric(*found[1:])
    if np.ndim(value):
        return {m: float(v) for m, v in zip(found[0], value, strict=True)}
    return float(value)


def imbalance(part: str, present: np.ndarray, values: np.ndarray) -> float:
    return getattr(balance.imbalance(balance.shapley(present, values)), part)


def ratios(run: Finished, protocol: str) -> Value:
    """OGM-GE's discrepancy ratio, of heads of at least two modalities."""
    found = predictions.predictions(run.directory, protocol)
    if found is None or len(found.unimodal) < 2:
        return None
    scores = balance.true_class_scores(list(found.unimodal.values()), found.labels)
    rho = balance.discrepancy_ratios(scores)
    return {m: float(r) for m, r in zip(found.unimodal, rho, strict=True)}


def sample_values(run: Finished, protocol: str) -> Value:
    """Mean over test of the sample-level Shapley values, whose sum is M times the accuracy."""
    found = predictions.subsets(run.directory) if protocol == run.evaluated.protocol else None
    if found is None or len(found.present) != 2 ** len(found.modalities):
        return None
    worth = balance.sample_values(found.present, found.correct)
    phi = balance.shapley(found.present, worth).mean(axis=1)
    return {m: float(v) for m, v in zip(found.modalities, phi, strict=True)}


def violations(run: Finished, protocol: str) -> float | None:
    """Over all nested pairs of sets that are stored."""
    found = predictions.subsets(run.directory) if protocol == run.evaluated.protocol else None
    if found is None:
        return None
    return defined(calibration.violating_ranking_rate(found.probs, found.present))


def of_network(pick: Callable[[Finished], Value], run: Finished, protocol: str) -> Value:
    """What is read from the stored weights alone."""
    found = pick(run) if protocol == run.evaluated.protocol else None
    return None if found in (None, {}) else found


def kept(kind: str, run: Finished) -> Value:
    """Share of clean performance kept, by modality, and "" for all modalities at once."""
    levels, curves = np.array(run.evaluated.levels), run.evaluated.curves
    shares = {
        m: robustness.kept_share(levels, np.array(c)) for (k, m), c in curves.items() if k == kind
    }
    return {m: s for m, s in shares.items() if np.isfinite(s)}


def over_pairs(key: str, run: Finished) -> float | None:
    """Mean over the pairs of modalities that have the number."""
    values = getattr(run.evaluated, key).values()
    return float(np.mean(list(values))) if values else None


def cost(key: str, run: Finished, protocol: str) -> float | None:
    return run.evaluated.cost.get(key)


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


def effective(run: Finished, reference: Finished, kind: str, modality: str = "") -> float | None:
    """Effective robustness of a curve against that of `reference`, late fusion trained jointly with
    the same seed on the same data. modality "" is all at once. None where either lacks the curve,
    or their levels differ."""
    ours, theirs = (r.evaluated.curves.get((kind, modality)) for r in (run, reference))
    if ours is None or theirs is None or run.evaluated.levels != reference.evaluated.levels:
        return None
    return robustness.effective(np.array(ours), np.array(theirs))


def under_training(run: Finished, alone: Mapping[str, Finished], protocol: str) -> dict[str, float]:
    """How far each encoder's probe stays behind that encoder trained alone, by modality.

    alone: modality -> the run of the same seed that trained it on its own; a modality that is not
    there, or has no number under the protocol, is left out.
    """
    probes = probe(run, protocol) or {}
    accuracy = {m: one.accuracy.get(protocol) for m, one in alone.items()}
    return {m: accuracy[m] - p for m, p in probes.items() if accuracy.get(m) is not None}
