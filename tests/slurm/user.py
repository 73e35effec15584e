"""Somebody who works on the test cluster by the command line alone."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from bench.runs.arithmetic import variables
from bench.runs.rundir import RunDir, every

ROOT = Path(__file__).parents[2]
SLOWLY = "tests.slurm.slowly:Slowly"
SYNTHETIC = "tests.helpers.synthetic:Synthetic"
FAST = ("--dataset", SYNTHETIC, "--set", "train.lr=0.05", "--set", "train.batch_size=32")
WORDS = ("--epochs", "12", *FAST)
LONG = ("--epochs", "25", *FAST)
PAUSE = 0.25  # seconds a step; an epoch has seven


class User:
    def __init__(self, cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.results = folder / "results"
        self.env = cluster.env | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "MML_TEST_PAUSE": str(PAUSE),
        }

    def bench(self, *words: object, code: int | None = 0, seconds: float = 300) -> str:
        """What the command printed, both streams. code: what it must exit with."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=seconds)
        assert code is None or process.returncode == code, said
        return said

    def start(self, *words: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *map(str, words)],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def submit(self, *words: object) -> list[str]:
        """The numbers of the jobs."""
        said = self.bench("submit", "--cluster", "slurm", *words)
        return re.findall(r"^(\d+(?:_\d+)?)$", said, re.M)

    def runs(self, results: Path | None = None) -> list[RunDir]:
        return list(every(results or self.results))

    def epochs(self) -> int:
        return sum(len(run.rows()) for run in self.runs())

    def queued(self, state: str = "") -> list[str]:
        """Our jobs: those whose logs are below our results."""
        said = self.cluster.say("squeue", "-h", "-r", "-o", "%i|%T|%Z")
        rows = [line.split("|") for line in said.splitlines()]
        own = [row for row in rows if row[2] == str(self.folder)]
        return [number for number, now, _ in own if state in ("", now)]

    def printed(self) -> str:
        """All that our jobs printed."""
        files = sorted(self.results.glob("submissions/*/*_log.*"))
        return "".join(file.read_text() for file in files)

    def wait(self, claim, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not claim():
            assert time.monotonic() < end, (
                f"nothing happened in {seconds} s\n{self.bench('status', code=None)}"
                f"{self.cluster.say('squeue')}{self.printed()[-3000:]}"
            )
            time.sleep(0.2)

    def finish(self, seconds: float = 300) -> None:
        """Waits until our jobs have left the queue; all runs must be done then."""
        self.wait(lambda: not self.queued(), seconds)
        assert {run.state for run in self.runs()} == {"done"}, (
            self.bench("status", code=None) + self.printed()[-5000:]
        )

    def assert_as_uninterrupted(self) -> None:
        """Every run's weights, predictions and log are those of the same run here, in one go."""
        pairs = []
        for run in self.runs():
            twin = RunDir(self.folder / "whole" / run.path.relative_to(self.results))
            twin.create(run.spec())
            pairs.append((run, twin))
        execute([twin for _, twin in pairs], self.folder / "cache")
        for run, twin in pairs:
            names = ("weights.pt", "val.npz", "test.npz")
            assert all((run.path / n).read_bytes() == (twin.path / n).read_bytes() for n in names)
            assert plain(run.rows()) == plain(twin.rows())
            assert facts(run) == facts(twin)


def execute(runs: list[RunDir], cache: Path) -> None:
    """One after the other in a process of its own, with their arithmetic and without pauses."""
    code = (
        "import sys; from pathlib import Path; from bench.execute import execute; "
        "from bench.runs.places import Places; from bench.runs.rundir import RunDir; "
        "cache, *runs = map(Path, sys.argv[1:]); places = Places(cache, device='cpu')\n"
        "for run in runs: execute(RunDir(run), places)"
    )
    changes = {"PYTHONPATH": str(ROOT), "MML_TEST_PAUSE": "0"}
    changes |= variables(runs[0].spec().train, os.environ)
    env = {name: value for name, value in (os.environ | changes).items() if value is not None}
    paths = [run.path for run in runs]
    subprocess.run([sys.executable, "-c", code, cache, *paths], env=env, check=True)


def plain(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in ("seconds", "time")} for row in rows]


def facts(run: RunDir) -> dict:
    result = json.loads(run.result.read_text())
    return {k: result[k] for k in ("protocols", "probe", "selected", "data_hash", "digest")}
