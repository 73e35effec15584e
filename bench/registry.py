"""Rows of the two tables, methods and data sets. Strings only, so that a table costs nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module

from bench.errors import UserError, unknown


@dataclass(frozen=True)
class MethodEntry:
    """A row of the table of methods.

    target: "module:Class". settings: what the row sets on the class's Config, which is how an
    ablation is made. expand: the setting that takes the name of a modality, for a row that stands
    for one run of each modality; such a run is called `<name>-<modality>`. base: the row whose
    presets it takes when it has none of its own. more_than_two: what of it is our own where there
    are more than two modalities, in words; empty where the paper says it, or nothing depends on it.
    controls: of a row that is there to be compared with, what it tells apart, in a sentence or two.
    """

    name: str
    target: str
    title: str
    family: str
    paper: str
    settings: dict[str, object] = field(default_factory=dict)
    expand: str = ""
    base: str = ""
    more_than_two: str = ""
    controls: str = ""

    @property
    def year(self) -> str:
        """Of the paper; empty if it tells none."""
        match = re.search(r"\b(19|20)\d\d\b(?!\.)", self.paper)  # with a dot it is arXiv's number
        return match.group() if match else ""


def variants(entry: MethodEntry, *others: tuple) -> tuple[MethodEntry, ...]:
    """The row, and rows of other settings: ends of their names and titles, their settings, and what
    is ours for more than two modalities where that is not as in the row."""
    return entry, *(
        replace(
            entry,
            name=f"{entry.name}-{end}",
            title=f"{entry.title}, {what}",
            settings=settings,
            base=entry.name,
            more_than_two=beyond[0] if beyond else entry.more_than_two,
        )
        for end, what, settings, *beyond in others
    )


@dataclass(frozen=True)
class DatasetEntry:
    """A row of the table of data sets. needs_root: whether it has raw files, for `--root`."""

    name: str
    target: str
    title: str
    modalities: str  # in words, for `list`
    needs_root: bool = True


Entry = MethodEntry | DatasetEntry


def lookup(entries: Sequence[Entry], name: str, what: str) -> Entry:
    """The row called `name`; `<row>-<modality>` for a row that expands; or a row made up for
    `package.module:ClassName`, which needs none.

    what: "method" or "data set", for the message. Raises UserError with the nearest name.
    """
    for entry in entries:
        expands = getattr(entry, "expand", "")
        if name == entry.name or (expands and name.startswith(entry.name + "-")):
            return entry
    if ":" in name:
        title = name.rpartition(":")[2]
        if what == "method":
            return MethodEntry(name, name, title, "External", "-")
        return DatasetEntry(name, name, title, "")
    raise unknown(name, f"a {what}", [e.name for e in entries], "or give package.module:ClassName")


def load(target: str) -> type:
    """The class that `package.module:Class` names. Raises UserError if there is none."""
    module, _, name = target.partition(":")
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise
        raise UserError(
            f"{target!r}: there is no module {error.name!r}; "
            "give package.module:ClassName of something that Python can import."
        ) from None
    if not hasattr(loaded, name):
        raise UserError(f"{target!r}: module {module!r} has no class {name!r}.")
    return getattr(loaded, name)
