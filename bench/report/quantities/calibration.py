"""Whether confidence can be believed, as answered and after temperature scaling."""

from collections.abc import Callable
from dataclasses import replace

from numpy.typing import NDArray

from bench.metrics import calibration
from bench.metrics.calibration import equal_mass, equal_width
from bench.report.quantities.quantity import Quantity, Value, defined
from bench.report.read import predictions
from bench.report.read.predictions import Predictions
from bench.report.read.results import Finished


def confident(metric: Callable[[NDArray, NDArray], float]) -> Callable[[Predictions], float]:
    """Of probabilities and labels."""
    return lambda p: metric(p.probs, p.labels)


def binned(error: Callable, bins: Callable) -> Callable[[Predictions], float]:
    return lambda p: error(bins(p.probs, p.labels))


def temperature(run: Finished, protocol: str) -> Value:
    """Fitted on the validation predictions of the protocol's epoch."""
    val = predictions.predictions(run.directory, protocol, "val")
    return None if val is None else val.temperature


def violations(run: Finished, protocol: str) -> Value:
    """Over all nested pairs of sets that are stored."""
    stored = predictions.subsets(run.directory) if protocol == run.evaluated.protocol else None
    if stored is None:
        return None
    return defined(calibration.violating_ranking_rate(stored.probs, stored.present))


def error(title: str, of_answers: Callable, share: bool = True) -> Quantity:
    return Quantity(title, better=-1, share=share, of_answers=of_answers)


ANSWERED = {
    "ece": error("ECE", binned(calibration.expected_error, equal_width)),
    "ece_adaptive": error("adaptive ECE", binned(calibration.expected_error, equal_mass)),
    "mce": error("MCE", binned(calibration.maximum_error, equal_width)),
    "rms": error("RMS calibration error", binned(calibration.root_mean_square_error, equal_width)),
    "nll": Quantity(
        "NLL", better=-1, per_sample=lambda p: calibration.surprises(p.logits, p.labels)
    ),
    "brier": Quantity(
        "Brier score",
        better=-1,
        per_sample=lambda p: calibration.squared_distances(p.probs, p.labels),
    ),
    "aurc": error("AURC", confident(calibration.aurc), share=False),
    "e_aurc": error("E-AURC", confident(calibration.excess_aurc), share=False),
    "fpr95": error("FPR at 95 % TPR", confident(calibration.false_positive_rate)),
}


def scaled(quantity: Quantity) -> Quantity:
    """The same of the answers divided by the temperature."""
    return replace(quantity, title=f"{quantity.title}, scaled", stored=predictions.scaled)


CALIBRATION = {
    key: one
    for name, quantity in ANSWERED.items()
    for key, one in ((name, quantity), (f"{name}_scaled", scaled(quantity)))
} | {
    "temperature": Quantity("temperature", temperature, 0),
    "aupr_success": Quantity(
        "AUPR of success", share=True, of_answers=confident(calibration.success_precision)
    ),
    "vrr": Quantity("violating ranking rate", violations, -1, share=True),
}
