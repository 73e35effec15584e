"""What a user asks for, as plain values: the content of a suite, or the arguments of `run`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.config.settings import read_int
from bench.errors import UserError, unknown

PREFIXES = ("train", "network", "data")
LARGEST_SEED = 2**64 - 1  # that torch's generators take
MOST = 10_000  # of a count; a list may have more
ALL = "all"  # folds that a data set has


@dataclass(frozen=True)
class Experiment:
    """methods: name and settings of its own. train, network, data: for all of them; `settings` go
    to the methods that have them. roots: data set -> folder of its raw files. preset: the name of
    the file of settings per method and data set that these are put over, if any. folds: each one
    as a configuration of its own; empty for the one that the settings of the data set name. own:
    beside `datasets`, the settings that one of them has to itself, over `data`; or empty."""

    datasets: tuple[str, ...]
    methods: tuple[tuple[str, dict[str, object]], ...]
    seeds: tuple[int, ...]
    settings: dict[str, object] = field(default_factory=dict)
    train: dict[str, object] = field(default_factory=dict)
    network: dict[str, object] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    roots: dict[str, Path] = field(default_factory=dict)
    preset: str = ""
    folds: tuple[int, ...] | str = ()
    own: tuple[dict[str, object], ...] = ()

    def by_dataset(self) -> Iterator[tuple[str, "Experiment"]]:
        """Each data set, and this experiment with that one's own settings over `data`."""
        own = self.own or ({},) * len(self.datasets)
        for name, settings in zip(self.datasets, own, strict=True):
            yield name, replace(self, data={**self.data, **settings})

    def with_settings(self, pairs: Iterable[str]) -> "Experiment":
        """With `key=value` texts put over what is there; a prefix says whose field it is."""
        parts = {p: dict(getattr(self, p)) for p in (*PREFIXES, "settings")}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise UserError(f"--set takes key=value, not {pair!r}.")
            place(parts, key.split("."), value)
        return replace(self, **parts)


def place(parts: dict[str, dict], path: list[str], value: str) -> None:
    """Puts a value at `key`, `prefix.key` or `prefix.key.name`."""
    if len(path) == 1:
        parts["settings"][path[0]] = value
        return
    if path[0] not in PREFIXES or len(path) > 3 or not all(path):
        known = [f"{p}.KEY" for p in PREFIXES]
        raise unknown(".".join(path), "a place for --set", ["KEY of the method", *known])
    if len(path) == 2:
        parts[path[0]][path[1]] = value
    else:
        inner = parts[path[0]].get(path[1], {})
        if not isinstance(inner, Mapping):
            raise UserError(
                f"--set {'.'.join(path)} and --set {path[0]}.{path[1]}={inner} exclude each "
                "other; leave one out."
            )
        parts[path[0]][path[1]] = {**inner, path[2]: value}


def read_seeds(value: object) -> tuple[int, ...]:
    """`5` is seeds 0 to 4; `3,7` and `7,` are lists, as is a list in YAML. Raises UserError."""
    seeds = numbers(value, "seed")
    if max(seeds) > LARGEST_SEED:
        raise UserError(
            f"seeds name {shortened(max(seeds))}, and the largest that the generators take is "
            f"{LARGEST_SEED}; give smaller numbers."
        )
    return seeds


def read_folds(value: object) -> tuple[int, ...] | str:
    """As seeds; ALL is as many as a data set has. Raises UserError."""
    return ALL if value == ALL else numbers(value, "fold")


def numbers(value: object, what: str) -> tuple[int, ...]:
    """A count, or a list. what: they are of, a seed. Raises UserError."""
    several = isinstance(value, list | tuple) or "," in str(value)
    try:
        if isinstance(value, list | tuple):
            listed = tuple(map(read_int, value))
        elif several:
            listed = tuple(int(v) for v in str(value).split(",") if v.strip())
        else:
            listed = (int(str(value)),)
    except (TypeError, ValueError):
        raise UserError(
            f"{what}s are a count such as 5 or a list such as 3,7 or 7, and not {shortened(value)}."
        ) from None
    if not several and listed[0] > MOST:
        raise UserError(
            f"{what}s {shortened(listed[0])} is a count, and the most is {MOST}; for the one "
            f"{what} of that number write a comma after it."
        )
    chosen = listed if several else tuple(range(*listed))
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise UserError(
            f"{what}s {shortened(value)} name no runs or one of them twice; "
            "give a count of at least 1 or a list of different numbers from 0 on."
        )
    return chosen


def shortened(value: object, shown: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= shown else f"{text[:shown]}..."


def read_roots(given: Iterable[str], asked: tuple[str, ...], saved: Mapping) -> dict[str, Path]:
    """`NAME=DIR` or, for the one data set that is asked for, `DIR`, over the saved ones."""
    roots = {str(name): expanded(folder) for name, folder in saved.items()}
    for text in given:
        name, equals, folder = text.partition("=")
        if equals and name in asked:
            roots[name] = expanded(folder)
        elif equals and not Path(text).exists():
            raise unknown(name, "one of the data sets asked for", asked, "as in --root NAME=DIR")
        elif len(asked) > 1:
            raise UserError(
                f"--root {text} does not say whose it is; with several data sets write "
                f"--root {asked[0]}={text}."
            )
        else:
            roots[asked[0]] = expanded(text)
    return {name: Path(folder).absolute() for name, folder in roots.items()}


def expanded(folder: str) -> Path:
    """A path that may begin with `~`. Raises UserError where that is nobody's home."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise UserError(
            f"{folder}: there is no home folder for {folder.partition('/')[0]!r}; write the path "
            "in full."
        ) from None
