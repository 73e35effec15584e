"""The commands of docs/cluster.md for a scheduler, in their order, with the page's settings."""

import shlex

import pytest

from tests.contracts.test_docs import ROOT
from tests.helpers.docs import blocks

pytestmark = pytest.mark.slurm
PAGE = ROOT / "docs/cluster.md"


def test_the_guides_commands_run_on_the_cluster(user):
    settings = user.folder / "config/mml-bench/cluster.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(blocks(PAGE, "yaml")[0])
    said = ""
    for block in blocks(PAGE, "slurm"):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("python -m bench "))
            if words[:2] == ["submit", "quick"]:
                words += ["--epochs", "1", "--seeds", "1"]  # the rest of it takes a while
            said = user.bench(*words, seconds=300)
            assert words != ["logs", "ogm/seed-2"] or "job " in said
    assert "partition=spot" in said
    assert {run.state for run in user.runs()} == {"done"}
