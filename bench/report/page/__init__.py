"""The report: finished runs as one page of HTML that needs no network and no other file.

`build` puts it together; the modules beside it say what stands in its parts. The page's text, style
and script are the files page.html, style.css and sort.js. Whatever comes from results is escaped by
the template or by `tables.writers.html`, and the page's policy runs no script but its own.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from bench import __version__
from bench.report.page import figures, findings, missing, runs
from bench.report.tables import ablation, grounds, render
from bench.report.tables.layout import TableView
from bench.report.tables.model import Table
from bench.report.tables.numbers import Numbers
from bench.report.tables.writers.html import marked_up
from bench.runs.rundir import RunDir

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Content:
    """What a page is about.

    runs: those asked for, finished or not. view: of the tables; findings and runs take its first
    protocol. commands: that train the same again. note: on them, may be empty. itself: the command
    that makes the page. name: of the suite, or empty.
    """

    tables: Sequence[Table]
    ablations: Sequence[ablation.Ablation]
    runs: Sequence[RunDir]
    view: TableView
    commands: Sequence[str]
    note: str
    itself: str
    name: str


def build(content: Content) -> str:
    """The page. Raises UserError for results that cannot be read, and a baseline that no table
    has."""
    style, script = ((HERE / name).read_text("utf-8") for name in ("style.css", "sort.js"))
    view, protocols = content.view, content.view.protocols
    numbers = [Numbers(table) for table in content.tables]
    rows = [row for table in content.tables for row in table.rows]
    unfinished = missing.listed(content.runs)
    parts = {
        "heads": [findings.of_table(one, view) for one in numbers],
        "tables": Markup(tables_of(content, numbers)),
        "figures": list(figures.drawn(content.tables, protocols)),
        "sections": [runs.of_table(one, protocols) for one in numbers],
        "unfinished": unfinished,
        "open": sum(one.count for one in unfinished),
        "protocols": {p: grounds.protocol_words(rows, p) for p in protocols},
    }
    return page_template().render(
        title=f"Report: {content.name}" if content.name else "Report",
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        commands=content.commands,
        note=content.note,
        count=len(content.runs),
        itself=content.itself,
        version=__version__,
        **parts,
    )


def tables_of(content: Content, numbers: Sequence[Numbers]) -> str:
    parts = [render.text(numbers, "html", content.view)]
    if content.ablations:
        parts.append(ablation.render(content.ablations, "html", content.view.protocols))
    return "\n".join(parts)


def page_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked_up"] = lambda text: Markup(marked_up(text))
    return environment.get_template("page.html")


def policy(style: str, script: str) -> str:
    """What the page may load: this style, this script, pictures that it holds itself."""
    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
