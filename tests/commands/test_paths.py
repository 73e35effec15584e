"""Whatever stands where a path should, a verb ends with a sentence and exit code 2, or does its
work."""

import os

import pytest

from bench.__main__ import main
from tests.helpers.results import add

PATHS = {
    "nothing": "missing/x",
    "below a file": "file/x",
    "a folder": "folder",
    "a file": "file",
    "a link to itself": "loop",
    "a link to nothing": "dangling",
    "too long a name": "x" * 300,
    "no name": "",
    "two lines": "a\nb",
}
DEVICES = {"no end": "/dev/zero", "nothing in it": "/dev/null"}  # only to be read
PIPE = {"a pipe": "pipe"}  # only to be written: reading waits
READ = (  # @ stands for the path
    "table --results @",
    "status --results @",
    "compare @ results",
    "logs x --results @",
    "cancel --all --results @",
    "prune --yes --results @",
    "table --published @",
    "table @",
    "sweep @ --dry",
    "submit @ --dry",
    "run --method joint --dataset features --root @ --dry",
    "run --method joint --dataset digits --results @/y --seeds 1 --dry",
    "data check cremad --root @ --cache c",
    "data check avmnist --root @ --cache c",
    "data check mosei --root @ --cache c",
    "data check food101 --root @ --cache c",
    "data check modelnet40 --root @ --cache c",
    "data prepare features --root @ --cache c",
    "data fetch digits --root @",
    "doctor --root cremad=@ --cache @",
)
WRITTEN = (
    "plot --kind accuracy --out @",
    "report --out @",
    "export --out @",
    "export --out @.csv",
    "export --bundle @",
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in, with results and things that are no such path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MML_BENCH_CACHE", str(tmp_path / "cache"))
    add(tmp_path / "results", "x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x\n")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.csv")
    return tmp_path


@pytest.mark.parametrize("verb", READ)
def test_an_odd_path_to_read_ends_in_a_sentence_or_in_work(verb, here, capsys):
    assert_sentences(verb, PATHS | DEVICES, capsys)


@pytest.mark.parametrize("verb", WRITTEN)
def test_an_odd_path_to_write_ends_in_a_sentence_or_in_work(verb, here, capsys):
    assert_sentences(verb, PATHS | PIPE, capsys)
    assert all((here / name).is_fifo() for name in ("pipe", "pipe.csv"))


def assert_sentences(verb, paths, capsys):
    for kind, path in paths.items():
        code = main([word.replace("@", path) for word in verb.split()])
        said = capsys.readouterr().err
        assert code in (0, 1, 2), (kind, said)
        if code == 2:
            assert said.startswith("error: ") and "Traceback" not in said, (kind, said)
            assert said.count("\n") <= 1 + path.count("\n"), (kind, said)
