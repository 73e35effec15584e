"""Checkpoints: written whole or not at all, two kept, loaded without executing anything."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import torch

from bench.errors import UserError
from bench.runs.files import write_bytes
from bench.runs.rundir import RunDir

FORMAT = 2  # another number is refused; 1 had no rows of the log


def dump(plain: dict) -> bytes:
    """The same bytes for the same content: torch.save to a path would put the path's name in."""
    buffer = BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def save(run: RunDir, state: dict) -> None:
    """Writes the newest checkpoint; the one before it stays as `checkpoint.prev.pt`."""
    write_bytes(run.checkpoint, dump({"format": FORMAT, **state}), keep=run.previous_checkpoint)


def newest(run: RunDir) -> dict | None:
    """The newest whole checkpoint, or None. In place of a damaged one stands the one before, from
    now on: `save` must not keep a damaged one. The caller holds the run's lock.

    Raises UserError if it is of another format version.
    """
    state = read(run.checkpoint)
    if state is None:
        state = read(run.previous_checkpoint)
        if state is not None:
            os.replace(run.previous_checkpoint, run.checkpoint)
    return state


def read(file: Path) -> dict | None:
    """A checkpoint's content; None where there is none, or a damaged one.

    Raises UserError if it is of another format version.
    """
    if not file.exists():
        return None
    state = whole(file.read_bytes())
    if state is not None and state.get("format") != FORMAT:
        raise UserError(
            f"{file} is of format version {state.get('format')!r}, this code reads {FORMAT}; use "
            "the version of mml-bench that wrote it, or remove it, and --retry trains that run "
            "anew."
        )
    return state


def whole(content: bytes) -> dict | None:
    """What `dump` was given; None if a bit of its bytes is missing or changed."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if archive.testzip() is not None:  # torch does not look at the checksums
                return None
        state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # torn bytes raise anything from EOFError to KeyError
        return None
    return state if isinstance(state, dict) else None
