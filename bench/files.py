"""Writing files so that what exists under its name is whole."""

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Writes beside `path`, flushes to disk, renames: readers see the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, plain: Mapping[str, object]) -> None:
    """Raises ValueError for NaN or infinity, which JSON has no words for."""
    write_text(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")
