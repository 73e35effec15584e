"""A suite's runs by how many are trained side by side, and what is made of their times."""

import pytest

from bench.errors import UserError
from bench.perf import suite
from bench.perf.suite import Turns, measure, summary


def test_each_number_takes_a_turn_in_every_round_in_an_order_of_its_own(monkeypatch):
    turns = []

    def once(words):
        turns.append(words)
        return 1.0, 2.0

    monkeypatch.setattr(suite, "once", once)
    times = measure(["run", "--method", "a"], (1, 2, 4), rounds=4)
    assert all(words[:4] == ["run", "--method", "a", "--jobs"] for words in turns)
    rounds = [tuple(words[4] for words in turns[i : i + 3]) for i in range(0, 12, 3)]
    assert all(sorted(numbers) == ["1", "2", "4"] for numbers in rounds)
    assert len(set(rounds)) > 1
    assert list(times) == [1, 2, 4] and times[4] == Turns([1.0] * 4, [2.0] * 4)


def test_ratios_are_of_times_of_one_round():
    one, two = Turns([10.0, 40.0], [8.0, 30.0]), Turns([6.0, 24.0], [10.0, 36.0])
    first, second = summary({1: one, 2: two})
    assert first["wall_relative"]["median"] == 1 and second["wall_relative"]["q3"] == 0.6
    assert second["wall_seconds"]["median"] == 15
    assert second["cpu_relative"]["median"] == pytest.approx((10 / 8 + 36 / 30) / 2)


def test_a_command_says_what_it_took():
    wall, cpu = suite.once(["list", "datasets"])
    assert wall > 0 and 0 < cpu < 60


def test_a_command_that_fails_is_told_with_its_reason():
    with pytest.raises(UserError, match=r"ended with code 2: .*no_such"):
        suite.once(["list", "no_such"])
