"""Settings in words: what tells two configurations apart."""

from collections.abc import Sequence

UNSET = object()  # the value of a setting that a configuration lacks
MISSING = "unset"  # in words


def differing(configurations: Sequence[dict[str, object]]) -> list[str]:
    """The names whose values are not the same in all configurations, in their order."""
    names = dict.fromkeys(name for c in configurations for name in c)
    first = configurations[0]
    return [n for n in names if any(c.get(n, UNSET) != first.get(n, UNSET) for c in configurations)]


def told_apart(configurations: Sequence[dict[str, object]]) -> list[dict[str, str]]:
    """Per configuration, the settings that tell it from the others: name -> value in words."""
    names = differing(configurations)
    columns = {n: words([c.get(n, UNSET) for c in configurations]) for n in names}
    return [{n: columns[n][i] for n in names} for i in range(len(configurations))]


def words(values: Sequence[object]) -> list[str]:
    """Values as text, floats to four digits unless that would make two of them look the same."""
    short = [word(v, "%.4g") for v in values]
    pairs = set(zip(short, map(repr, values), strict=True))
    if len(pairs) == len(set(short)):
        return short
    return [word(v, "%r") for v in values]


def word(value: object, number: str) -> str:
    if value is UNSET:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return number % value
    return str(value) or "empty"


def listed(settings: dict[str, str]) -> str:
    """ "alpha=0.3, train.lr=0.01" """
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def natural(settings: dict[str, str]) -> list[tuple[float, str]]:
    """A key that sorts numbers as numbers, before words."""
    keys = []
    for value in settings.values():
        try:
            keys.append((float(value), ""))
        except ValueError:
            keys.append((float("inf"), value))
    return keys
