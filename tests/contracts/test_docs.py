"""Every command in the README and docs/ runs, and every link and number in them is there."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench import datasets
from bench.__main__ import main
from tests.helpers.commands import Command
from tests.helpers.docs import blocks
from tests.helpers.tinies import tiny_copy

ROOT = Path(__file__).parents[2]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "results/README.md"]
PAGES.append(ROOT / "results/reference/README.md")


AVMNIST = ROOT.parent / "shared/data/avmnist"


def python(line):
    """(changes of the environment, module or -c, words) of a line that only calls Python."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words, changes = list(lexer), {}
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, changes[name] = words.pop(0).partition("=")
    if words[:1] != ["python"] or words[1] not in ("-c", "-m") or re.search(r"[$`*?~]", line):
        return None
    if any(not set(word) - set("();<>|&") for word in words):
        return None
    del words[: 2 if words[1] == "-m" else 1]
    return changes, words[0], words[1:]


def shell(line, folder, code=0, patience=500):
    """Runs a line of a page there; Python starts warm."""
    scripts = Path(sys.executable).parent
    changes = {
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    env = os.environ | changes
    if plain := python(line):
        named, module, words = plain
        process = Command(folder, words, module, env | named)
        out, err = process.communicate(patience)
    else:
        bash = ["bash", "-c", line]
        process = subprocess.run(
            bash, cwd=folder, env=env, capture_output=True, text=True, timeout=patience
        )
        out, err = process.stdout, process.stderr
    assert process.returncode == code, f"{line}\n{out[-2000:]}\n{err[-2000:]}"
    return out


# Pages whose commands train as README's do; the slow tests run them.
LIKE_README = ("report.md", "statistics.md", "figures.md", "tables.md", "features.md", "numbers.md")


def pages():
    for page in PAGES:
        if blocks(page, "bash"):
            slow = [pytest.mark.slow] if page.name in LIKE_README else []
            yield pytest.param(page, marks=slow, id=page.name)


@pytest.mark.parametrize("page", list(pages()))
def test_every_command_of_a_page_runs(page, tmp_path):
    written = r"here `([\w/]+\.(?:py|yaml))`[^\n]*\n\n```(?:python|yaml)\n(.*?)^```"
    for name, text in re.findall(written, page.read_text(), re.M | re.S):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            shell(line, tmp_path)


def test_the_readmes_python_runs(tmp_path):
    cells = blocks(ROOT / "README.md", "python")
    assert cells
    for cell in cells:
        shell(f"python -c {shlex.quote(cell)}", tmp_path)


def tiny_commands():
    """(tiny copy, commands) of all blocks in the name of a data set that has one."""
    for entry in datasets.ENTRIES:
        if tiny := tiny_copy(entry):
            text = "".join(text for page in PAGES for text in blocks(page, entry.name))
            lines = list(dict.fromkeys(text.splitlines()))
            training = [line for line in lines if " data " not in line]
            if quick := [line for line in lines if " data " in line]:
                yield pytest.param(tiny, quick, id=entry.name)
            for line in training:
                yield pytest.param(tiny, [line], marks=pytest.mark.slow, id=line[:60])


@pytest.mark.parametrize(("tiny", "lines"), list(tiny_commands()))
def test_the_commands_on_a_data_set_run_on_its_tiny_copy(tiny, lines, tmp_path):
    import_module(tiny).make(tmp_path / "raw")
    for line in lines:
        code = 1 if " data check " in line else 0  # the tiny copies have faults
        shell(line.replace("DIR", str(tmp_path / "raw")), tmp_path, code)


@pytest.mark.slow
def test_the_commands_on_real_sound_and_images_run(tmp_path):
    if not AVMNIST.is_dir():
        pytest.skip("the raw files of avmnist are not beside the project (../shared/data/avmnist)")
    for block in blocks(ROOT / "README.md", "avmnist"):
        for line in block.splitlines():
            out = shell(line.replace("DIR", str(AVMNIST)), tmp_path, patience=1800)
    assert "| dimml" in out


def test_set_up_commands_name_scripts_that_can_run():
    scripts = re.findall(r"\./(\w+\.sh)", "\n".join(blocks(ROOT / "README.md", "sh")))
    assert scripts and all(os.access(ROOT / s, os.X_OK) for s in scripts)


@pytest.mark.slow
def test_run_all_leaves_tables_and_figures_and_a_clean_tree(tmp_path):
    """A copy of the tracked files with this environment: the set-up itself is tried by hand."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    subprocess.run(
        ["tar", "-cf", tmp_path / "tree.tar", "-T", "-"],
        cwd=ROOT,
        input=files,
        text=True,
        check=True,
    )
    tree = tmp_path / "tree"
    tree.mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "tree.tar", "-C", tree], check=True)
    (tree / ".venv").symlink_to(Path(sys.executable).parents[1])
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=tree, check=True)
    before = subprocess.run(["git", "status", "-s"], cwd=tree, capture_output=True, check=True)
    said = shell(f"{tree}/run_all.sh", tmp_path)
    assert re.fullmatch(r".*table\.csv (is equal to|differs from) .*", said.splitlines()[-1])
    made = {p.name for p in (tree / "results/quick").iterdir()}
    assert {"table.md", "table.tex", "accuracy.png", "curves.png"} <= made
    after = subprocess.run(["git", "status", "-s"], cwd=tree, capture_output=True, check=True)
    assert after.stdout == before.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_readmes_table_is_the_reference_table():
    table = re.search(
        r"^\|.*?\n\n", (ROOT / "results/reference/quick/table.md").read_text(), re.M | re.S
    )
    assert table.group().strip() in (ROOT / "README.md").read_text()


def test_the_readmes_probe_figures_are_those_of_the_table():
    text = (ROOT / "README.md").read_text()
    cells = {
        line.split("|")[1].strip(): [
            re.sub(r"[*†]|</?u>", "", c).split("±")[0].strip() for c in line.split("|")[2:-1]
        ]
        for line in text.splitlines()
        if line.startswith("| ")
    }
    alone = cells["unimodal-left"][0], cells["unimodal-right"][0]
    probed = cells["unimodal-left"][2], cells["unimodal-right"][4]
    joint = cells["joint"][2], cells["joint"][4]
    flowing = " ".join(text.split())
    assert f"reach an accuracy of {alone[0]} and {alone[1]}," in flowing
    assert f"by probe {probed[0]} and {probed[1]}." in flowing
    assert f"reach by probe only {joint[0]} and {joint[1]}:" in flowing


def test_published_records_give_the_published_tables(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (commands,) = blocks(ROOT / "results/reference/README.md", "records")
    for line in commands.splitlines():
        assert main(shlex.split(line)[3:]) == 0 and capsys.readouterr().out
    archives = sorted((ROOT / "results/reference").glob("*/runs.zip"))
    assert archives
    for archive in archives:
        words = ("table", archive.parent.name, "--results", str(archive), "--format", "csv")
        assert main(words) == 0
        assert capsys.readouterr().out == archive.with_name("table.csv").read_text()
