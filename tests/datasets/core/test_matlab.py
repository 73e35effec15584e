"""MATLAB 5 files: numbers and cells of them arrive as they are, and nothing else does."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import eye_array

from bench.datasets.core.files.matlab import HEADER, load
from bench.errors import UserError


def cell(*elements):
    array = np.empty((1, len(elements)), dtype=object)
    for i, element in enumerate(elements):
        array[0, i] = element
    return array


def written(path, compressed=False, **variables):
    savemat(path, variables, do_compression=compressed)
    return path


def numbers():
    draw = np.random.default_rng(0)
    types = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
    return {t: (40 * draw.normal(size=(3, 5))).astype("i1").astype(t) for t in types}


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_of_every_type_and_cells_arrive(tmp_path, compressed):
    kept = {f"x{t}": x for t, x in numbers().items()} | {"tiny": np.array([[1.5]])}
    cells = cell(np.arange(6.0).reshape(2, 3), np.arange(4, dtype="u1").reshape(1, 4))
    path = written(tmp_path / "a.mat", compressed, **kept, views=cells, empty=np.zeros((0, 2)))
    read = load(path, [*kept, "views", "empty"])
    for name, array in kept.items():
        (arrived,) = read[name]
        assert arrived.dtype == array.dtype
        np.testing.assert_array_equal(arrived, array)
    for arrived, array in zip(read["views"], cells[0], strict=True):
        np.testing.assert_array_equal(arrived, array)
    assert read["empty"][0].shape == (0, 2)


class Thing:
    def __init__(self):
        self.field = 1


@pytest.mark.parametrize(
    "value, what",
    [
        ("text", "holds text"),
        ({"field": 1.0}, "holds a structure"),
        (Thing(), "holds a structure"),
        (cell("text", 1.0), "holds text"),
        (cell(cell(1.0)), "holds a cell"),
        (cell(), "a cell of 0 arrays"),
        (cell(1.0, {"field": 1.0}), "holds a structure"),
        (eye_array(3, format="csc"), "holds a sparse matrix"),
        (np.ones((2, 2)) * 1j, "complex numbers"),
    ],
)
def test_what_is_no_number_is_refused(tmp_path, value, what):
    path = written(tmp_path / "a.mat", views=value)
    with pytest.raises(UserError, match=what) as error:
        load(path, ["views"])
    assert str(path) in str(error.value)


@pytest.mark.parametrize("kind, what", [(3, "an object"), (16, "a function"), (17, "of class 17")])
def test_objects_and_functions_are_refused_by_their_class(tmp_path, kind, what):
    path = written(tmp_path / "a.mat", views=np.ones((2, 2)))
    raw = bytearray(path.read_bytes())
    raw[HEADER + 16] = kind  # after the tags of the matrix and of its flags
    path.write_bytes(raw)
    with pytest.raises(UserError, match=f"'views' is or holds {what}"):
        load(path, ["views"])


def test_others_beside_what_is_wanted_do_not_matter(tmp_path):
    path = written(tmp_path / "a.mat", views=np.ones((2, 2)), about="text", more={"field": 1.0})
    assert load(path, ["views"])["views"][0].shape == (2, 2)
    with pytest.raises(UserError, match=r"holds 'views', 'about', 'more' and no 'labels'"):
        load(path, ["labels"])


@pytest.mark.parametrize(
    "raw, sentence",
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is a web page, not a MATLAB file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"MATLAB 7.3 MAT-file, HDF5", "is no file of MATLAB 5"),
        (b"MATLAB 5.0 MAT-file".ljust(126) + b"MI", "is no file of MATLAB 5"),
        (b"\x89PNG", "is no file of MATLAB 5"),
    ],
)
def test_another_file_is_refused(tmp_path, raw, sentence):
    (tmp_path / "a.mat").write_bytes(raw)
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "a.mat", ["views"])


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_gives_anything_but_a_sentence(tmp_path, compressed):
    path = written(tmp_path / "a.mat", compressed, views=cell(np.ones((5, 4)), np.eye(3)))
    raw, draw = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(raw[: draw.integers(HEADER, len(raw) + 1)])
        for place in draw.integers(0, len(damaged), 3):
            damaged[place] = draw.integers(0, 256)
        path.write_bytes(damaged)
        try:
            load(path, ["views"])
        except UserError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 200
