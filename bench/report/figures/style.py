"""The visual language of all figures.

A modality has one colour everywhere; black is all of them together. Solid is what a method makes of
a modality, dashed what training it alone does. Grey is the others, for comparison. The colours
differ in lightness as well as in hue: colour-blind readers and grey prints tell them apart.
"""

from io import BytesIO
from itertools import cycle
from textwrap import fill

from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.report.tables.model import Row, Table

BLACK, GREY, PALE = "#000000", "#8a8a8a", "#d4d4d4"
MODALITY = ("#0072B2", "#E69F00", "#882255", "#009E73", "#56B4E9")  # a modality's, by its place
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito's
NAME = 30  # letters of a line of a row's name
WIDTH = 7.0  # inches: two columns of a page
LINE = 140  # small characters that fit in it
SMALL = 6.5  # points
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "mml-bench",
}
BELOW = {  # a legend under the panels, whose title is the note on how to read them
    "loc": "outside lower left",
    "ncol": 5,
    "alignment": "left",
    "title_fontsize": SMALL,
    "handlelength": 1.4,
}
METADATA = {"pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None}}


def image(figure: Figure, form: str) -> bytes:
    """The figure as "pdf", "png" or "svg"; the same figure gives the same bytes."""
    buffer = BytesIO()
    with rc_context(STYLE):
        figure.savefig(buffer, format=form, dpi=200, metadata=METADATA[form])
    return buffer.getvalue()


def heading(table: Table, tail: str) -> str:
    return fill(f"{table.title}, split {table.name}, {tail}", 104)


def name_figure(figure: Figure, table: Table, tail: str) -> None:
    figure.suptitle(heading(table, tail), x=0.01, ha="left", fontsize=8.5)


def colours(table: Table) -> dict[str, str]:
    """Modality -> its colour."""
    return dict(zip(table.modalities, cycle(MODALITY), strict=False))


def name_of(row: Row, width: int = NAME) -> str:
    """A row's label in lines that fit beside a panel."""
    mark = f" [{row.variant}]" if row.variant else ""
    return fill(row.label + mark, width, break_long_words=False)


def signed(share: float) -> str:
    """A difference of shares in points: "+1.2", with a minus sign that is as wide as the plus."""
    text = f"{100 * share:+.1f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.0"
