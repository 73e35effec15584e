"""What systems leave beside the user's files is told from what the user put there."""

import pytest

from bench.config.rubbish import is_rubbish


@pytest.mark.parametrize(
    "name",
    ["._a.npy", "train/._a.wav", ".DS_Store", "x/Thumbs.db", "Desktop.ini", "__MACOSX/a.npy"],
)
def test_what_systems_leave_is_rubbish(name):
    assert is_rubbish(name)


@pytest.mark.parametrize("name", ["a.npy", "_a.npy", ".hidden.npy", "thumbs.npy", "x/y.wav"])
def test_what_users_write_is_not(name):
    assert not is_rubbish(name)
