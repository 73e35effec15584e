"""What `status` says of runs that wait for their jobs."""

from bench.commands.status import configurations
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


def test_folds_of_a_configuration_are_one_line_of_the_table(tmp_path):
    runs = []
    for data in ({}, {"fold": 1}, {"fold": 2}, {"split": "literature"}):
        for seed in (0, 1):
            spec = spec_of("one", seed, data=data)
            runs.append(place(tmp_path, spec))
            runs[-1].create(spec)
    runs[-1].spec_file.unlink()
    runs[-2].spec_file.unlink()  # it has a line nevertheless
    names = [configurations(runs)[run.path.parent] for run in runs]
    first = f"toy/one/{runs[0].path.parent.name}"
    assert names == [f"{first} (3 folds)"] * 6 + [f"toy/one/{runs[-1].path.parent.name}"] * 2
