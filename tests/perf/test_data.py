"""Batches from the packed cache beside a plain loader, and what is made of the times."""

import torch

from bench.perf.data import SampleTimes, bench_pass, make, measure, plain_pass, summary


def test_both_sides_go_through_all_clips_in_every_round(tmp_path):
    make(tmp_path, 2)
    for maker in (plain_pass, bench_pass):
        assert maker(tmp_path, 2, True)(0) == maker(tmp_path, 2, False)(0) == 2
    threads = torch.get_num_threads()
    times = measure(tmp_path, 2, rounds=2)
    assert torch.get_num_threads() == threads
    assert len(times) == 4 and all(len(one.wall) == len(one.cpu) == 2 for one in times.values())


def test_faster_is_of_times_of_one_round():
    times = {
        ("training", "plain"): SampleTimes([10.0, 40.0], [10.0, 20.0]),
        ("training", "bench"): SampleTimes([1.0, 4.0], [2.0, 4.0]),
    }
    plain, ours = summary(times)
    assert plain["wall_faster"] == {"q1": 1, "median": 1, "q3": 1, "count": 2}
    assert (ours["wall_faster"]["median"], ours["cpu_faster"]["median"]) == (10, 5)
    assert (ours["form"], ours["side"], ours["wall_ms"]["median"]) == ("training", "bench", 2.5)
