"""Quantities of a run by name: what tables, figures and comparisons can ask for, a module per
subject. docs/metrics.md defines all of them."""

from bench.report.quantities.balance import BALANCE
from bench.report.quantities.calibration import CALIBRATION
from bench.report.quantities.classification import ACCURACY, CLASSIFICATION
from bench.report.quantities.cost import COST
from bench.report.quantities.quantity import Quantity, Value
from bench.report.quantities.robustness import IMPERFECTIONS, ROBUSTNESS
from bench.report.quantities.truth import TRUTH
from bench.report.quantities.unimodal import COMPARED, HEAD, PROBE, UNDER_TRAINING, UNIMODAL

QUANTITIES = {**CLASSIFICATION, **CALIBRATION, **UNIMODAL, **BALANCE, **ROBUSTNESS, **TRUTH, **COST}
RESAMPLED = {name: quantity for name, quantity in QUANTITIES.items() if quantity.resampled}

__all__ = [
    "ACCURACY",
    "COMPARED",
    "COST",
    "HEAD",
    "IMPERFECTIONS",
    "PROBE",
    "QUANTITIES",
    "RESAMPLED",
    "UNDER_TRAINING",
    "Quantity",
    "Value",
]
