"""Kinds of figures, and those that a selection of results allows."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from bench.config.spec import check_protocols
from bench.errors import unknown
from bench.report.figures import (
    accuracy,
    calibration,
    contribution,
    cost,
    curves,
    gradients,
    learned,
    phase,
    profile,
    ranks,
    robustness,
)
from bench.report.figures.series import LeftOut, first_protocol
from bench.report.tables.model import Table

ALL, LEARNED = "all", "learned"
Protocols = Sequence[str]
Drawn = tuple[Figure, list[dict[str, object]]]
Parts = Iterator[tuple[str, Drawn]]  # what a figure's name ends in, and the figure
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """A figure and the numbers that it shows. stem: its name as a file, without ending. dataset and
    split are empty for a figure over all tables."""

    kind: str
    title: str
    stem: str
    dataset: str
    split: str
    figure: Figure
    lines: list[dict[str, object]]


@dataclass(frozen=True)
class Kind:
    """of_table or of_all: the figures of one table, or of all, under the first protocol that has
    numbers. They raise LeftOut where there is nothing to draw. rare: few results allow it, and only
    who asks for it by name is told that it is left out."""

    title: str
    of_table: Callable[[Table, Protocols], Parts] | None = None
    of_all: Callable[[Sequence[Table], Protocols], Parts] | None = None
    rare: bool = False


def by_protocol(make: Callable[[Table, str], Drawn]) -> Callable[[Table, Protocols], Parts]:
    def parts(table: Table, protocols: Protocols) -> Parts:
        yield "", make(table, first_protocol(table, protocols))

    return parts


def by_log(make: Callable[[Table], Drawn]) -> Callable[[Table, Protocols], Parts]:
    """Of logs, which know no protocol."""

    def parts(table: Table, protocols: Protocols) -> Parts:
        yield "", make(table)

    return parts


def robustness_parts(table: Table, protocols: Protocols) -> Parts:
    protocol = first_protocol(table, protocols)
    kinds = robustness.kinds(table)
    if not kinds:
        raise LeftOut("no result holds curves of robustness")
    for imperfection in kinds:
        yield f"-{imperfection}", robustness.make(table, protocol, imperfection)


def over_all(
    make: Callable[[Sequence[Table], str], Drawn],
) -> Callable[[Sequence[Table], Protocols], Parts]:
    def parts(tables: Sequence[Table], protocols: Protocols) -> Parts:
        yield "", make(tables, first_protocol(tables[0], protocols))

    return parts


def phase_parts(tables: Sequence[Table], protocols: Protocols) -> Parts:
    found = phase.phases(tables)
    for one in found:
        first = next(iter(one.tables.values()))
        tail = f"-{first.dataset}" if len(found) > 1 else ""
        yield tail, phase.make(one, first_protocol(first, protocols))


KINDS = {
    "accuracy": Kind("Accuracy", by_protocol(accuracy.make)),
    "curves": Kind("Learning curves: inside a method and alone", by_log(curves.make)),
    "gradients": Kind("Ratio of gradient norms", by_log(gradients.make)),
    "contribution": Kind("Contribution of each modality", by_protocol(contribution.make)),
    "robustness": Kind("Robustness", robustness_parts),
    "calibration": Kind("Calibration", by_protocol(calibration.make)),
    "cost": Kind("Accuracy against cost", by_protocol(cost.make)),
    "ranks": Kind("Critical differences of mean ranks", of_all=over_all(ranks.make)),
    "phase": Kind("Over a setting of the data", of_all=phase_parts, rare=True),
    "profile": Kind("Performance profiles", of_all=over_all(profile.make)),
}


def names(tables: Sequence[Table]) -> tuple[str, ...]:
    """What `kind` may be: ALL, KINDS, and the methods that tell what they learned."""
    return (ALL, *KINDS, *learned.methods(tables))


def drawings(
    tables: Sequence[Table], protocols: Protocols = ("val",), kind: str = ALL
) -> Iterator[Drawing]:
    """The figures of the tables, one at a time, table by table, those over all tables last.

    kind: ALL, one of KINDS, or a method for what it learned. What the results do not allow is left
    out, with a warning at the end. Raises UserError for an unknown kind or protocol.
    """
    check_protocols(tuple(protocols))
    if kind not in names(tables):
        raise unknown(kind, "a figure of these runs", names(tables))
    return drawn(tables, protocols, kind)


def drawn(tables: Sequence[Table], protocols: Protocols, kind: str) -> Iterator[Drawing]:
    chosen = {name: one for name, one in KINDS.items() if kind in (ALL, name)}
    missing = {}  # where and why -> kinds
    for table in tables:
        tail = f"-{slug(table)}" if len(tables) > 1 else ""
        place = table.dataset, table.name
        for name, one in chosen.items():
            try:
                for part, content in one.of_table(table, protocols) if one.of_table else ():
                    title = one.title + part.replace("-", ": ").replace("_", " ")
                    yield Drawing(name, title, f"{name}{part}{tail}", *place, *content)
            except LeftOut as reason:
                missing.setdefault((f"for {', '.join(place)}", str(reason)), []).append(name)
        for method, content in learned_parts(table, kind):
            title = f"What was learned by {method} and the like"
            stem = f"{LEARNED}-{method.replace(':', '-')}{tail}"
            yield Drawing(LEARNED, title, stem, *place, *content)
    for name, one in chosen.items():
        try:
            for part, content in one.of_all(tables, protocols) if one.of_all else ():
                yield Drawing(name, one.title, f"{name}{part}", "", "", *content)
        except LeftOut as reason:
            if kind != ALL or not one.rare:
                missing.setdefault(("", str(reason)), []).append(name)
    for (where, reason), kinds in missing.items():
        verb = "is" if len(kinds) == 1 else "are"
        words = " ".join(filter(None, (", ".join(kinds), verb, "left out", where)))
        logger.warning("%s: %s.", words, reason)


def learned_parts(table: Table, kind: str) -> Parts:
    """Of each group of rows that tell of the same things, named by its first method; or of the
    group that has the method `kind`, named by that."""
    for rows in learned.groups(table):
        methods = [row.method for row in rows]
        panels = learned.panels(rows) if kind in (ALL, *methods) else []
        if panels:
            name = methods[0] if kind == ALL else kind
            yield name, (learned.draw(table, panels), list(learned.lines(table, panels)))


def slug(table: Table) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{table.dataset} {table.name}").strip("-")
