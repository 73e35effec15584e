"""How much of what can be known a method has learned; only of data that were generated."""

from collections.abc import Callable

from bench.metrics.calibration import divergences
from bench.report.quantities.quantity import Quantity, Value
from bench.report.quantities.unimodal import head, probe
from bench.report.read.predictions import Predictions
from bench.report.read.results import Finished


def share(run: Finished, accuracy: float, modalities: tuple[str, ...]) -> float | None:
    """(accuracy - chance) / (best - chance), by what these modalities allow; None where that is no
    more than chance."""
    best, chance = run.evaluated.best[modalities], run.evaluated.chance
    return (accuracy - chance) / (best - chance) if best > chance + LEAST else None


LEAST = 0.005  # what the best accuracy must be above chance


def attained(run: Finished, protocol: str) -> Value:
    if not run.evaluated.best or protocol not in run.accuracy:
        return None
    return share(run, run.accuracy[protocol], max(run.evaluated.best, key=len))


def attained_by(read: Callable[[Finished, str], Value]) -> Callable[[Finished, str], Value]:
    """By modality."""

    def value(run: Finished, protocol: str) -> Value:
        accuracies = (run.evaluated.best and read(run, protocol)) or {}
        shares = {m: share(run, a, (m,)) for m, a in accuracies.items()}
        return {m: s for m, s in shares.items() if s is not None} or None

    return value


def divergence(p: Predictions) -> float:
    """Not a number where the true posterior is unknown."""
    if p.posterior is None:
        return float("nan")
    return divergences(p.logits, p.posterior).mean()


TRUTH = {
    "attained": Quantity("attained share", attained, share=True),
    "attained_head": Quantity("attained, head", attained_by(head), modalities=True, share=True),
    "attained_probe": Quantity("attained, probe", attained_by(probe), modalities=True, share=True),
    "posterior_kl": Quantity("KL to the posterior", better=-1, unit="nats", of_answers=divergence),
}
