"""Scores over data sets for the figures that compare over them."""

from collections.abc import Sequence

from bench.errors import UserError
from bench.report.cells import Column, Table
from bench.report.figures.numbers import LeftOut
from bench.report.scores import Scores, scores

FEWEST = 3  # data sets


def over_datasets(tables: Sequence[Table], column: Column) -> Scores:
    """Of at least two methods on at least FEWEST data sets. Raises LeftOut where there are less."""
    names = list(dict.fromkeys(t.dataset for t in tables))
    if len(names) < FEWEST:
        raise LeftOut(
            f"a comparison over data sets needs {FEWEST} of them, and here is {', '.join(names)}"
        )
    try:
        found = scores(tables, column)
    except UserError as error:
        raise LeftOut(str(error).rstrip(".")) from None
    if len(found.methods) < 2:
        raise LeftOut(f"{found.methods[0]} alone is on all of {', '.join(names)}")
    return found
