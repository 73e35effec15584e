"""The tiny copies of data sets, found by the table: tests/datasets/<folder>/tiny.py."""

from pathlib import Path

from bench.registry import DatasetEntry

FOLDER = Path(__file__).parents[1] / "datasets"


def tiny_copy(entry: DatasetEntry) -> str:
    """The module whose `make` writes a tiny copy of a data set; nothing if there is none."""
    folder = entry.target.split(".")[2]  # bench.datasets.<folder>.adapter:Class
    return f"tests.datasets.{folder}.tiny" if (FOLDER / folder / "tiny.py").exists() else ""
