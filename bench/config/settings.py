"""Settings: frozen dataclasses whose fields say what they take, filled from text or YAML.

A field's type, choices and bounds are the only description of it; the command line, the suites and
the methods' own classes are checked against them here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, field, fields
from fractions import Fraction
from typing import Any, get_origin

from bench.errors import UserError, unknown

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Settings:
    """Base of the settings of methods, of the recipe and of the network."""

    def idle(self, epochs: int) -> dict[str, str]:
        """Settings that cannot act in a run of so many planned epochs -> why they cannot.

        Nobody is told of a default; a value that a user gave and that is idle is refused.
        """
        return {}

    def freezes(self) -> bool:
        """Of a method: whether all encoders are frozen in a stage that trains, which then encodes
        once what it can."""
        return False


def knob(
    default: Any,
    *,
    choices: tuple = (),
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    later: bool = False,
) -> Any:
    """A field with its default and what it may be: one of `choices`, at least `low`, at most
    `high`, greater than `above`. later: it came when there were results already, see `recorded`."""
    meta = {"choices": choices, "low": low, "high": high, "above": above, "later": later}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=meta)
    return field(default=default, metadata=meta)


def share(default: float) -> Any:
    """A field that is a share of the planned epochs, 0 to 1."""
    return knob(default, low=0.0, high=1.0)


def build(cls: type, values: Mapping[str, object], owner: str) -> Any:
    """An instance of the frozen dataclass `cls`, its fields set from text or plain values.

    owner: who has the settings, for messages. Raises UserError for an unknown name, a value of
    another type, or one out of bounds.
    """
    known = {f.name: f for f in fields(cls)}
    for name in values:
        if name not in known:
            raise unknown(name, f"a setting of {owner}", known)
    return cls(**{name: convert(known[name], value, owner) for name, value in values.items()})


def recorded(config: Any) -> dict[str, object]:
    """All settings as plain values, for a run's spec. One that came later is left out at its
    default, which is what runs from before it had: their digests stay."""
    plain = asdict(config)
    later = {f.name: default_of(f) for f in fields(config) if f.metadata.get("later")}
    return {k: v for k, v in plain.items() if k not in later or v != later[k]}


def convert(spec: Field, value: object, owner: str) -> Any:
    """`value` as the type that field `spec` has, within its bounds."""
    kind = get_origin(spec.type) or spec.type
    try:
        result = READERS[kind](value)
    except (ValueError, TypeError, ZeroDivisionError):
        raise UserError(
            f"{spec.name} of {owner} takes {WORDS[kind]}, not {value!r}; "
            f"its default is {default_of(spec)!r}."
        ) from None
    check_bounds(spec, result, owner)
    return result


def check_bounds(spec: Field, value: Any, owner: str) -> None:
    """Raises UserError if `value` is not among the field's choices or outside its bounds."""
    meta = spec.metadata
    if meta.get("choices") and value not in meta["choices"]:
        raise unknown(str(value), f"a value of {spec.name} of {owner}", map(str, meta["choices"]))
    if meta.get("low") is not None and not value >= meta["low"]:
        raise UserError(f"{spec.name} of {owner} is at least {meta['low']}, not {value}.")
    if meta.get("high") is not None and not value <= meta["high"]:
        raise UserError(f"{spec.name} of {owner} is at most {meta['high']}, not {value}.")
    if meta.get("above") is not None and not value > meta["above"]:
        raise UserError(f"{spec.name} of {owner} is greater than {meta['above']}, not {value}.")


def default_of(spec: Field) -> object:
    return spec.default if spec.default is not MISSING else spec.default_factory()


def read_int(value: object) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def read_float(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError
    # The papers count epochs; 20/150 as text is a share of them.
    number = float(Fraction(value)) if isinstance(value, str) and "/" in value else float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def read_bool(value: object) -> bool:
    word = str(value).lower()
    if word not in TRUE + FALSE:
        raise ValueError
    return word in TRUE


def read_str(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError
    return str(value)


def read_dict(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {str(k): str(v) for k, v in value.items()}


READERS = {int: read_int, float: read_float, bool: read_bool, str: read_str, dict: read_dict}
WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    dict: "a name and a value",
}
