"""What systems leave in folders and archives beside the user's files."""

from pathlib import PurePosixPath

RUBBISH = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"}  # lower case


def is_rubbish(name: str | PurePosixPath) -> bool:
    """Whether macOS or Windows left it there, not the user: a file or folder's path, `/` between
    its parts. Only below what the user names: pass no path of the whole machine."""
    return any(p.startswith("._") or p.lower() in RUBBISH for p in PurePosixPath(name).parts)
