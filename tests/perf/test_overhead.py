"""The suite beside a plain loop, and what is made of the times."""

import torch

from bench.perf.overhead import Side, measure, summary


def side(name, beside, weights, turns):
    def make():
        turns.append(name)
        return lambda: lambda: {"w": torch.tensor(weights)}

    return Side(name, beside, make)


def test_all_take_a_turn_in_every_round_in_an_order_of_its_own_and_the_first_is_not_timed():
    turns = []
    sides = [side(name, "a", 1.0, turns) for name in "abcd"]
    measure(sides, rounds=3)
    rounds = [turns[i : i + 4] for i in range(0, 16, 4)]
    assert len(turns) == 16 and all(sorted(takers) == list("abcd") for takers in rounds)
    assert len(set(map(tuple, rounds))) > 1
    assert all(len(one.cpu) == len(one.wall) == 3 for one in sides)


def test_a_side_with_other_weights_is_told():
    turns = []
    sides = [side("a", "a", 1.0, turns), side("b", "a", 1.0, turns), side("c", "a", 1.1, turns)]
    measure(sides, rounds=1)
    assert [row["same_weights"] for row in summary(sides, 1)] == [True, True, False]


def test_ratios_are_of_times_of_one_round():
    base = Side("base", "base", None, wall=[9.0] * 3, cpu=[1.0, 2.0, 8.0])
    other = Side("other", "base", None, wall=[9.0] * 3, cpu=[1.5, 3.0, 12.0])
    first, second = summary([base, other], steps=10)
    assert first["cpu_relative"] == {"q1": 1, "median": 1, "q3": 1, "count": 3}
    assert second["cpu_relative"] == {"q1": 1.5, "median": 1.5, "q3": 1.5, "count": 3}
    assert second["cpu_ms"]["median"] == 300 and second["wall_relative"]["median"] == 1
