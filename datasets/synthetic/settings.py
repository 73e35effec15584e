"""The named settings: worlds of nine classes, and what a user may change of one."""

from dataclasses import dataclass, field, replace

from bench.config.settings import knob
from bench.datasets.core.adapters.adapter import Adapter
from bench.datasets.synthetic.world import World
from bench.errors import UserError, unknown

CLASSES, ROOT = 9, 3
WHOLE = tuple(range(CLASSES))
# Complementary: one modality shows the class's row in a square, the other its column.
ROWS, COLUMNS = tuple(c // ROOT for c in WHOLE), tuple(c % ROOT for c in WHOLE)
# Synergy: two numbers, one in each modality; their sum, modulo the classes, is the class.
PAIRS = [(a, b) for a in WHOLE for b in WHOLE]
SUMS = tuple((a + b) % CLASSES for a, b in PAIRS)
FIRST, SECOND = (tuple(pair[i] for pair in PAIRS) for i in range(2))
FAST, SLOW = 1.0, 0.08

WORLDS = {
    "balanced": World(WHOLE, (WHOLE, WHOLE), (0.7, 0.7), (FAST, FAST)),
    "fast-weak": World(WHOLE, (WHOLE, WHOLE), (0.6, 0.8), (FAST, SLOW)),
    "fast-strong": World(WHOLE, (WHOLE, WHOLE), (0.8, 0.6), (FAST, SLOW)),
    "redundant": World(WHOLE, (WHOLE, WHOLE), (0.7, 0.7), (FAST, SLOW), shared=0.8),
    "complementary": World(WHOLE, (ROWS, COLUMNS), (0.9, 0.9), (FAST, SLOW)),
    "synergy": World(SUMS, (FIRST, SECOND), (0.95, 0.95), (FAST, FAST)),
    "three": World(WHOLE, (WHOLE,) * 3, (0.6, 0.6, 0.6), (FAST, 0.25, SLOW)),
}
FOLDS = 5


@dataclass(frozen=True)
class SyntheticSettings(Adapter.Config):
    split: str = knob("clean", choices=("clean",))
    setting: str = knob("fast-weak", choices=tuple(WORLDS))
    # By modality, in place of the setting's: how often it tells its part alone, as a share, and the
    # scale of its latent in what is observed.
    strength: dict[str, str] = field(default_factory=dict)
    speed: dict[str, str] = field(default_factory=dict)
    render: str = knob("vector", choices=("vector", "image"))  # what modalities are: pictures.py
    samples: int = knob(6000, low=100, high=1_000_000)  # of training; validation has half as many
    fold: int = knob(0, low=0, high=FOLDS - 1)  # another draw of the samples, from the same world


def world_of(settings: SyntheticSettings) -> World:
    """Raises UserError for a modality that the setting lacks, or a value out of bounds."""
    world = WORLDS[settings.setting]
    least = [1 / size for size in world.sizes]
    strengths = changed(settings, "strength", world.strengths, least, 0.999)
    speeds = changed(settings, "speed", world.speeds, [0.01] * len(least), 10.0)
    return replace(world, strengths=strengths, speeds=speeds)


def changed(settings, key: str, before: tuple[float, ...], least, most: float) -> tuple[float, ...]:
    """A world's numbers by modality with the user's in their places."""
    numbers = dict(zip(names(len(before)), before, strict=True))
    bounds = dict(zip(numbers, least, strict=True))
    for m, text in getattr(settings, key).items():
        if m not in numbers:
            raise unknown(m, f"a modality of the setting {settings.setting}", numbers)
        try:
            numbers[m] = float(text)
        except ValueError:
            raise UserError(f"data.{key}.{m} takes a number, not {text!r}.") from None
        if not bounds[m] <= numbers[m] <= most:
            raise UserError(
                f"data.{key}.{m} is between {bounds[m]:.3g} and {most:g} in the setting "
                f"{settings.setting}, not {text}."
            )
    return tuple(numbers.values())


def names(count: int) -> list[str]:
    """Of modalities."""
    return [f"x{m}" for m in range(count)]
