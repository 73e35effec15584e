"""The methods as `list` shows them: by family, with what each takes and costs."""

import textwrap

from bench import methods
from bench.commands.grid import columns, pipes
from bench.config.outline import outline
from bench.networks import FUSIONS
from bench.registry import MethodEntry

Fields = dict[str, str]
NOTE = """\
M: modalities that a data set must have. Cost: what is paid beside joint's one forward and one
backward pass of every encoder in a step."""
PAGE = """\
# Methods

Written by `python -m bench list methods --format md > docs/methods.md` from the table in
`methods/rows/` and the classes that it names; change those, and write it again.
`python -m bench list methods` shows it in a terminal; `--format csv` has every field.

- *Modalities*: how many a data set must have. What is ours for more than a paper's two stands
  below the tables.
- *Fusions*: what `network.fusion` may be; - where the method does not use it.
- *Cost*: what is paid beside `joint`'s one forward and one backward pass of every encoder in a
  step, and what else training takes; M is the number of modalities, D the width of the features.
  A variant says what it changes. [performance.md](performance.md) has what was counted and timed.
"""
WHOLE = """\
## Not with samples that lack modalities

`data.missing` ([data sets](datasets.md#training-under-faults)) is refused for those that withhold
modalities themselves, or read inputs past what withholds them:
"""


def facts() -> list[Fields]:
    """All fields of every row, at full length."""
    return [fields_of(entry) for entry in methods.ENTRIES]


def fields_of(entry: MethodEntry) -> Fields:
    cls = outline(entry.target)
    return {
        "name": entry.name,
        "title": entry.title,
        "family": entry.family,
        "paper": entry.paper,
        "year": entry.year,
        "modalities": "1" if entry.expand else f">= {cls.min_modalities}",
        "fusions": fusions(cls),
        "cost": cls.cost,
        "base": entry.base,
        "settings": " ".join(f"{key}={value}" for key, value in entry.settings.items()),
        "takes_missing": "yes" if cls.takes_missing else "no",
        "more_than_two": entry.more_than_two,
        "controls": entry.controls,
    }


def fusions(cls: type) -> str:
    if not cls.uses_fusion:
        return "-"
    able = [name for name, f in FUSIONS.items() if f.separable or not cls.separable]
    return "any" if len(able) == len(FUSIONS) else ", ".join(able)


def families(rows: list[Fields]) -> dict[str, list[Fields]]:
    names = dict.fromkeys(row["family"] for row in rows)
    return {name: [row for row in rows if row["family"] == name] for name in names}


def cost(row: Fields) -> str:
    """A variant's is its base's, but for what it changes."""
    return f"as {row['base']}, with {row['settings']}" if row["base"] else row["cost"]


def terminal(rows: list[Fields], width: int) -> str:
    """A block for every family, in lines of no more than `width` characters."""
    lines = [("", "paper", "M", "fusions", "cost")]
    for family, members in families(rows).items():
        lines.append((family, "", "", "", ""))
        for row in members:
            shown = (row[key] for key in ("name", "paper", "modalities", "fusions"))
            lines.append((*shown, cost(row)))
        lines.append(("", "", "", "", ""))
    return columns(lines, width) + textwrap.fill(NOTE, width) + "\n"


def page(rows: list[Fields]) -> str:
    """docs/methods.md."""
    heading = ("Method", "Title", "Paper", "Modalities", "Fusions", "Cost")
    text = PAGE
    for family, members in families(rows).items():
        lines = []
        for row in members:
            shown = (row[key] for key in ("title", "paper", "modalities", "fusions"))
            lines.append((f"`{row['name']}`", *shown, cost(row)))
        text += f"\n## {family}\n\n{pipes(heading, lines)}"
        told = [f"- `{row['name']}`: {row['controls']}\n" for row in members if row["controls"]]
        text += "\nWhat they are compared for:\n\n" * bool(told) + "".join(told)
        if ours := beyond_two(members):
            text += f"\nOurs, for more than two modalities: {ours}.\n"
    whole = [f"`{row['name']}`" for row in rows if row["takes_missing"] == "no"]
    return text + f"\n{WHOLE}\n{', '.join(whole)}.\n"


def beyond_two(rows: list[Fields]) -> str:
    """What is ours where there are more than two, each sentence once, with its methods."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row["more_than_two"]:
            names.setdefault(row["more_than_two"], []).append(f"`{row['name']}`")
    return "; ".join(f"{text} ({', '.join(of)})" for text, of in names.items())
