"""What a table rests on, in words: seeds, folds, data and splits."""

from collections.abc import Mapping, Sequence

from bench.config.spec import LAST, PROTOCOLS, VAL
from bench.report.read.results import Finished
from bench.report.stats.paired import FoldSeed
from bench.report.tables.model import Row, Table

PREFIX = 8  # hex digits of a hash


def fold_words(table: Table) -> str:
    """What the spread is where rows are over folds."""
    if not table.folded:
        return ""
    generated = all(row.generated for row in table.rows)
    what = "draw of all samples" if generated else "split of the same data"
    return (
        f"; each fold is another {what}, and the spread is that of single runs, over folds and "
        "seeds at once"
    )


def protocol_words(rows: Sequence[Row], protocol: str) -> str:
    """Which epoch it reads of these rows' runs."""
    kept = {run.settings["train.selection"] for row in rows for run in row.runs}
    if protocol != VAL or LAST not in kept:
        return PROTOCOLS[protocol]
    if kept == {LAST}:
        return "the last epoch: the recipe selects none"
    return f"{PROTOCOLS[protocol]}, or the last where the recipe selects none"


def seed_words(seeds: tuple[int | FoldSeed, ...]) -> str:
    """ "0 to 4", or "3, 7"; of several folds "0, 1 of folds 0 to 4", or of each fold by itself."""
    folds = {}
    for key in seeds:
        if isinstance(key, FoldSeed):
            folds.setdefault(key.fold, []).append(key.seed)
    alike: dict[tuple[int, ...], list[int]] = {}
    for fold, own in folds.items():
        alike.setdefault(tuple(own), []).append(fold)
    if folds:
        return "; ".join(
            f"{seed_words(own)} of fold{'s' * (len(several) > 1)} {seed_words(tuple(several))}"
            for own, several in alike.items()
        )
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def state_words(table: Table) -> str:
    """The data's hash, and the split's sizes and digests; by letter if there are several. With the
    faults of the training split, which are the same for all rows."""
    states: dict[str, dict[int, Finished]] = {}
    for row in table.rows:
        states.setdefault(row.variant, {}).update({run.fold: run for run in row.runs})
    return " ".join(
        (f"[{variant}] data" if variant else "Data")
        + f" `{next(iter(folds.values())).data_hash[:PREFIX]}`: "
        + "; ".join(
            (f"fold {fold} " if len(folds) > 1 else "")
            + ", ".join(part_words(run, part) for part in run.counts)
            for fold, run in sorted(folds.items())
        )
        + "."
        for variant, folds in sorted(states.items())
    ) + fault_words(table.rows[0].runs[0].data)


def fault_words(data: Mapping[str, object]) -> str:
    """What is wrong with the samples that are trained on, by the settings of the data set."""
    missing, noise = (100 * data.get(key, 0.0) for key in ("missing", "label_noise"))
    words = [f"each modality is lacking in {missing:g} percent of the samples"] * bool(missing)
    words += [f"{noise:g} percent of the labels are wrong"] * bool(noise)
    return f" Training at fault, drawn by seed: {'; '.join(words)}." if words else ""


def part_words(run: Finished, part: str) -> str:
    return f"{part} {run.counts[part]} (`{run.digests.get(part, 'unknown')[:PREFIX]}`)"


def overlap_notes(table: Table) -> list[str]:
    """Splits of which parts are not apart."""
    states = {(row.variant, run.split): run for row in table.rows for run in row.runs}
    return [
        (f"[{variant}] " if variant else "")
        + f"The parts of split `{split}` are not independent: {' '.join(run.overlaps)}"
        for (variant, split), run in sorted(states.items(), key=lambda item: item[0])
        if run.overlaps
    ]
