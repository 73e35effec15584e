"""Performance profiles: the share of runs, over seeds and data sets, that score above a threshold
(Agarwal et al., NeurIPS 2021). The one whose curve lies above the others' is better throughout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bench.report.figures.grid import Words, grid, tag
from bench.report.figures.scores import Scores, over_datasets
from bench.report.figures.style import BLACK, PALE, SMALL, STYLE
from bench.report.quantities import ACCURACY
from bench.report.stats import aggregates, resampling
from bench.report.stats.draws import generator
from bench.report.stats.verdicts import counted
from bench.report.tables.model import Column, Table

THRESHOLDS = 61
REPEATS = 1000  # of the bootstrap; a band needs no more
COLOUR = "#0072B2"


@dataclass(frozen=True)
class Profile:
    """share, low, high: [K] at thresholds [K]; iqm: with its interval."""

    share: NDArray
    low: NDArray
    high: NDArray
    iqm: float
    interval: tuple[float, float]


def make(tables: Sequence[Table], protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    scores = over_datasets(tables, Column(protocol, ACCURACY))
    at = np.linspace(scores.values.min(), scores.values.max(), THRESHOLDS)
    profiles = profiled(scores, at)
    return draw(scores, protocol, at, profiles), list(lines(scores, protocol, at, profiles))


def profiled(scores: Scores, at: NDArray) -> list[Profile]:
    """Bands and intervals at 95 %: seeds are drawn anew within each data set."""
    draw = generator("profile", *scores.datasets, *scores.seeds)
    _, seeds, datasets = scores.values.shape
    index = aggregates.stratified(seeds, datasets, draw, REPEATS)
    profiles = []
    for runs in scores.values:
        band = aggregates.resampled(runs, index, lambda drawn: aggregates.profile(drawn, at))
        low, high = np.percentile(band, (2.5, 97.5), axis=0)
        middle = resampling.percentiles(aggregates.resampled(runs, index))
        share = aggregates.profile(runs, at)
        profiles.append(Profile(share, low, high, float(aggregates.iqm(runs)), middle))
    return profiles


def draw(scores: Scores, protocol: str, at: NDArray, profiles: Sequence[Profile]) -> Figure:
    """A panel per method, grey: all others."""
    x = 100 * at
    with rc_context(STYLE):
        figure, panels = grid(
            list(scores.methods), words(scores, protocol), handles(), tags=2, height=0.95
        )
        for i, (axes, one) in enumerate(zip(panels, profiles, strict=True)):
            others = [np.column_stack([x, p.share]) for j, p in enumerate(profiles) if j != i]
            axes.add_collection(LineCollection(others, colors=PALE, linewidths=0.7, zorder=1))
            axes.fill_between(x, one.low, one.high, color=COLOUR, alpha=0.25, lw=0, zorder=2)
            axes.plot(x, one.share, color=COLOUR, lw=1.2, zorder=3)
            low, high = (100 * v for v in one.interval)
            tag(axes, [(BLACK, f"IQM {100 * one.iqm:.1f}  [{low:.1f}, {high:.1f}]")])
        panels[0].set_xlim(x[0], x[-1])
        panels[0].set_ylim(-0.03, 1.03)
        panels[0].set_yticks([0, 0.5, 1])
        panels[0].tick_params(labelsize=SMALL)
    return figure


def handles() -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=COLOUR, lw=1.3, label="the method"),
        Patch(color=COLOUR, alpha=0.25, lw=0, label="95 % bootstrap"),
        Line2D([], [], color=PALE, lw=1.2, label="other methods"),
    ]


def words(scores: Scores, protocol: str) -> Words:
    count = len(scores.datasets)
    note = (
        f"Data sets: {', '.join(scores.datasets)}; {counted(len(scores.seeds), 'seed')} each. "
        "Higher is better. IQM: mean of the middle half of all runs. Bootstrap over seeds within "
        "data sets: it says nothing of other data sets."
    )
    note = " ".join([note, *scores.left_out])
    title = f"Performance profiles over {count} data sets, protocol {protocol}"
    return Words(title, "Test accuracy above (%)", "Share of runs", note)


def lines(
    scores: Scores, protocol: str, at: NDArray, profiles: Sequence[Profile]
) -> Iterator[dict[str, object]]:
    """Tidy lines, one per method and threshold; shares."""
    for method, one in zip(scores.methods, profiles, strict=True):
        for k, threshold in enumerate(at):
            yield {
                "protocol": protocol,
                "method": method,
                "threshold": float(threshold),
                "share": float(one.share[k]),
                "low": float(one.low[k]),
                "high": float(one.high[k]),
                "iqm": one.iqm,
                "iqm_low": one.interval[0],
                "iqm_high": one.interval[1],
                "runs": scores.values[0].size,
            }
