"""What is kept of the clean accuracy under imperfections of the inputs or features."""

from functools import partial

import numpy as np

from bench.metrics import robustness
from bench.report.quantities.quantity import Quantity, of_network
from bench.report.read.results import Finished

# What the curves of a result are of.
IMPERFECTIONS = {
    "missing_zero": "missing, zeros instead",
    "missing_mean": "missing, training mean instead",
    "noise_features": "noise on features",
    "noise_inputs": "noise on inputs",
}


def kept(kind: str, run: Finished) -> dict[str, float]:
    """Share of clean performance kept, by modality, and "" for all modalities at once."""
    levels, curves = np.array(run.evaluated.levels), run.evaluated.curves
    shares = {
        m: robustness.kept_share(levels, np.array(c)) for (k, m), c in curves.items() if k == kind
    }
    return {m: s for m, s in shares.items() if np.isfinite(s)}


def effective(run: Finished, reference: Finished, kind: str, modality: str = "") -> float | None:
    """Effective robustness of a curve against that of `reference`, late fusion trained jointly with
    the same seed on the same data. modality "" is all at once. None where either lacks the curve,
    or their levels differ."""
    ours, theirs = (r.evaluated.curves.get((kind, modality)) for r in (run, reference))
    if ours is None or theirs is None or run.evaluated.levels != reference.evaluated.levels:
        return None
    return robustness.effective(np.array(ours), np.array(theirs))


ROBUSTNESS = {
    f"kept_{kind}": Quantity(
        f"kept, {words}", of_network(partial(kept, kind)), modalities=True, share=True
    )
    for kind, words in IMPERFECTIONS.items()
}
