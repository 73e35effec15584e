"""What runs and their jobs printed: the run's log and error, and the files that submitit writes."""

from pathlib import Path

from bench.errors import UserError
from bench.rundir import RunDir, every
from bench.runner.overview import configuration, standing
from bench.runner.submissions import FOLDER, Entry, Jobs, Submission

SHOWN = 10  # names in a message


def printed(results: Path, name: str, count: int) -> str:
    """Of the run, or of the jobs of the submission, with that name; `count` lines of each file.

    Raises UserError if nothing or several runs are called so.
    """
    jobs = Jobs(results, accounts=True)
    for submission in jobs.submissions:
        if submission.name == name:
            return "".join(of_job(results, submission, e, jobs, count) for e in submission.entries)
    run = find(results, name)
    where = jobs.placed().get(run.path.absolute())
    one = standing(run, where)
    text = f"{run.path}: {one.state}{': ' if one.told else ''}{one.told}\n"
    text += part("log.jsonl", [row(r) for r in run.rows()[-count:]])
    if run.error.exists():
        text += part("error.txt", run.error.read_text(errors="replace").splitlines())
    if where is not None:
        text += of_job(results, where.submission, where.entry, jobs, count)
    return text


def find(results: Path, name: str) -> RunDir:
    """The run whose folder that is, or whose folder ends so: `<method>/<digest>/seed-3`, or any
    parts of its path in order, as `<method>/seed-3`."""
    if (Path(name) / "spec.json").exists():
        return RunDir(Path(name))
    wanted = [part for part in name.replace(" ", "/").split("/") if part]
    runs = list(every(results))
    found = [run for run in runs if inside(wanted, run.path.parts[-4:])]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"no run below {results} is called {name!r}; `python -m bench status`.")
    listed = ", ".join(f"{configuration(r.path.parent)}/{r.path.name}" for r in found[:SHOWN])
    raise UserError(f"{len(found)} runs are called {name!r}; say which: {listed}.")


def inside(wanted: list[str], parts: tuple[str, ...]) -> bool:
    """Whether these are some of the parts, in their order."""
    rest = iter(parts)
    return bool(wanted) and all(any(word == part for part in rest) for word in wanted)


def row(values: dict) -> str:
    """An epoch's numbers in a line, without the long ones."""
    shown = {k: v for k, v in values.items() if isinstance(v, int | float | str) and k != "time"}
    return "  ".join(
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items()
    )


def of_job(results: Path, submission: Submission, entry: Entry, jobs: Jobs, count: int) -> str:
    """The ends of what a job printed."""
    folder = results / FOLDER / submission.name
    files = sorted(folder.glob(f"{entry.job}_*_log.*"))
    state = jobs.of(submission, entry)
    text = f"job {entry.job} of {submission.name}: {state or 'not in the queue'}\n"
    for file in files:
        text += part(str(file), file.read_text(errors="replace").splitlines()[-count:])
    return text


def part(title: str, lines: list[str]) -> str:
    return f"--- {title}\n" + "".join(f"{line}\n" for line in lines)
