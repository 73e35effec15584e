"""A run's learning curves as a small drawing: SVG, without a library and without a style of its
own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 320, 96  # of the panel, in SVG units
POINTS = 80  # of a curve at most, so that a page of hundreds of runs stays small
ANSWER = "answer"
COLOURS = 6  # classes c0 .. of the style


@dataclass(frozen=True)
class Sketch:
    """drawing: SVG. legend: class of the style and name of each curve. low, high: of the axis."""

    drawing: Markup
    legend: tuple[tuple[str, str], ...]
    low: str
    high: str
    epochs: int
    staged: bool  # has several stages


def sketch(rows: Sequence[Mapping], chosen: tuple[str, int] | None) -> Sketch | None:
    """Validation accuracy over the epochs of a log, of the answer and of each modality; None if no
    epoch was scored. chosen: stage and epoch that the protocol reads, marked by a line."""
    curves = by_name(rows)
    if not curves:
        return None
    values = [v for points in curves.values() for _, v in points]
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.01, high + 0.01
    parts = [*stages(rows), *mark(rows, chosen)]
    legend = []
    for i, (name, points) in enumerate(curves.items()):
        kind = f"c{i % COLOURS}"
        parts.append(line(points, len(rows), low, high, kind))
        legend.append((kind, name))
    ends = ", ".join(f"{name} {100 * points[-1][1]:.1f} %" for name, points in curves.items())
    text = f"Validation accuracy over {len(rows)} epochs; at the end: {ends}"
    return Sketch(
        Markup(
            '<svg class="sketch" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
        ).format(WIDTH, HEIGHT, text, Markup("").join(parts)),
        tuple(legend),
        f"{100 * low:.0f}",
        f"{100 * high:.0f}",
        len(rows),
        len({row.get("stage") for row in rows}) > 1,
    )


def by_name(rows: Sequence[Mapping]) -> dict[str, list[tuple[int, float]]]:
    """Curve -> (place of the epoch in the whole run, accuracy)."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for i, row in enumerate(rows):
        if row.get("val_accuracy") is not None:
            curves.setdefault(ANSWER, []).append((i, row["val_accuracy"]))
    for i, row in enumerate(rows):
        for m, share in (row.get("val_unimodal") or {}).items():
            curves.setdefault(m, []).append((i, share))
    return curves


def line(
    points: list[tuple[int, float]], epochs: int, low: float, high: float, kind: str
) -> Markup:
    step = -(-len(points) // POINTS)
    kept = points[::step] + (points[-1:] if (len(points) - 1) % step else [])
    xy = [(across(i, epochs), HEIGHT - HEIGHT * (v - low) / (high - low)) for i, v in kept]
    if len(xy) == 1:
        dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>')
        return dot.format(kind, *xy[0])
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in xy)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, joined)


def across(place: int, epochs: int) -> float:
    return WIDTH * place / max(1, epochs - 1)


def stages(rows: Sequence[Mapping]) -> Iterator[Markup]:
    """A line where a stage begins, but the first."""
    for i in range(1, len(rows)):
        if rows[i].get("stage") != rows[i - 1].get("stage"):
            yield upright(across(i, len(rows)), "stage")


def mark(rows: Sequence[Mapping], chosen: tuple[str, int] | None) -> Iterator[Markup]:
    for i, row in enumerate(rows):
        if chosen == (row.get("stage"), row.get("epoch")):
            yield upright(across(i, len(rows)), "chosen")


def upright(x: float, kind: str) -> Markup:
    return Markup('<path class="{}" d="M{:.1f} 0V{}"/>').format(escape(kind), x, HEIGHT)
