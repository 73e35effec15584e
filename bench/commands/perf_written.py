"""What the parts of `perf` print: on what was measured, rows, and what their columns are."""

import json
import textwrap
from collections.abc import Sequence

from bench.commands.grid import Row, columns, commas, pipes
from bench.commands.listing import width

IDLE = 0.5  # load average up to which nothing else is said to run


def written(
    form: str, where: dict, rows: list[dict], head: str, cells: Sequence[Row], note: str
) -> str:
    """form: a value of --format. where: of the machine and what was measured, for JSON. rows: plain
    values, for JSON and CSV. head, cells, note: in words; the first of the cells are the heading's.
    """
    if form == "json":
        return json.dumps(where | {"rows": rows}, indent=1) + "\n"
    if form == "csv":
        flat = [flattened(row) for row in rows]
        return commas(tuple(flat[0]), [tuple(map(str, row.values())) for row in flat])
    if form == "md":
        return f"{head}\n\n{pipes(cells[0], cells[1:])}\n{note}\n"
    head, note = (textwrap.fill(text, min(width(), 100)) for text in (head, note))
    return f"{head}\n\n{columns(cells, width())}\n{note}\n"


def flattened(row: dict[str, object]) -> dict[str, object]:
    """One level of names: quartiles as `step_ms_q1` and so on, names of stages in one text."""
    flat = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{part}": number for part, number in value.items()}
        else:
            flat[key] = ";".join(value) if isinstance(value, list) else value
    return flat


def spread(values: dict[str, float]) -> str:
    """Median [quartiles]."""
    return "{median:.2f} [{q1:.2f} .. {q3:.2f}]".format_map(values)


def loaded(load: float) -> str:
    """The load average before measuring, in words."""
    text = f"load before {load:.1f}"
    return f"{text}: other work ran beside it" if load > IDLE else text
