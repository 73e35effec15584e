"""Quantities of a run by name: what tables, figures and exports can ask for. docs/metrics.md
defines all of them, `bench.report.quantities.values` reads them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from bench import metrics
from bench.metrics import balance, calibration
from bench.report.quantities import values
from bench.report.quantities.values import Value, binned, choosing, confident
from bench.report.read.results import Finished

# Imperfections: what the curves of a result are of.
IMPERFECTIONS = {
    "missing_zero": "missing, zeros instead",
    "missing_mean": "missing, training mean instead",
    "noise_features": "noise on features",
    "noise_inputs": "noise on inputs",
}


@dataclass(frozen=True)
class Quantity:
    """value: of a run by a protocol. better: 1 if more is better, -1 if less is, 0 if neither.

    modalities: whether the value is by modality. unit: of the value, empty for a ratio. share:
    whether it is part of a whole, and shown in percent.
    """

    title: str
    value: Callable[[Finished, str], Value]
    better: int = 1
    modalities: bool = False
    unit: str = ""
    share: bool = False


def scaled_too(name: str, quantity: Quantity, metric: Callable) -> dict[str, Quantity]:
    """A quantity and the same after temperature scaling."""
    title, value = f"{quantity.title}, scaled", partial(values.scaled, metric)
    after = replace(quantity, title=title, value=value)
    return {name: quantity, f"{name}_scaled": after}


def of_answers(title: str, metric: Callable, better: int = 1, share: bool = True) -> Quantity:
    return Quantity(title, partial(values.answers, metric), better, share=share)


def calibrations() -> dict[str, Quantity]:
    width, mass = calibration.equal_width, calibration.equal_mass
    listed = {
        "ece": ("ECE", binned(calibration.expected_error, width)),
        "ece_adaptive": ("Adaptive ECE", binned(calibration.expected_error, mass)),
        "mce": ("MCE", binned(calibration.maximum_error, width)),
        "rms": ("RMS calibration error", binned(calibration.root_mean_square_error, width)),
        "nll": ("NLL", choosing(calibration.negative_log_likelihood)),
        "brier": ("Brier", confident(calibration.brier)),
        "aurc": ("AURC", confident(calibration.aurc)),
        "e_aurc": ("E-AURC", confident(calibration.excess_aurc)),
        "fpr95": ("FPR at 95 % TPR", confident(calibration.false_positive_rate)),
    }
    found = {}
    for name, (title, metric) in listed.items():
        share = name not in ("nll", "brier", "aurc", "e_aurc")
        found |= scaled_too(name, of_answers(title, metric, -1, share), metric)
    return found


PERFORMANCE = {
    "accuracy": Quantity("Accuracy", values.accuracy, share=True),
    "macro_f1": of_answers("Macro-F1, support", choosing(metrics.macro_f1)),
    "macro_f1_seen": of_answers("Macro-F1, seen", choosing(metrics.macro_f1, classes="seen")),
    "macro_f1_all": of_answers("Macro-F1, all", choosing(metrics.macro_f1, classes="all")),
    "weighted_f1": of_answers("Weighted F1", choosing(metrics.weighted_f1)),
    "balanced_accuracy": of_answers("Balanced accuracy", choosing(metrics.balanced_accuracy)),
    "mean_ap": of_answers("mAP, support", confident(metrics.mean_average_precision)),
    "mean_ap_all": of_answers("mAP, all", confident(metrics.mean_average_precision, classes="all")),
}
CALIBRATION = {
    **calibrations(),
    "temperature": Quantity("Temperature", values.temperature, 0),
    "aupr_success": of_answers("AUPR of success", confident(calibration.success_precision)),
    "vrr": Quantity("Violating ranking rate", values.violations, -1, share=True),
}


def by_modality(title: str, value: Callable, better: int = 1, share: bool = True) -> Quantity:
    return Quantity(title, value, better, modalities=True, share=share)


def of_sets(title: str, metric: Callable, better: int = 0) -> Quantity:
    return Quantity(title, partial(values.of_sets, metric), better, share=True)


def of_network(
    title: str, pick: Callable, better: int = 0, modalities: bool = False, share: bool = False
) -> Quantity:
    return Quantity(title, partial(values.of_network, pick), better, modalities, share=share)


UNIMODAL = {
    "head": by_modality("Own head, or slice", values.head),
    "own_head": by_modality("Own head", partial(values.readout, "own_head")),
    "slice": by_modality("Slice", partial(values.readout, "slice")),
    "mask": by_modality("Mask", partial(values.readout, "mask")),
    "mask_mean": by_modality("Mask, training mean", partial(values.readout, "mask_mean")),
    "mask_input": by_modality("Mask, blank input", partial(values.readout, "mask_input")),
    "probe": by_modality("Probe", values.probe),
    "joined_probe": of_network(
        "Probe of all", lambda run: run.evaluated.joined_probe, 1, share=True
    ),
}
BALANCE = {
    "shapley": by_modality("Shapley value", partial(values.of_sets, balance.shapley), 0),
    "sample_value": by_modality("Sample value", values.sample_values, 0),
    "imbalance": of_sets("Imbalance", partial(values.imbalance, "pair_mean"), -1),
    "imbalance_range": of_sets("Imbalance, range", partial(values.imbalance, "range"), -1),
    "imbalance_share": of_sets("Imbalance, share", partial(values.imbalance, "normalised"), -1),
    "utilisation": by_modality("Utilisation", partial(values.of_sets, balance.utilisation), 0),
    "ogm_ratio": by_modality("Discrepancy ratio", values.ratios, 0, share=False),
    "gradient_cosine": of_network(
        "Gradient cosine", lambda run: run.evaluated.gradient_cosine, 0, modalities=True
    ),
    "cka": of_network("Linear CKA", partial(values.over_pairs, "cka")),
    "gap": of_network("Modality gap", partial(values.over_pairs, "gap")),
    "paired_distance": of_network("Paired distance", partial(values.over_pairs, "paired_distance")),
}
ROBUSTNESS = {
    f"kept_{kind}": of_network(f"Kept, {what}", partial(values.kept, kind), 1, True, share=True)
    for kind, what in IMPERFECTIONS.items()
}


def cost(title: str, key: str, unit: str = "") -> Quantity:
    return Quantity(title, partial(values.cost, key), -1, unit=unit)


COST = {
    "parameters": cost("Parameters", "parameters"),
    "parameters_trained": cost("Parameters trained", "parameters_trained"),
    "parameters_inference": cost("Parameters at test", "parameters_inference"),
    "forward_flops": cost("Forward", "forward_flops", "FLOP per sample"),
    "training_flops": cost("Training", "training_flops", "FLOP"),
    "epoch_flops": Quantity("Training epoch", values.epoch_flops, -1, unit="FLOP"),
    "step_ms": Quantity("Step", values.step_time, -1, unit="ms"),
    "seconds": cost("Time", "seconds", "s"),
    "peak_memory_mib": cost("Peak memory", "peak_memory_mib", "MiB"),
    "reserved_memory_mib": cost("Reserved memory", "reserved_memory_mib", "MiB"),
}
QUANTITIES = {**PERFORMANCE, **CALIBRATION, **UNIMODAL, **BALANCE, **ROBUSTNESS, **COST}
