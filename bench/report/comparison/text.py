"""A comparison as Markdown: a table, what each line shows, and what the numbers are."""

from collections.abc import Iterator
from dataclasses import replace

from tabulate import tabulate

from bench.report.comparison.compare import Compared, Comparison, Overall
from bench.report.comparison.pairs import Pair, Pairs
from bench.report.quantities import Quantity
from bench.report.stats.paired import LEVEL, ORDER, ROPE, TINY, Paired
from bench.report.stats.skew import LAW
from bench.report.stats.verdicts import Judgement, Verdict
from bench.report.tables import captions, marks
from bench.report.tables.grounds import protocol_words, seed_words
from bench.report.tables.model import Cell
from bench.report.tables.writers.markdown import escape

IDENTICAL = "identical"
HEAD = (
    *("Seeds", "A", "B", "A - B", "t interval", "Bootstrap", "P(A beats B)"),
    *("p", "Skewed p", "Exact p"),
)


def render(comparison: Comparison, pairs: Pairs, a: str, b: str) -> str:
    """a, b: what A and B are, as the user named them."""
    quantity = comparison.quantity
    rows = [row for one in comparison.lines for row in (one.pair.a, one.pair.b)]
    read = "; ".join(f"`{p}`, {protocol_words(rows, p)}" for p in comparison.protocols)
    label = "Protocols" if len(comparison.protocols) > 1 else "Protocol"
    unit = " in percent, differences in points" if quantity.share else ""
    folded = any(one.difference.folds for one in comparison.lines)
    runs = "seeds of all folds" if folded else "seeds"
    better = "higher" if quantity.better > 0 else "lower"
    intro = (
        f"A is `{a}`, B is `{b}`. Test {quantity.title}{unit}, mean ± sample standard deviation "
        f"(ddof 1) over the {runs} that both have; {better} is better. {label} {read}."
    )
    said = "\n".join(f"- {one}" for one in verdicts(comparison))
    parts = [f"### A against B: {quantity.title}", intro, table(comparison), said]
    if comparison.overall:
        parts.append(overall(comparison.overall))
    parts.append("\n".join(f"- {one}" for one in footnotes(comparison, pairs)))
    return "\n\n".join(parts) + "\n"


def table(comparison: Comparison) -> str:
    several = len(comparison.protocols) > 1
    head = ["Data", *(["Protocol"] if several else []), *HEAD, "A is"]
    body = []
    for one, judged in zip(comparison.lines, comparison.judged, strict=True):
        protocol = [one.protocol] if several else []
        verdict = judged.words if judged else IDENTICAL
        shown = f"**{verdict}**" if judged and judged.resolved else verdict
        numbers = numbers_of(one, judged, comparison.quantity)
        body.append([escape(one.pair.where), *protocol, *numbers, shown])
    align = ["left"] * (1 + several) + ["right"] * len(HEAD) + ["left"]
    return tabulate(body, head, "pipe", disable_numparse=True, colalign=align)


def numbers_of(one: Compared, judged: Judgement | None, quantity: Quantity) -> list[str]:
    mean = one.a.mean - one.b.mean
    interval = one.difference.interval
    if interval and quantity.better < 0:
        interval = (-interval[1], -interval[0])
    return [
        seed_count(one.difference),
        cell(one.a, quantity),
        cell(one.b, quantity),
        signed(mean, quantity),
        between(interval, quantity),
        between(one.interval, quantity),
        f"{one.improvement:.2f}",
        probability(judged.adjusted if judged else None),
        probability(judged.skewed if judged else None),
        probability(one.exact if judged else None),
    ]


def seed_count(difference: Paired) -> str:
    folds = len(difference.folds)
    return f"{len(difference.values)} in {folds} folds" if folds else str(difference.count)


def cell(of: Cell, quantity: Quantity) -> str:
    spread = f" ± {number(of.std, quantity)}" if of.std is not None else ""
    return f"{number(of.mean, quantity)}{spread}"


def number(value: float, quantity: Quantity) -> str:
    return f"{100 * value:.1f}" if quantity.share else f"{value:.3f}"


def signed(value: float, quantity: Quantity) -> str:
    """Differences show a digit more than what they are of; one that is rounding is 0."""
    exact = 0.0 if abs(value) < TINY else value
    text = f"{100 * exact:+.2f}" if quantity.share else f"{exact:+.4f}"
    return text if exact else text.removeprefix("+")


def between(interval: tuple[float, float] | None, quantity: Quantity) -> str:
    if interval is None:
        return captions.DASH
    return f"[{', '.join(signed(end, quantity) for end in interval)}]"


def probability(p: float | None) -> str:
    if p is None:
        return captions.DASH
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def verdicts(comparison: Comparison) -> Iterator[str]:
    """A sentence per line."""
    several = len(comparison.protocols) > 1
    for one, judged in zip(comparison.lines, comparison.judged, strict=True):
        where = one.pair.where + (f", {one.protocol}" if several else "")
        yield f"{where}: {sentence(one, judged, comparison.quantity)}"


def sentence(one: Compared, judged: Judgement | None, quantity: Quantity) -> str:
    if judged is None:
        return "the predictions of A and B are equal bit for bit under every seed."
    return f"{shown(one, judged, quantity)}{uneven(judged)}."


def shown(one: Compared, judged: Judgement, quantity: Quantity) -> str:
    if judged.verdict is Verdict.NOT_RESOLVED:
        if judged.resolvable is None:
            return judged.words
        least = signed(judged.resolvable, quantity).removeprefix("+")
        unit = " points" if quantity.share else ""
        return f"{judged.words}; as they scatter, they resolve {least}{unit} or more"
    if judged.verdict is Verdict.EQUIVALENT:
        where = "over these folds" if judged.unit == "fold" else "on this test set"
        text = f"A and B are {judged.words}: {where} they differ by less than one point"
        if one.interval and max(map(abs, one.interval)) > ROPE:
            text += "; the bootstrap leaves it, so on another test set of this size it may be more"
        return text
    text = f"A is {judged.words}"
    if judged.small:
        text += ", by less than one point"
    if one.interval and one.interval[0] <= 0 <= one.interval[1]:
        text += "; the bootstrap holds 0, so another test set of this size might not show it"
    if not judged.firm:
        text += "; it would not be resolved if the differences were skewed"
    return text


def uneven(judged: Judgement) -> str:
    """A warning, where the scatter of one is of another order than the other's."""
    if not judged.uneven:
        return ""
    names = ("A", "B") if judged.ratio > 1 else ("B", "A")
    times = max(judged.ratio, 1 / judged.ratio)
    return (
        f"; {names[0]} scatters {times:.{0 if times >= 10 else 1}f} times as much as {names[1]}, "
        "so that the differences may be skewed and are judged as such"
    )


def overall(over: Overall) -> str:
    low, high = over.interval
    text = (
        f"Over {len(over.datasets)} data sets ({', '.join(over.datasets)}): a run of A beats one "
        f"of B with probability {over.improvement:.2f} [{low:.2f}, {high:.2f}]."
    )
    if over.posterior:
        p = over.posterior
        text += (
            f" Bayesian signed rank test with a rope of one point: A is worse with probability "
            f"{p.worse:.2f}, the same {p.same:.2f}, better {p.better:.2f}."
        )
    return (
        f"{text} Signed rank test over data sets: p {probability(over.signed_rank)}, which "
        f"{len(over.datasets)} of them cannot bring below {over.smallest:.3g}."
    )


def footnotes(comparison: Comparison, pairs: Pairs) -> Iterator[str]:
    count = sum(one is not None for one in comparison.judged)
    family = f", after Holm over the {count} lines" if count > 1 else ""
    level = f"{100 * LEVEL:g} %"
    over = marks.over([one for one in comparison.judged if one])
    yield (
        f"`p`: paired t test over {over}{family}; the verdict rests on it, at the level "
        f"{1 - LEVEL:.2g}, and it supposes that the differences scatter symmetrically. "
        f"`Skewed p`: the same if they are as skewed as {LAW}; where one row scatters more than "
        f"{ORDER:.1f} times as much as the other, it is `p`. `Exact p`: flips of the differences' "
        "signs, of the line alone, at least 2 / 2^n with n seeds. `t interval`: of the line alone, "
        f"over {'folds' if over != 'seeds' else 'seeds on this test set'}."
    )
    yield (
        f"`Bootstrap`: {level} interval over seeds and test samples at once; it covers the choice "
        "of the test set, not another training set, split or search for settings."
    )
    if any(one.difference.folds for one in comparison.lines):
        yield (
            "Over folds, A and B are compared inside each, and its seeds' mean difference is one "
            "value: seeds of a fold share its split. `Exact p` and `Bootstrap` suppose independent "
            "values, which folds are not, so they have none."
        )
    if any(one and one.verdict is Verdict.EQUIVALENT for one in comparison.judged):
        yield "`equivalent`: two one-sided tests, corrected likewise, put it inside one point."
    for pair in pairs.kept:
        yield from pair_notes(pair)
    if pairs.skipped:
        yield f"Not compared: {' '.join(pairs.skipped)}"


def pair_notes(pair: Pair) -> Iterator[str]:
    """How the two rows differ besides what they are, and seeds that only one has."""
    alone = [
        f"{seed_words(tuple(s for s in one.seeds if s not in other.seeds))} in {name} alone"
        for name, one, other in (("A", pair.a, pair.b), ("B", pair.b, pair.a))
        if set(one.seeds) - set(other.seeds)
    ]
    if alone:
        yield f"{pair.where}: unpaired seeds are left out, {' and '.join(alone)}."
    both = replace(pair.table, rows=(pair.a, pair.b))
    for note in (*captions.recipe_notes(both), *captions.machine_notes(both)):
        yield f"{pair.where}: {note}"
    versions = [" and ".join(dict.fromkeys(r.code for r in row.runs)) for row in (pair.a, pair.b)]
    if versions[0] != versions[1]:
        yield f"{pair.where}: code of A {versions[0]}; of B {versions[1]}."
