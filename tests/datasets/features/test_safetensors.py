"""Bring your own arrays in a .safetensors file: every type, names as bytes, faults."""

import builtins

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.datasets.features.adapter import Features
from bench.errors import UserError
from bench.loading.loaders import Source
from tests.helpers.copies import feature_arrays
from tests.helpers.training import CPU


def adapter(root, **values):
    return Features(Features.Config(**Features.complete(values, root)), root)


def utf8(names):
    """[N, L] uint8, zeros at the end."""
    raw = [str(n).encode() for n in names]
    longest = max(map(len, raw))
    return torch.tensor([list(r.ljust(longest, b"\0")) for r in raw], dtype=torch.uint8)


def tensors(**changes):
    """The same as feature_arrays, with a third modality in bfloat16."""
    arrays = feature_arrays()
    found = {m: torch.from_numpy(arrays[m]) for m in ("audio", "face", "labels")}
    found["hand"] = found["audio"].flip(0).contiguous().bfloat16()
    found["ids_utf8"] = utf8(arrays["ids"])
    return {k: v for k, v in (found | changes).items() if v is not None}


def write(tmp_path, found, **metadata):
    save_file(found, tmp_path / "mine.safetensors", metadata=metadata or None)
    return tmp_path / "mine.safetensors"


def refused(tmp_path, sentence, found, metadata=None, **values):
    with pytest.raises(UserError, match=sentence):
        adapter(write(tmp_path, found, **(metadata or {})), **values).open(tmp_path / "cache")


def test_it_gives_the_same_data_as_an_npz(tmp_path):
    np.savez(tmp_path / "mine.npz", **feature_arrays())
    first = adapter(tmp_path / "mine.npz").open(tmp_path / "cache")
    second = adapter(write(tmp_path, tensors(hand=None))).open(tmp_path / "cache")
    assert (first.hash, first.digests, first.spec) == (second.hash, second.digests, second.spec)


@pytest.mark.parametrize("samples", [2, 257])
@pytest.mark.parametrize(
    "dtype",
    ["bfloat16", "float16", "float32", "float64", "int8", "int64", "uint8", "uint16", "bool"],
)
def test_every_type_comes_back_as_it_was(tmp_path, samples, dtype):
    x = (torch.rand(samples, 3, generator=torch.Generator().manual_seed(0)) * 5).to(
        getattr(torch, dtype)
    )
    labels = torch.arange(samples) % 2
    path = write(tmp_path, {"face": x, "labels": labels})
    packed = adapter(path).prepared(tmp_path / "cache")
    found = packed.inputs()["face"]
    assert found.dtype == x.dtype and torch.equal(found, x)


def test_half_precision_of_either_kind_reaches_an_encoder_as_float(tmp_path):
    found = adapter(write(tmp_path, tensors()))
    data = found.open(tmp_path / "cache")
    source = Source(data.parts["test"], data.spec, CPU)
    index = torch.arange(len(source))
    batch = source.batch(index, source.everything(index))
    rows = data.parts["test"].rows
    for m in ("face", "hand"):
        assert batch.inputs[m].dtype == torch.float32
        assert torch.equal(batch.inputs[m], tensors()[m][rows].float())
    card = dict(found.check(tmp_path / "cache").rows)
    assert card["hand"].startswith("60x5 bfloat16, ")


def test_bits_of_bfloat16_are_other_data_than_the_same_whole_numbers(tmp_path):
    bits = tensors()["hand"].view(torch.uint16)
    one = adapter(write(tmp_path, tensors())).open(tmp_path / "cache").hash
    other = adapter(write(tmp_path, tensors(hand=bits))).open(tmp_path / "cache").hash
    assert one != other


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_bfloat16_that_is_not_finite_is_an_error_or_zero(tmp_path, bad):
    x = tensors()["hand"]
    x[7, 2] = bad
    refused(tmp_path, "hand holds NaN or infinity, first in sample 'clip-007'", tensors(hand=x))
    data = adapter(write(tmp_path, tensors(hand=x)), nan="zero").open(tmp_path / "cache")
    assert data.parts["train"].inputs["hand"][7, 2] == 0


def test_bfloat16_that_is_all_zero_is_silent(tmp_path):
    x = tensors()["hand"]
    x[3], x[4] = 0.0, -0.0
    found = adapter(write(tmp_path, tensors(hand=x)))
    found.open(tmp_path / "cache")
    assert dict(found.check(tmp_path / "cache").rows)["flag SILENT"] == "2 (clip-003, clip-004)"


def test_names_are_bytes_or_text_beside(tmp_path):
    names = [f"ä-{i}" for i in range(60)]
    parts = ["train"] * 40 + ["val"] * 5 + ["test"] * 15
    one = tensors(ids_utf8=utf8(names), split_utf8=utf8(parts), groups=torch.arange(60))
    data = adapter(write(tmp_path, one)).open(tmp_path / "cache")
    assert data.split == "given" and data.parts["val"].ids == tuple(names[40:45])
    (tmp_path / "ids.txt").write_text("\n".join(names) + "\n")
    two = tensors(ids_utf8=None, split=torch.tensor([0] * 40 + [1] * 5 + [2] * 15))
    found = adapter(write(tmp_path, two))
    assert found.open(tmp_path / "cache").digests == data.digests
    assert [p.name for p in found.listing()] == ["ids.txt", "mine.safetensors"]
    refused(tmp_path, "has ids in two forms", one)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"ids_utf8": torch.zeros(60, dtype=torch.uint8)}, r"shape \[60\] of U8; names are a mat"),
        ({"ids_utf8": torch.zeros(60, 3)}, "of F32; names are a matrix of bytes"),
        ({"ids_utf8": torch.full((60, 2), 255, dtype=torch.uint8)}, "is not UTF-8"),
        ({"audio": torch.zeros(60, 2).to(torch.float8_e4m3fn)}, "is of F8_E4M3, which is not read"),
        ({"audio": torch.zeros(())}, r"audio in .* has shape \[\]"),
        ({"audio": torch.zeros(59, 2)}, r"audio has shape \(59, 2\) and labels \(60,\)"),
        ({"Audio": torch.zeros(60, 2)}, "'Audio' is no name for a modality"),
        ({"labels": None}, "has no labels, it has audio, face, hand, ids"),
        ({"labels": torch.zeros(60).bfloat16()}, "labels has shape .* of bfloat16"),
    ],
)
def test_faulty_tensors_are_refused(tmp_path, changes, sentence):
    refused(tmp_path, sentence, tensors(**changes))


def test_bfloat16_holds_no_tokens(tmp_path):
    refused(
        tmp_path, "hand is declared as tokens and is of bf", tensors(), kinds={"hand": "tokens"}
    )


def test_the_list_of_modalities_in_the_metadata_is_kept_to(tmp_path):
    whole = {"modalities": "audio, face,hand"}
    assert len(adapter(write(tmp_path, tensors(), **whole)).describe().modalities) == 3
    refused(tmp_path, "an array 'hand' that is not among", tensors(), {"modalities": "audio,face"})
    refused(tmp_path, "lists the modality 'nose'", tensors(), {"modalities": "audio,nose"})


def test_damaged_files_are_refused(tmp_path):
    path = write(tmp_path, tensors())
    whole = path.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    for raw, sentence in (
        ((2**40).to_bytes(8, "little") + whole[8:], "cannot be read .*header"),
        (whole[:-1], "cannot be read"),
        (whole[:100], "cannot be read"),
        (b"", "is empty"),
        (pointer, "Git LFS pointer"),
    ):
        path.write_bytes(raw)
        with pytest.raises(UserError, match=sentence):
            Features.complete({}, path)


def test_without_the_package_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    path, real = write(tmp_path, tensors()), builtins.__import__

    def absent(name, *rest):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match="needs safetensors: install it with `pip install"):
        Features.complete({}, path)


def test_it_is_streamed_in_chunks(tmp_path, monkeypatch):
    path = write(tmp_path, tensors())
    whole = adapter(path).open(tmp_path / "cache").hash
    monkeypatch.setattr("bench.datasets.core.cache.format.CHUNK", 100)
    assert adapter(path).open(tmp_path / "other").hash == whole
