"""Text files of published lists: read once, with line numbers for what is wrong in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.config.text import Decoded, decode
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.lists import Issue
from bench.datasets.core.usual_faults import check_start
from bench.errors import UserError


@dataclass(frozen=True)
class Text:
    """A list file as lines."""

    name: str
    lines: tuple[tuple[int, str], ...]  # numbered from 1, without the blank ones
    issues: tuple[Issue, ...] = ()
    recoded: frozenset[int] = frozenset()  # lines that were not UTF-8

    def error(self, number: int, problem: str) -> UserError:
        """The error for a line that cannot be read."""
        return UserError(f"{self.name}, line {number}: {problem}; take the list from its source.")

    def columns(
        self, number: int, line: str, separator: str | None, form: str, counts: Sequence[int]
    ) -> list[str]:
        """The line's columns, stripped. Raises UserError unless there are as many as allowed."""
        columns = [column.strip() for column in line.split(separator)]
        if len(columns) not in counts:
            raise self.error(number, f"{len(columns)} columns where {form!r} was expected")
        return columns

    def without_header(self, *headers: str) -> "Text":
        """Without a first line that begins with one of `headers`."""
        if self.lines and self.lines[0][1].startswith(headers):
            return replace(self, lines=self.lines[1:])
        return self


class Wrong:
    """Rows of a file that are left out or odd: one issue a kind, naming every line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[tuple[Flag | None, str, bool], list[tuple[str, str]]] = {}

    def add(
        self, flag: Flag | None, kind: str, sample: str, place: str, fault: bool = True
    ) -> None:
        """kind: what such rows do, after "rows that". place: the line, and the odd value."""
        self.rows.setdefault((flag, kind, fault), []).append((sample, place))

    def issues(self) -> list[Issue]:
        """The issues of all that was added."""
        return [
            Issue(
                flag,
                tuple(dict.fromkeys(sample for sample, _ in rows)),
                f"{self.name}, rows that {kind}: {', '.join(place for _, place in rows)}.",
                fault,
            )
            for (flag, kind, fault), rows in self.rows.items()
        ]


def read_text(path: Path, fallback: str | None = None) -> Text:
    """The lines of a list file. fallback: encoding of lines that are not UTF-8; else they raise.

    Raises UserError for a file that is missing, empty, a pointer of Git LFS, a web page or no text.
    """
    listed = read_list(path, fallback)
    issues = tuple(Issue(None, (), f"{path.name} {oddity}.", False) for oddity in listed.oddities)
    lines = tuple((n, line) for n, line in enumerate(listed.lines, start=1) if line.strip())
    return Text(path.name, lines, issues, listed.recoded)


def read_list(path: Path, fallback: str | None = None) -> Decoded:
    """A list file. Raises UserError for what cannot be one."""
    if not path.is_file():
        raise UserError(f"{path} is missing; put the list there or choose another split.")
    raw = path.read_bytes()
    check_start(path, raw, "the list")
    return decode(raw, str(path), "take the list from its source", fallback)
