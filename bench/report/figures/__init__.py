"""Figures of finished runs: `drawings` gives those that a selection of results allows.

Every module draws one kind, and gives the numbers that it drew beside the picture. matplotlib is
imported here, so that whoever needs no figure imports `bench.report.figures` late.
"""

from bench.report.figures.kinds import ALL, KINDS, Drawing, drawings, names

__all__ = ["ALL", "KINDS", "Drawing", "drawings", "names"]
