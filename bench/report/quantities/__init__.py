"""Quantities of a run by name: what tables, figures and comparisons can ask for, a module per
subject. docs/metrics.md defines all of them."""

from bench.report.quantities.balance import BALANCE
from bench.report.quantities.calibration import CALIBRATION
from bench.report.quantities.classification import ACCURACY, CLASSIFICATION
from bench.report.quantities.cost import COST
from bench.report.quantities.groups import GROUPED
from bench.report.quantities.quantity import Quantity, Value
from bench.report.quantities.robustness import IMPERFECTIONS, ROBUSTNESS
from bench.report.quantities.truth import TRUTH
from bench.report.quantities.unimodal import HEAD, LACKING, PROBE, UNDER_TRAINING, UNIMODAL

QUANTITIES = {**CLASSIFICATION, **CALIBRATION, **UNIMODAL, **BALANCE, **ROBUSTNESS, **TRUTH, **COST}
# What no run knows by itself: its value comes from other rows of the table.
COMPARED = LACKING | GROUPED
RESAMPLED = {name: quantity for name, quantity in QUANTITIES.items() if quantity.resampled}

__all__ = [
    "ACCURACY",
    "COMPARED",
    "COST",
    "GROUPED",
    "HEAD",
    "IMPERFECTIONS",
    "PROBE",
    "QUANTITIES",
    "RESAMPLED",
    "UNDER_TRAINING",
    "Quantity",
    "Value",
]
