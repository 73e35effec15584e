"""Everything about each run behind a table: settings, epochs, curves, cost, where it was made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.report.page.run_curves import Sketch, sketch
from bench.report.quantities import ACCURACY
from bench.report.read.results import Finished
from bench.report.read.settings import words
from bench.report.stats.paired import FoldSeed
from bench.report.tables import captions
from bench.report.tables.layout import percent
from bench.report.tables.model import Cell, Column, Row
from bench.report.tables.numbers import Numbers
from bench.runs.result import Result

TAIL = 3  # of the log's rows
NOTHING = (None, "", "-")  # where a table has no paper for a method

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Run:
    """One seed, of a fold where there are several: `draw` in words. tail: the log's last lines."""

    draw: str
    accuracy: str
    facts: Facts
    sketch: Sketch | None
    tail: str


@dataclass(frozen=True)
class Configuration:
    """One row of a table."""

    label: str
    variant: str
    title: str
    accuracy: str
    digest: str
    settings: Facts
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Section:
    heading: str
    configurations: tuple[Configuration, ...]


def of_table(numbers: Numbers, protocols: tuple[str, ...]) -> Section:
    """Raises UserError for a result that cannot be read."""
    column = Column(protocols[0], ACCURACY)
    rows = numbers.table.rows
    return Section(
        captions.heading(numbers.table),
        tuple(of_row(row, numbers.cell(row, column), protocols[0]) for row in rows),
    )


def of_row(row: Row, cell: Cell, protocol: str) -> Configuration:
    """cell: its accuracy."""
    spread = f" ± {percent(cell.std)}" if cell.std is not None else ""
    first = row.runs[0]
    folds = {run.fold for run in row.runs}
    data = first.data | ({"fold": " ".join(map(str, sorted(folds)))} if len(folds) > 1 else {})
    settings = first.settings | {f"data.{k}": v for k, v in data.items()}
    method = first.directory.read_result().method
    return Configuration(
        label=row.label,
        variant=row.variant,
        title=", ".join(str(one) for one in (method.title, method.paper) if one not in NOTHING),
        accuracy=f"{percent(cell.mean)}{spread} %" if cell.values else captions.DASH,
        digest=row.digests,
        settings=tuple((name, words([value])[0]) for name, value in settings.items()),
        runs=tuple(of_run(run, protocol) for run in row.runs),
    )


def of_run(run: Finished, protocol: str) -> Run:
    result, rows = run.directory.read_result(), run.directory.rows()
    accuracy = run.accuracy.get(protocol)
    return Run(
        draw=draw_words(run.draw),
        accuracy=captions.DASH if accuracy is None else f"{percent(accuracy)} %",
        facts=tuple(facts(run, result)),
        sketch=sketch(rows, chosen(result, protocol)),
        tail="\n".join(json.dumps(rounded(row), ensure_ascii=False) for row in rows[-TAIL:]),
    )


def draw_words(draw: int | FoldSeed) -> str:
    """ "Seed 3", or "Fold 1, seed 3"."""
    return f"Fold {draw.fold}, seed {draw.seed}" if isinstance(draw, FoldSeed) else f"Seed {draw}"


def chosen(result: Result, protocol: str) -> tuple[str, int] | None:
    reading = result.protocols.get(protocol)
    return (reading.stage, reading.epoch) if reading else None


def facts(run: Finished, result: Result) -> Iterator[tuple[str, str]]:
    """Terms and texts; what a result from before there was such an entry lacks is left out."""
    for name, share in run.accuracy.items():
        at = chosen(result, name)
        yield f"Test, {name}", f"{percent(share, 2)} % at epoch {at[1]} of stage {at[0]}"
    for stage, epoch in (result.selected or {}).items():
        yield f"Weights kept of {stage}", f"epoch {epoch}"
    if run.probe:
        probes = ", ".join(f"{m} {percent(share, 2)} %" for m, share in run.probe.items())
        yield "Linear probes", probes
    yield from costs(run.evaluated.cost)
    if result.environment:
        yield "Environment", ", ".join(f"{k} {v}" for k, v in result.environment.items())
    yield "Code", run.code
    yield "Data", run.data_hash
    for part, digest in run.digests.items():
        yield f"Split, {part}", f"{run.counts.get(part, '?')} samples, {digest}"


def costs(cost: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    named = {
        "seconds": "{:.1f} s",
        "epochs": "{:.0f} epochs",
        "steps": "{:,.0f} steps",
        "parameters_trained": "{:,.0f} parameters trained",
        "parameters_inference": "{:,.0f} at test",
        "forward_flops": "{:.3g} FLOP forward per sample",
        "training_flops": "{:.3g} FLOP in training",
        "peak_memory_mib": "{:,.0f} MiB at most",
        "peak_anonymous_mib": "{:,.0f} MiB of its own",
    }
    parts = [text.format(cost[key]) for key, text in named.items() if key in cost]
    if parts:
        yield "Cost", ", ".join(parts)


def rounded(value: object) -> object:
    """Floats to five digits, so that a line can be read."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in value.items() if k != "time"}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [rounded(v) for v in value]
    return value
