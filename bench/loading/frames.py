"""Which of the stored frames of a clip an input is made of: policies by name."""

from numpy.typing import NDArray

from bench.errors import unknown
from bench.types import View

# What DI-MML's code draws, with numpy's seed 999 for every clip: (stored, taken) -> places.
FIXED_DRAW = {
    (4, 3): (1, 2, 3),
    (5, 3): (1, 2, 3),
    (6, 3): (2, 3, 5),
    (10, 4): (2, 4, 6, 8),
    (11, 4): (2, 4, 7, 9),
}
FILLED = (10, 4)  # clips with fewer frames are filled up to ten by their code, then four drawn


def chosen(view: View, stored: int, draws: NDArray | None) -> list[int]:
    """Places of `view.frames` of `stored` frames; the last is repeated where there are too few.

    draws: [view.frames], None in evaluation.
    """
    if view.policy not in POLICIES:
        raise unknown(view.policy, "a way to choose frames", POLICIES, "see the data set's views")
    if stored <= view.frames:
        return [min(i, stored - 1) for i in range(view.frames)]
    return POLICIES[view.policy](stored, view.frames, draws)


def first(stored: int, count: int, draws: NDArray | None) -> list[int]:
    return list(range(count))


def uniform(stored: int, count: int, draws: NDArray | None) -> list[int]:
    return [(2 * i + 1) * stored // (2 * count) for i in range(count)]


def random(stored: int, count: int, draws: NDArray | None) -> list[int]:
    """A choice of which all are equally likely (Floyd, Communications of the ACM 1987)."""
    if draws is None:
        return uniform(stored, count, None)
    taken = set()
    for last, draw in zip(range(stored - count, stored), draws, strict=True):
        place = int(draw * (last + 1))
        taken.add(last if place in taken else place)
    return sorted(taken)


def fixed_draw(stored: int, count: int, draws: NDArray | None) -> list[int]:
    """Of DI-MML's code. Where that fills up with frames drawn at random, ours are spread evenly."""
    if count == FILLED[1] and stored < FILLED[0]:
        return [place * stored // FILLED[0] for place in FIXED_DRAW[FILLED]]
    if (stored, count) not in FIXED_DRAW:
        known = ", ".join(f"{taken} of {of}" for of, taken in FIXED_DRAW)
        raise ValueError(
            f"The fixed draw of {count} of {stored} frames is not known: there is {known}; "
            "take another policy in the data set's view."
        )
    return list(FIXED_DRAW[stored, count])


POLICIES = {"first": first, "uniform": uniform, "random": random, "dimml999": fixed_draw}
