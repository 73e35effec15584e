"""Manifests of submissions: which job has which runs, in results/submissions/<name>.json."""

import os
import pwd
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bench import FORMAT
from bench.config.rubbish import is_rubbish
from bench.errors import UserError
from bench.runner.slurm import scheduler
from bench.runner.slurm.scheduler import Job
from bench.runs.files import listing, make_folder, write_json
from bench.runs.rundir import RunDir, read_json

FOLDER = "submissions"


@dataclass(frozen=True)
class SubmittedJob:
    """A job: an array task or a single job of SLURM, or a process on one machine."""

    job: str  # its number
    runs: list[str]  # paths below results; none for a job that packs data sets
    process: dict[str, object] = field(default_factory=dict)  # see scheduler.described


@dataclass(frozen=True)
class Submission:
    name: str  # time and a few digits
    cluster: str  # slurm, local or debug
    suite: str  # empty for runs that were named on the command line
    user: str
    settings: dict[str, object]  # what each job asks for
    entries: list[SubmittedJob] = field(
        default_factory=list
    )  # empty while jobs are being handed over


def fresh(
    results: Path, cluster: str, suite: str, settings: Mapping[str, object]
) -> tuple[Submission, Path]:
    """A submission without jobs, written; and the folder for submitit's files and logs."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{moment}-{uuid.uuid4().hex[:6]}"
    submission = Submission(name, cluster, suite, user(), dict(settings))
    make_folder(results / FOLDER / name)
    write(results, submission)
    return submission, results / FOLDER / name


def user() -> str:
    """Whose jobs they are; not of $LOGNAME, which `su` may leave. A container may know no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def write(results: Path, submission: Submission) -> None:
    write_json(
        results / FOLDER / f"{submission.name}.json", {"format": FORMAT, **asdict(submission)}
    )


def with_entries(
    results: Path, submission: Submission, entries: Sequence[SubmittedJob]
) -> Submission:
    """The submission with its jobs, written."""
    full = replace(submission, entries=list(entries))
    write(results, full)
    return full


def every(results: Path) -> list[Submission]:
    """All of them, oldest first. Raises UserError for a manifest that cannot be read."""
    files = [f for f in listing(results / FOLDER) if f.suffix == ".json"]
    return [parse(file) for file in files if not is_rubbish(file.name)]


def parse(file: Path) -> Submission:
    remedy = "remove that file; its jobs can be found with squeue"
    content = read_json(file, remedy)
    if content.pop("format", None) != FORMAT:
        raise UserError(f"{file} is of another format version; {remedy}.")
    try:
        entries = [SubmittedJob(**entry) for entry in content.pop("entries")]
        return Submission(**content, entries=entries)
    except (TypeError, KeyError):
        raise UserError(f"{file} is not a submission's manifest; {remedy}.") from None


@dataclass(frozen=True)
class Placed:
    """Where a run was submitted last: in which job, and what is known of that, None: nothing."""

    submission: Submission
    entry: SubmittedJob
    job: Job | None
    answered: bool  # whether its scheduler tells anything

    @property
    def live(self) -> bool:
        return self.job is not None and self.job.live


class Jobs:
    """All submissions below a results folder, and where their jobs stand now."""

    def __init__(self, results: Path, accounts: bool = False) -> None:
        self.results = results.absolute()
        self.submissions = every(self.results)
        slurm = [s for s in self.submissions if s.cluster == "slurm"]
        self.queue = scheduler.queue({s.user for s in slurm}) if slurm else {}
        gone = {e.job for s in slurm for e in s.entries} - set(self.queue or ())
        past = scheduler.accounted(gone) if accounts and gone else {}
        # What the queue does not hold is over, whatever accounting still believes.
        over = {number: job for number, job in past.items() if not job.live}
        self.accounts = past if self.queue is None else over

    def of(self, submission: Submission, entry: SubmittedJob) -> Job | None:
        """The state of a job. None: the scheduler does not answer, or has forgotten the job."""
        if submission.cluster == "slurm":
            return (self.queue or {}).get(entry.job) or self.accounts.get(entry.job)
        return scheduler.process(entry.job, entry.process) if entry.process else Job("completed")

    def answered(self, submission: Submission) -> bool:
        return submission.cluster != "slurm" or self.queue is not None

    def placed(self) -> dict[Path, Placed]:
        """Run directory -> its last job; one that lives wins over a later one that does not."""
        placed: dict[Path, Placed] = {}
        for submission in self.submissions:
            for entry in submission.entries:
                job, answered = self.of(submission, entry), self.answered(submission)
                new = Placed(submission, entry, job, answered or job is not None)
                for run in entry.runs:
                    old = placed.get(self.results / run)
                    if old is None or new.live or not old.live:
                        placed[self.results / run] = new
        return placed


def relative(runs: Sequence[RunDir], results: Path) -> list[str]:
    return [run.path.relative_to(results).as_posix() for run in runs]
