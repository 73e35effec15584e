"""Whatever stands where a path should, a verb ends with a sentence and exit code 2, or does its
work."""

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
    "no end": "/dev/zero",
    "nothing in it": "/dev/null",
    "two lines": "a\nb",
}
VERBS = (  # @ stands for the path
    "table --results @",
    "status --results @",
    "compare @ results",
    "logs x --results @",
    "cancel --all --results @",
    "prune --yes --results @",
    "table --published @",
    "table @",
    "plot --kind accuracy --out @",
    "report --out @",
    "export --out @",
    "export --out @.csv",
    "export --bundle @",
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


@pytest.mark.parametrize("verb", VERBS)
def test_an_odd_path_ends_in_a_sentence_or_in_work(verb, here, capsys):
    for kind, path in PATHS.items():
        code = main([word.replace("@", path) for word in verb.split()])
        said = capsys.readouterr().err
        assert code in (0, 1, 2), (kind, said)
        if code == 2:
            assert said.startswith("error: ") and "Traceback" not in said, (kind, said)
            assert said.count("\n") <= 1 + path.count("\n"), (kind, said)
