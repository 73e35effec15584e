"""A bundle: what a reviewer needs to make every table and figure anew, in one zip archive.

It holds specs, results, logs and predictions of finished runs and what each suite asked for, under
the names they have below the results folder. No weights and no checkpoints. The same runs give the
same bytes, on machines with the same zlib.
"""

import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.config.rubbish import is_rubbish
from bench.errors import UserError
from bench.runs.files import refusal, replacing
from bench.runs.rundir import RunDir

# Of a run; the first two are what tables, ranks, profiles and cost are made from.
RECORDS = ("spec.json", "result.json")
FILES = (*RECORDS, "log.jsonl", "val.npz", "test.npz", "subsets.npz")
PART = r"\w[\w.+@=,-]*"  # of a path: it cannot be `..`, be hidden, or hold a separator
NAME = re.compile(
    rf"runs/{PART}/{PART}/[0-9a-f]{{12}}/seed-[0-9]+/({'|'.join(map(re.escape, FILES))})"
    rf"|{PART}/suite\.json"
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that zip knows
PLAIN = 0o100644 << 16  # a regular file
# What the standard library raises of a damaged archive, an encrypted one, or a kind it cannot read.
FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)


def write(
    archive: Path, results: Path, runs: Sequence[RunDir], names: Sequence[str] = FILES
) -> int:
    """Packs files `names` of the finished runs, and the suites of `results` that name any of them.

    Returns the number of runs. Raises UserError if none is finished or a file cannot be read, and
    Unwritable; an archive that stood there before then still does.
    """
    finished = [run for run in runs if run.result.exists()]
    if not finished:
        raise UserError(f"there are no finished runs under {results} to bundle.")
    sources = [run.path / name for run in finished for name in names if (run.path / name).exists()]
    sources += suites(results, finished)
    by_name = {file.relative_to(results).as_posix(): file for file in sources}
    for name in by_name:
        if not NAME.fullmatch(name):
            raise UserError(f"{name!r} has characters that a bundle's names do not; rename it.")
    with replacing(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archived:
        for name in sorted(by_name):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr, info.create_system = (8, PLAIN, 3)
            archived.writestr(info, content(by_name[name]))
    return len(finished)


def suites(results: Path, runs: Sequence[RunDir]) -> list[Path]:
    """suite.json of each suite that names one of the runs."""
    from bench.runs import manifest

    paths = {run.path for run in runs}
    return [
        results / name / "suite.json"
        for name in manifest.names(results)
        if paths & {run.path for run in manifest.read(results, name).runs}
    ]


def content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise refusal(error) or error from None


@contextmanager
def opened(archive: Path) -> Iterator[Path]:
    """The bundle's files as a results folder of their own, which is gone at the end; nothing is
    ever written into the bundle.

    Raises UserError for what is no bundle, or damaged, and names the bundle in those of the body.
    """
    with TemporaryDirectory(prefix="mml-bench-") as name:
        folder = Path(name)
        try:
            unpack(archive, folder)
            yield folder
        except UserError as error:
            raise UserError(str(error).replace(str(folder), str(archive))) from None


def unpack(archive: Path, folder: Path) -> None:
    """Writes the members below `folder`. Nobody vouches for an archive: only names that a bundle
    has are taken, as plain files."""
    try:
        with zipfile.ZipFile(archive) as archived:
            files = members(archived)
            check_members(archive, folder, files)
            for name, info in files:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archived.open(info) as source, open(target, "xb") as copy:
                    shutil.copyfileobj(source, copy)
    except UserError:
        raise
    except FAULTS as error:
        damaged = UserError(f"{archive} is no bundle, or damaged ({error}); fetch it again.")
        raise refusal(error) or damaged from None


def members(archived: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """The archive's files with their names below a results folder. What systems leave is passed
    over, and so is the one folder that all lie in if the files of a bundle were packed anew."""
    files = [info for info in archived.infolist() if not info.is_dir()]
    named = [(i.orig_filename, i) for i in files if not is_rubbish(i.orig_filename)]
    inner = [(name.partition("/")[2], info) for name, info in named]
    outer = {name.partition("/")[0] for name, _ in named}
    one = len(outer) == 1 and re.fullmatch(r"\w[^/\\:]*", min(outer))
    return inner if one and all(NAME.fullmatch(name) for name, _ in inner) else named


def check_members(archive: Path, folder: Path, files: list[tuple[str, zipfile.ZipInfo]]) -> None:
    """Raises UserError unless all members are a bundle's, once each, and fit on the disk."""
    names = [name for name, _ in files]
    for name in names:
        if not NAME.fullmatch(name):
            raise UserError(
                f"{archive} holds {name!r}, which is no file of a bundle; make one with "
                "`python -m bench export --bundle FILE.zip`."
            )
    if len(set(names)) < len(names):
        raise UserError(f"{archive} holds a name twice, so it is no bundle; fetch it again.")
    if not any(name.startswith("runs/") for name in names):
        raise UserError(f"{archive} holds no runs; bundle finished ones.")
    size, free = sum(info.file_size for _, info in files), shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{archive} would unpack to {size / 2**20:.0f} MiB and {folder.parent} has "
            f"{free / 2**20:.0f} MiB free; make room, or set TMPDIR to a larger disk."
        )
