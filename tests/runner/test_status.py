"""What `status` says of runs that wait for their jobs."""

from bench.runner.slurm.status import Standing, lines
from bench.runs.rundir import place
from tests.helpers.results import spec_of


def test_one_waiting_seed_is_a_seed_and_several_are_seeds(tmp_path):
    def waits(method, seed):
        run = place(tmp_path, spec_of(method, seed))
        return Standing(run, "waiting", "job 7 pending", ended=False)

    alone, several = lines([waits("one", 0), waits("two", 0), waits("two", 3)])
    assert " seed 0: job 7 pending" in alone
    assert " seeds 0,3: job 7 pending" in several
