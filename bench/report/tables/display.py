"""A table as it is shown, whatever it is written as: Markdown, LaTeX and HTML take it as it stands.

Words between backticks in captions and notes are code.
"""

import re
from dataclasses import dataclass

BEST, SECOND = "best", "second"


@dataclass(frozen=True)
class DisplayColumn:
    """What stands above a column. modality, protocol: empty where the columns do not need them.

    aside: the numbers are not ours, and take no part in anything. words: the cells are no numbers.
    better: 1 if more is better, -1 if less is, 0 if neither.
    """

    name: str
    modality: str = ""
    protocol: str = ""
    aside: bool = False
    words: bool = False
    better: int = 0

    @property
    def over(self) -> tuple[str, str]:
        """What neighbours have to share to stand below one heading."""
        return self.protocol, self.modality


@dataclass(frozen=True)
class DisplayCell:
    """A cell. mean and std are rounded text, empty where there is none; text is shown in their
    place. value: what sorts it. mark: BEST, SECOND or empty. fewer: number of seeds, 0 if it is the
    caption's. signs: symbols that footnotes explain. hint: what a pointer tells.
    """

    mean: str = ""
    std: str = ""
    text: str = ""
    value: float | None = None
    mark: str = ""
    fewer: int = 0
    signs: tuple[str, ...] = ()
    hint: str = ""

    def wrap(self, best: str, second: str) -> str:
        """How its number is set, a pattern with one `{}`."""
        return {BEST: best, SECOND: second}.get(self.mark, "{}")

    @property
    def blank(self) -> bool:
        """Whether the row has no such number."""
        return not self.mean and not self.text


@dataclass(frozen=True)
class DisplayRow:
    """A row. variant: a letter that the caption explains. mean: of the family, no row of its own;
    its empty cells stay empty."""

    label: str
    cells: tuple[DisplayCell, ...]
    variant: str = ""
    mean: bool = False


@dataclass(frozen=True)
class DisplayTable:
    """name: of the table in words, for its label. families: name, may be empty -> its rows."""

    name: str
    heading: str
    caption: str
    columns: tuple[DisplayColumn, ...]
    families: dict[str, tuple[DisplayRow, ...]]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        return label(self.name)


def label(name: str) -> str:
    """Of a table, to link to it: lower-case letters, digits and `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
