"""Calibration: accuracy over confidence, as answered and after temperature scaling."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.metrics.calibration import Bins, equal_width
from bench.report.figures.grid import Words, grid, tag
from bench.report.figures.series import LeftOut, origin, over, who
from bench.report.figures.style import GREY, STYLE, heading, name_of
from bench.report.quantities import QUANTITIES
from bench.report.read import predictions
from bench.report.tables.model import Cell, Row, Table

RAW, SCALED, TEMPERATURE = "raw", "scaled", "temperature"
ERRORS = {RAW: "ece", SCALED: "ece_scaled"}  # quantities
SHADES = {RAW: "#D55E00", SCALED: "#0072B2"}
WORDS = {RAW: "ECE ", SCALED: "\N{RIGHTWARDS ARROW} "}
MARKERS = {RAW: "o", SCALED: "s"}
LARGEST = 45  # square points of the marker of a bin that holds all samples
SMALLEST = 4
FEW = 10  # samples; the accuracy of fewer is hardly known, and no line goes through their bin


@dataclass(frozen=True)
class Reliability:
    """bins: RAW and, where validation predictions are stored, SCALED -> bins of the samples of all
    seeds together. errors: the ECE of each seed. temperature: of each seed."""

    row: Row
    bins: dict[str, Bins]
    errors: dict[str, Cell]
    temperature: Cell


def make(table: Table, protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    """Raises LeftOut if no run stores its predictions."""
    diagrams = [one for row in table.rows if (one := reliability(row, protocol)).bins]
    if not diagrams:
        raise LeftOut(f"no run stores predictions under protocol {protocol}")
    return draw(table, protocol, diagrams), list(lines(table, protocol, diagrams))


def reliability(row: Row, protocol: str) -> Reliability:
    """Run by run, so that each file is read once."""
    answers, errors, temperature = {}, {}, {}
    for run in row.runs:
        for key, read in ((RAW, predictions.predictions), (SCALED, predictions.scaled)):
            if stored := read(run.directory, protocol):
                answers.setdefault(key, []).append(confidences(stored))
                error = QUANTITIES[ERRORS[key]].value(run, protocol)
                errors.setdefault(key, {})[run.draw] = error
        warmth = QUANTITIES[TEMPERATURE].value(run, protocol)
        temperature |= {} if warmth is None else {run.draw: warmth}
    bins = {key: pooled(each) for key, each in answers.items()}
    return Reliability(row, bins, {k: Cell(v) for k, v in errors.items()}, Cell(temperature))


def confidences(answers: predictions.Predictions) -> tuple[NDArray, NDArray]:
    """Highest probability [N], and whether its class is the label [N]."""
    return answers.probs.max(axis=1), answers.probs.argmax(axis=1) == answers.labels


def pooled(answers: list[tuple[NDArray, NDArray]]) -> Bins:
    """Of the samples of all seeds together, each scaled by its own temperature."""
    confidence, right = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    # A right answer is class 0, and the label 0 or another: what the bins ask for.
    return equal_width(confidence[:, None], np.where(right, 0, 1))


def draw(table: Table, protocol: str, diagrams: list[Reliability]) -> Figure:
    both = any(SCALED in one.bins for one in diagrams)
    names = {RAW: "as answered", SCALED: "temperature-scaled"}
    with rc_context(STYLE):
        handles = [
            Line2D([], [], color=SHADES[k], marker=MARKERS[k], ms=4, lw=1, label=names[k])
            for k in (RAW, SCALED)[: 1 + both]
        ]
        handles.append(Line2D([], [], color=GREY, lw=0.9, ls=":", label="calibrated"))
        figure, panels = grid(
            [name_of(one.row) for one in diagrams],
            words(table, protocol, both),
            handles,
            tags=4 if both else 1,
            height=1.15,
        )
        for axes, one in zip(panels, diagrams, strict=True):
            panel(axes, one)
            numbers = [(SHADES[k], f"{WORDS[k]}{100 * one.errors[k].mean:.1f}") for k in one.bins]
            warmth = one.temperature.mean
            tag(axes, [*numbers, ("", f"T {warmth:.2f}")] if warmth else numbers)
        low = min(b.confidence.min() for one in diagrams for b in one.bins.values())
        panels[0].set_xlim(max(0.0, 100 * low - 5), 102)
        panels[0].set_ylim(-4, 104)
        panels[0].set_xticks([x for x in (0, 25, 50, 75, 100) if x >= 100 * low - 5])
        panels[0].set_yticks([0, 50, 100])
    return figure


def words(table: Table, protocol: str, both: bool) -> Words:
    note = (
        f"Samples of all {over(table)} in 15 bins of equal width; the larger a mark, the more "
        f"samples; lines leave bins of fewer than {FEW} out. Below the diagonal: too confident. "
        f"ECE: expected calibration error in percent, mean over {over(table)}"
    )
    note += ", before and after scaling; T: temperature, fitted on validation." if both else "."
    return Words(
        heading(table, f"protocol {protocol}, calibration"), "Confidence (%)", "Accuracy (%)", note
    )


def panel(axes: Axes, one: Reliability) -> None:
    axes.plot([0, 100], [0, 100], color=GREY, lw=0.9, ls=":", zorder=1)
    for key, bins in one.bins.items():
        x, y = 100 * bins.confidence, 100 * bins.accuracy
        many = bins.count >= FEW
        axes.plot(x[many], y[many], color=SHADES[key], lw=1, alpha=0.7, zorder=2)
        area = np.maximum(SMALLEST, LARGEST * np.sqrt(bins.shares))
        axes.scatter(x, y, area, color=SHADES[key], marker=MARKERS[key], lw=0, alpha=0.8, zorder=3)


def lines(table: Table, protocol: str, diagrams: list[Reliability]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per bin that has samples; shares. ece: mean over seeds."""
    for one in diagrams:
        for key, bins in one.bins.items():
            for count, confidence, accuracy in zip(
                bins.count, bins.confidence, bins.accuracy, strict=True
            ):
                yield {
                    **who(table, one.row),
                    "protocol": protocol,
                    "answers": key,
                    "samples": int(count),
                    "confidence": float(confidence),
                    "accuracy": float(accuracy),
                    "ece": one.errors[key].mean,
                    "temperature": one.temperature.mean,
                    **origin(one.row),
                }
