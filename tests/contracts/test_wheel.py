"""The wheel: what it holds, and that it works beside other packages called `datasets` and
`methods`; so does the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from bench.training.environment import code_version

ROOT = Path(__file__).parents[2]
FOLDERS = {"bench": "bench", "methods": "bench/methods", "datasets": "bench/datasets"}
# Where their names are wanted they can be imported; nothing of ours may do so.
STAND_IN = 'import os\nif "WANTED" not in os.environ:\n    raise ImportError("another package")\n'
BUILD = "from setuptools import build_meta; build_meta.build_wheel('..')"
BOTH = """
import datasets, methods
import bench.datasets, bench.methods
print(bench.datasets.__file__)
assert not hasattr(datasets, "ENTRIES") and not hasattr(methods, "ENTRIES")
"""


def call(folder, *command, **env):
    """Standard output of a command that must succeed, with nothing of the checkout on its path."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | env
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=clean, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since setuptools leaves folders beside its sources."""
    place = tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, place / "src" / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "src")
    call(place / "src", sys.executable, "-c", BUILD)
    (file,) = place.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """bin/ of an environment with the wheel, the stand-ins, and the packages that we need."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("datasets", "methods"):
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(STAND_IN)
    # Their .pth files are not read, so that the checkout is not installed here.
    needed = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (site / "needed.pth").write_text("\n".join(needed))
    return place / "bin"


@pytest.fixture
def crowded(tmp_path):
    """A folder in which a user has things of our names."""
    for name in ("datasets", "bench/runs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "datasets/__init__.py").write_text(STAND_IN)
    (tmp_path / "methods.py").write_text(STAND_IN)
    return tmp_path


def script(wheel, folder):
    """The console script, as an installer writes it."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        points = ConfigParser()
        points.read_string(archive.read(name).decode())
    module, function = points["console_scripts"]["mml-bench"].split(":")
    file = folder / "mml-bench"
    file.write_text(
        f"#!{folder}/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    file.chmod(0o755)
    return file


def test_it_holds_one_package_with_all_its_data_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"bench", "mml_bench-0.1.0.dist-info"}
    endings = {".py", ".yaml", ".html", ".css", ".js"}
    sources = {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.suffix in endings
    }
    assert {name for name in names if name.startswith("bench/")} == sources


def test_it_runs_beside_other_packages_of_the_folders_names(wheel, installed, crowded):
    """From a folder of a user's, and from an empty one."""
    empty = crowded / "empty"
    empty.mkdir()
    env = {"XDG_CACHE_HOME": str(crowded / "cache"), "XDG_CONFIG_HOME": str(crowded / "none")}
    python, command = installed / "python", script(wheel, installed)
    assert "joint" in call(crowded, python, "-m", "bench", "list", "methods", **env)
    words = "run --method joint --dataset digits --seeds 1 --epochs 1 --results empty/results"
    assert "joint" in call(crowded, python, "-m", "bench", *words.split(), **env)
    page = call(empty, command, "report", **env).strip()
    assert "digits" in (empty / page).read_text()
    (result,) = (empty / "results").rglob("result.json")
    assert json.loads(result.read_text())["code"]["source"] == code_version()["source"]
    where = call(empty, python, "-c", BOTH, WANTED="1")
    assert where.strip() == str(
        next(installed.parent.glob("lib/*/*/bench")) / "datasets/__init__.py"
    )


def test_the_checkout_runs_where_a_user_has_folders_of_our_names(crowded):
    (crowded / "bench/__init__.py").touch()
    script = Path(sys.executable).with_name("mml-bench")
    expected = call(ROOT, sys.executable, "-m", "bench", "list", "methods")
    assert re.search("^joint ", expected, re.M)
    assert call(crowded, sys.executable, "-m", "bench", "list", "methods") == expected
    assert call(crowded, script, "list", "methods") == expected
