"""Critical-difference diagram: mean ranks over data sets, and who cannot be told apart.

Demsar (JMLR 2006), with pairwise signed rank tests and Holm's correction in place of Nemenyi's.
"""

from collections.abc import Iterator, Sequence
from math import ceil, floor, inf
from textwrap import fill

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.report.figures.scores import over_datasets
from bench.report.figures.style import BLACK, LINE, SMALL, STYLE, WIDTH
from bench.report.quantities import ACCURACY
from bench.report.stats.paired import LEVEL
from bench.report.stats.ranks import Diagram, diagram
from bench.report.tables.model import Column, Table

PITCH, BAR, HEAD, FOOT = 0.16, 0.1, 0.65, 0.35  # inches: between names, between bars, above, below
LEFT, RIGHT = 1.7, 5.3  # inches, of the axis of ranks
NUMBERS = 12  # on that axis at most, so that they lie apart


def make(tables: Sequence[Table], protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    scores = over_datasets(tables, Column(protocol, ACCURACY))
    ranking = diagram(scores.values.mean(axis=1), list(scores.methods))
    return draw(ranking, protocol, scores.datasets, scores.left_out), list(lines(ranking, protocol))


def draw(
    ranking: Diagram, protocol: str, datasets: Sequence[str], left_out: Sequence[str] = ()
) -> Figure:
    count = len(ranking.names)
    levels = stacked(ranking.cliques)
    deep = BAR * (1 + max(levels, default=0))
    note = fill(" ".join([words(ranking, datasets), *left_out]), LINE)
    side = ceil(count / 2)
    total = HEAD + deep + PITCH * side + FOOT + 0.12 * note.count("\n")
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, total))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(total, 0))
        axes.axis("off")
        title = f"Mean rank over {len(datasets)} data sets, protocol {protocol}; 1 is best"
        axes.text(0.07, 0.1, title, va="top", fontsize=8.5)
        scale = ruler(axes, ranking)
        for (first, last), level in zip(ranking.cliques, levels, strict=True):
            ends = [scale(ranking.mean_ranks[i]) for i in (first, last)]
            y = HEAD + BAR * (0.7 + level)
            axes.plot([ends[0] - 0.04, ends[1] + 0.04], [y, y], color="#0072B2", lw=2.6)
        for i in range(count):
            name(axes, ranking, i, scale(ranking.mean_ranks[i]), HEAD + deep)
        axes.text(0.07, total - 0.07, note, va="bottom", fontsize=SMALL, color="#555555")
    return figure


def ruler(axes: Axes, ranking: Diagram):
    """The axis of ranks; returns the place in inches of a rank."""
    low, high = floor(ranking.mean_ranks[0]), max(ceil(ranking.mean_ranks[-1]), 2)

    def scale(rank: float) -> float:
        return LEFT + (RIGHT - LEFT) * (rank - low) / (high - low)

    axes.plot([LEFT, RIGHT], [HEAD, HEAD], color=BLACK, lw=0.8)
    apart = MaxNLocator(NUMBERS, integer=True).tick_values(low, high)
    for rank in range(low, high + 1):
        axes.plot([scale(rank)] * 2, [HEAD, HEAD - 0.06], color=BLACK, lw=0.8)
        if rank in apart:
            axes.text(scale(rank), HEAD - 0.09, str(rank), ha="center", va="bottom", fontsize=7.5)
    return scale


def name(axes: Axes, ranking: Diagram, place: int, x: float, top: float) -> None:
    """The better half on the left, the best on top; the others on the right, the last on top."""
    count = len(ranking.names)
    left = place < ceil(count / 2)
    y = top + PITCH * (0.5 + (place if left else count - 1 - place))
    edge = LEFT - 0.15 if left else RIGHT + 0.15
    axes.plot([x, x, edge], [HEAD, y, y], color=BLACK, lw=0.7)
    rank = f"{ranking.mean_ranks[place]:.2f}"
    label = fill(ranking.names[place], 24).split("\n")[0]
    text = f"{label}  {rank}" if left else f"{rank}  {label}"
    gap = -0.05 if left else 0.05
    axes.text(edge + gap, y, text, ha="right" if left else "left", va="center", fontsize=7.5)


def stacked(cliques: Sequence[tuple[int, int]]) -> list[int]:
    """The line of each bar, from the top, so that no two of a line touch."""
    ends, levels = [], []
    for first, last in cliques:
        level = next((i for i, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level)
    return levels


def words(ranking: Diagram, datasets: Sequence[str]) -> str:
    text = (
        f"Bars: methods that pairwise signed rank tests over data sets (Holm, "
        f"{100 * (1 - LEVEL):.0f} %) cannot tell apart. Data sets: {', '.join(datasets)}."
    )
    if ranking.smallest > 1 - LEVEL:
        text += (
            f" With so few of them no pair could have been told apart: the smallest possible "
            f"adjusted p is {ranking.smallest:.2g}."
        )
    if ranking.friedman:
        f = "infinite" if ranking.friedman.f == inf else f"{ranking.friedman.f:.2f}"
        text += (
            f" Test of all being alike (Iman and Davenport): F {f}, p {ranking.friedman.f_p:.2g}."
        )
    return text


def lines(ranking: Diagram, protocol: str) -> Iterator[dict[str, object]]:
    """A line per method; `alike`: those that it is not told apart from."""
    for i, method in enumerate(ranking.names):
        alike = [
            other
            for j, other in enumerate(ranking.names)
            if j != i
            and any(first <= min(i, j) and max(i, j) <= last for first, last in ranking.cliques)
        ]
        yield {
            "protocol": protocol,
            "method": method,
            "mean_rank": ranking.mean_ranks[i],
            "datasets": ranking.datasets,
            "alike": "; ".join(alike),
        }
