"""Every verb with streams that are closed, without a reader, full, or in another encoding.

Fast for the verbs that take no time; all of them, and real training, are slow.
"""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands import streams
from bench.commands.parser import parser
from bench.runner.local import run_local
from bench.runner.pool import Interrupt
from bench.runs.places import Places
from tests.helpers import fake_runs, results
from tests.helpers.commands import bench, environment
from tests.helpers.odd_machines import called
from tests.helpers.training import SYNTHETIC

LIGHT = {
    "cancel": ("--all",),
    "compare": ("method_0", "method_1"),
    "export": (),
    "list": ("methods",),
    "logs": ("method_0/seed-0",),
    "prune": (),
    "status": (),
    "table": ("--baseline", "method_0"),
}
EMPTY = ("--results", "empty")
ONE = ("--method", "joint", "--dataset", SYNTHETIC)
HEAVY = {
    "data": ("check", "digits"),
    "doctor": (),
    "perf": ("data", "--clips", "1", "--rounds", "1"),
    "plan": ("joint", "--dataset", SYNTHETIC),
    "plot": ("--kind", "accuracy"),
    "report": (),
    "run": (*ONE, "--dry", *EMPTY),
    "submit": (*ONE, "--dry", "--cluster", "local", *EMPTY),
    "sweep": ("quick", "--dry", *EMPTY),
}
SLOW = [pytest.param(verb, marks=pytest.mark.slow) for verb in HEAVY]
VERBS = pytest.mark.parametrize("verb", [*LIGHT, *SLOW])
PRINTED = ("list", "table", "status")
FULL = "/dev/full"


def words(verb):
    return (verb, *(LIGHT | HEAVY)[verb])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    results.suite(folder / "results", methods=2, seeds=2)
    return folder


@pytest.fixture
def nobody_reads():
    """The end of a pipe that has no other end."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb", buffering=0) as end:
        yield end


def quiet(done, code=0):
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr


def test_each_verb_is_tried():
    (verbs,) = (a for a in parser()._actions if a.dest == "verb")
    assert set(verbs.choices) == set(LIGHT) | set(HEAVY)


@VERBS
def test_closed_streams_stop_no_verb(folder, verb):
    for closed in ((1,), (2,), (0, 1, 2)):
        quiet(called(folder, *words(verb), closed=closed))


@VERBS
def test_who_reads_no_further_gets_no_traceback(folder, verb, nobody_reads):
    for number in (1, 2):
        quiet(called(folder, *words(verb), streams={number: nobody_reads}))


@VERBS
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
def test_each_verb_prints_in_any_encoding(folder, verb, encoding):
    quiet(called(folder, *words(verb), encoding=encoding))


@VERBS
def test_a_full_disk_under_the_messages_stops_no_verb(folder, verb):
    with open(FULL, "wb") as full:
        quiet(called(folder, *words(verb), streams={2: full}))


@pytest.mark.parametrize("verb", PRINTED)
def test_a_full_disk_under_the_output_is_told(folder, verb):
    with open(FULL, "wb") as full:
        done = called(folder, *words(verb), streams={1: full})
    quiet(done, 2)
    assert done.stderr.startswith("error: standard output cannot be written: no space left")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_needs_no_reader(folder, option, nobody_reads):
    quiet(called(folder, option, closed=(1,)))
    quiet(called(folder, option, streams={1: nobody_reads}))


def test_a_mistake_keeps_its_exit_code_where_nobody_reads(folder, nobody_reads):
    assert called(folder, "runn", closed=(2,)).returncode == 2
    assert called(folder, "table", "nothing", streams={2: nobody_reads}).returncode == 2


def test_a_programming_error_keeps_its_traceback(folder, monkeypatch):
    monkeypatch.setattr("bench.commands.listing.width", lambda: {}["missing"])
    done = called(folder, "list", "methods")
    assert done.returncode == 1 and "KeyError: 'missing'" in done.stderr


def test_watching_ends_with_its_reader(folder, nobody_reads, monkeypatch):
    monkeypatch.setattr("bench.commands.status.show", lambda args: sys.stdout.write("x\n") == 0)
    monkeypatch.setattr("bench.commands.status.EVERY", 0.0)
    quiet(called(folder, "status", "--watch", streams={1: nobody_reads}))


def test_signs_that_an_encoding_lacks_have_substitutes(folder):
    shown = called(folder, *words("table"))
    plain = called(folder, *words("table"), encoding="ascii")
    assert " ± " in shown.stdout and "†" in shown.stdout
    assert plain.stdout.isascii() and "\\" not in plain.stdout
    assert " +- " in plain.stdout
    latin = called(folder, *words("table"), encoding="latin-1")
    assert " ± " in latin.stdout and "†" not in latin.stdout


@pytest.mark.parametrize(
    ("text", "encoding", "printed"),
    [
        ("91.2 ± 0.3†", "ascii", "91.2 +- 0.3*"),
        ("59.4\N{EN DASH}74.5", "latin-1", "59.4-74.5"),
        ("\N{MINUS SIGN}3 …", "ascii", "-3 ..."),
        ("é", "ascii", "\\xe9"),
        ("name\udcff", "utf-8", "name\\udcff"),  # a file's name that is no UTF-8
        ("±", "utf-8", "±"),
    ],
)
def test_substitutes(text, encoding, printed):
    assert text.encode(encoding, "substituted").decode(encoding) == printed


def test_what_the_user_chose_for_signs_is_kept(folder):
    words = "-m", "bench", "table"
    env = environment() | {"PYTHONIOENCODING": "ascii:replace"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True)
    assert done.returncode == 0 and b" ? " in done.stdout


def shell(folder, line, **env):
    """A line of a shell; `bench` is the command, `$?` of it is printed by the line."""
    line = line.replace("bench", f"{sys.executable} -m bench")
    variables = environment() | env
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=variables, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "line",
    [
        "bench list methods >&-",
        "bench table >&- 2>&- <&-",
        "bench table | true; exit ${PIPESTATUS[0]}",
    ],
)
def test_a_shell_closes_streams(folder, line):
    done = shell(folder, line)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_locale_without_signs(folder):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell(folder, "bench table", **plain)
    assert (done.returncode, done.stderr) == (0, "") and " +- " in done.stdout
    (folder / "mine.yaml").write_text(
        "name: mine  # 5 ± 1\ndatasets: [digits]\nmethods: [joint]\n", encoding="utf-8"
    )
    code = "import bench.suites as s; print(s.read('mine.yaml').name, *s.names())"
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment() | plain, capture_output=True
    )
    assert read.stdout.startswith(b"mine "), read.stderr


def test_a_file_never_takes_the_place_of_a_closed_stream(folder, tmp_path):
    """Else what a library prints would land in it."""
    code = (
        "import os, sys; from bench.commands.streams import prepared\n"
        "with prepared(), open('file', 'w'):\n"
        "    os.write(1, b'lost'); os.write(2, b'lost')"
    )
    line = f'{sys.executable} -c "{code}" >&- 2>&-'
    subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), check=True)
    assert (tmp_path / "file").read_bytes() == b""


def test_a_slow_reader_of_a_non_blocking_pipe_gets_all(tmp_path):
    read, write = os.pipe()
    os.set_blocking(write, False)
    child = os.fork()
    if not child:
        os.close(read)
        with streams.Outlet(write, "w") as outlet:
            rest = memoryview(bytes(300_000))
            while rest:
                rest = rest[outlet.write(rest) :]
        os._exit(outlet.fault is not None)
    os.close(write)
    with open(read, "rb") as end:
        assert len(end.read()) == 300_000
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("kind", ["pipe", "terminal", "closed"])
def test_workers_go_on_when_the_terminal_has_gone(tmp_path, kind):
    runs = fake_runs.make(tmp_path, 2)
    far, near = pty.openpty() if kind == "terminal" else os.pipe()
    os.close(far)

    def train():
        with streams.prepared():
            options = (1, Places(tmp_path), False, sys.stderr, fake_runs.FAKE)
            return len(run_local(runs, *options).stopped)

    with open(near, "wb", buffering=0) as gone:
        places = {"closed": (2,)} if kind == "closed" else {"streams": {1: gone, 2: gone}}
        done = called(tmp_path, do=train, **places)
    assert done.returncode == 0, done.stderr
    assert all(run.result.exists() for run in runs)


def test_a_hangup_is_a_wish_to_stop_unless_it_is_ignored():
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupt.asked
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGHUP, before)


TRAIN = ("run", *ONE, "--seeds", 2, "--epochs", 3, "--set", "train.lr=0.05")


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_training_needs_no_streams(tmp_path, closed):
    quiet(called(tmp_path, *TRAIN, closed=closed))
    assert len(list(tmp_path.rglob("result.json"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_training_goes_on_when_its_terminal_goes(tmp_path, kind):
    far, near = pty.openpty() if kind == "terminal" else os.pipe()
    command = [sys.executable, "-m", "bench", *map(str, TRAIN)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=near, stderr=near)
    os.close(near)
    assert b"starts" in os.read(far, 100) or kind == "terminal"
    os.close(far)
    assert process.wait(120) == 0
    assert len(list(Path(tmp_path).rglob("result.json"))) == 2


@pytest.mark.slow
def test_a_table_after_training_in_ascii(tmp_path):
    done = called(tmp_path, *TRAIN, encoding="ascii")
    quiet(done)
    assert " +- " in done.stdout


@pytest.mark.slow
def test_a_hangup_stops_cleanly_and_the_same_command_goes_on(tmp_path):
    longer = [150 if word == 3 else word for word in TRAIN]
    process = bench(tmp_path, *longer, wait=False)
    fake_runs.wait(lambda: any(f.stat().st_size for f in tmp_path.rglob("log.jsonl")), 90)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert bench(tmp_path, *longer).returncode == 0
