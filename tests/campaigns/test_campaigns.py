"""The campaigns in small, so that they are ready when they are wanted."""

import subprocess
import sys

import pytest

from tests.campaigns import racers
from tests.campaigns.__main__ import NAMES, run
from tests.campaigns.tally import Tally, table
from tests.helpers.commands import environment
from tests.helpers.faults import mounts


def test_of_eight_racers_one_trains_each_run(tmp_path):
    for function, *_ in racers.parts(0.02):
        (tally,) = function(tmp_path / "race", 0.02, 0)
        assert (tally.tried, tally.wrong) == (racers.RUNS, [])


def test_the_table_counts_what_was_tried_and_names_what_was_lost():
    tally = Tally("a fault")
    tally.add("", "early")
    tally.add("other numbers", "late")
    lines = table([tally]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        *("a fault", "2", "1", "1 early, 1 late"),
    ]
    assert lines[-1] == "wrong: a fault: other numbers"


def test_a_part_that_breaks_off_counts_as_wrong():
    (tally,) = run((breaking, "joint"), 1.0, 0)
    assert (tally.fault, tally.tried) == ("breaking joint, broken off", 1)
    assert "no such luck" in tally.wrong[0]


def breaking(folder, name, scale, seed):
    assert folder.is_dir()
    raise ValueError("no such luck")


@pytest.mark.slow
@pytest.mark.skipif(
    not mounts(), reason="needs `unshare` and user namespaces, to mount small disks"
)
@pytest.mark.parametrize("name", NAMES)
def test_a_campaign_in_small_loses_nothing(name, tmp_path):
    command = [sys.executable, "-m", "tests.campaigns", name, "--scale", "0.02"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
