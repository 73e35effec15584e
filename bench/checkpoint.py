"""Checkpoints: written whole or not at all, two kept, loaded without executing anything."""

import os
from io import BytesIO
from pathlib import Path

import torch

from bench import FORMAT
from bench.errors import UserError
from bench.files import write_bytes
from bench.rundir import RunDir


def dump(plain: dict) -> bytes:
    """The same bytes for the same content: torch.save to a path would put the path's name in."""
    buffer = BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def save(run: RunDir, state: dict) -> None:
    """Writes the newest checkpoint; the one before it stays as `checkpoint.prev.pt`."""
    content = dump({"format": FORMAT, **state})
    if run.checkpoint.exists():
        os.replace(run.checkpoint, run.previous_checkpoint)
    write_bytes(run.checkpoint, content)


def newest(run: RunDir) -> dict | None:
    """The newest checkpoint that can be read, or None. A damaged one falls back to the one before.

    Raises UserError if it is of another format version.
    """
    for file in (run.checkpoint, run.previous_checkpoint):
        state = read(file)
        if state is not None:
            return state
    return None


def read(file: Path) -> dict | None:
    if not file.exists():
        return None
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # a cut file raises anything from EOFError to KeyError
        return None
    if state.get("format") != FORMAT:
        raise UserError(
            f"{file} is of format version {state.get('format')!r}, this code reads {FORMAT}; "
            "remove it to start that run anew."
        )
    return state
