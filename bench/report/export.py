"""One row per finished run: who it is, then all numbers and settings of its result.json."""

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError, unknown
from bench.report.read.results import flatten, read
from bench.runs.files import write_bytes, write_text
from bench.runs.rundir import RunDir

if TYPE_CHECKING:
    from pandas import DataFrame

ENDINGS = CSV, PARQUET = (".csv", ".parquet")
WHO = ("dataset", "split", "method", "family", "digest", "seed")  # of `Finished`
# Said by the first columns already; the panels of what a method learned are no numbers of the run.
SAID = ("format", "digest", "learned", "dataset.name", "method.name", "method.family", "split.name")
SAID += ("spec.format", "spec.method", "spec.dataset", "spec.seed")
Rows = list[dict[str, object]]


def rows(runs: Sequence[RunDir]) -> Rows:
    """The finished ones among `runs`, in their order. Names are paths through result.json.

    Raises UserError for a result that cannot be read.
    """
    return [row(run) for run in runs if run.result.exists()]


def row(run: RunDir) -> dict[str, object]:
    known = read(run)
    first = {name: getattr(known, name) for name in WHO}
    rest = flatten(run.result_json())
    return first | {k: plain(v) for k, v in rest.items() if k not in SAID}


def plain(value: object) -> object:
    """A value as one cell holds it: a list of words is joined, another is JSON."""
    if not isinstance(value, list):
        return value
    if all(isinstance(one, str) for one in value):
        return " ".join(value)
    return json.dumps(value)


def to_csv(rows: Rows) -> str:
    """Comma-separated text with a header, numbers at full precision; what a run lacks is empty."""
    return frame(rows).to_csv(index=False, lineterminator="\n")


def write(file: Path, rows: Rows) -> None:
    """CSV or Parquet, as the name ends. Raises UserError for another ending, or if Parquet's
    library is not installed."""
    if file.suffix not in ENDINGS:
        raise unknown(file.suffix or file.name, "an ending of a file of rows", ENDINGS)
    if file.suffix == CSV:
        write_text(file, to_csv(rows))
        return
    try:
        import pyarrow  # noqa: F401  # optional: most users need no Parquet
    except ImportError:
        raise UserError(
            "Parquet needs pyarrow, which is not installed; `pip install pyarrow`, or choose "
            f"{file.with_suffix(CSV)}."
        ) from None
    buffer = BytesIO()
    frame(rows).to_parquet(buffer, index=False)
    write_bytes(file, buffer.getvalue())


def frame(rows: Rows) -> "DataFrame":
    """A column per name that any run has: WHO, then those of one part of the result together.

    Whole numbers stay whole where some runs lack one; words and numbers in one column are words.
    """
    import pandas

    names = dict.fromkeys(name for one in rows for name in one)
    parts = list(dict.fromkeys(name.split(".")[0] for name in names))
    ordered = sorted(names, key=lambda n: -1 if n in WHO else parts.index(n.split(".")[0]))
    columns = {name: [one.get(name) for one in rows] for name in ordered}
    return pandas.DataFrame({n: pandas.array(alike(v)) for n, v in columns.items()})


def alike(values: list) -> list:
    kinds = {type(v) for v in values if v is not None}
    if len(kinds) < 2 or kinds == {int, float}:
        return values
    return [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
