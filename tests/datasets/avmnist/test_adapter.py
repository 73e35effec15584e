"""AV-MNIST: the page's check values on the real files, splits and pairs on a tiny copy."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.avmnist.adapter import AVMNIST
from bench.datasets.avmnist.idx import read_idx
from bench.datasets.avmnist.splits import SPEAKERS, SPLITS, pairing_digest, pairs, speaker
from bench.datasets.avmnist.voices import fitted, spectrograms
from bench.datasets.core.decode.audio import recording
from bench.datasets.core.flags import Flag
from tests.helpers.copies import TinyAVMNIST, avmnist_copy

REAL = Path(__file__).parents[4] / "shared/data/avmnist"
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no raw files of AV-MNIST in {REAL}")

PAIRING = {
    "train": "a59b71919d3ceb614bb886e1613be3536f6c180711bba93b1e0f2eb2068c2d72",
    "val": "9736e1d9a627c2e76de89c9083edd19f897c03e99069631b8af5416c957e4d22",
    "test": "d4b38c3d463346a7833f520b2e8a1afd36a00de80b442cde80d389bc7f60b30c",
}
FULL = {"train": 500, "val": 100, "test": 200}
# Mean, population std, [10, 5], maximum at level raw.
CHECK = {
    "7_jackson_32": (-9.16692, 6.37071, -3.89099, 1.55246),
    "0_george_0": (-11.96392, 6.28090, 1.66426, 2.20802),
    "9_theo_16": (-5.93092, 1.44475, -3.08674, -0.50210),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return avmnist_copy(tmp_path_factory.mktemp("avmnist") / "raw", train_images=80)


def tiny(root, **settings):
    return TinyAVMNIST(TinyAVMNIST.Config(**settings), root)


def real_digits():
    return {"test": read_idx(REAL / "mnist/t10k-labels-idx1-ubyte.gz", "labels")}


@real
def test_clean_pairs_the_published_way():
    names = [p.name for p in (REAL / "fsdd").glob("*.wav")]
    chosen = pairs("clean", real_digits(), names, FULL)
    for part, digest in PAIRING.items():
        assert pairing_digest(p for p in chosen if p.part == part) == digest


@real
@pytest.mark.parametrize("name", CHECK)
def test_spectrograms_have_the_published_values(name):
    content = (REAL / "fsdd" / f"{name}.wav").read_bytes()
    wave, flag = fitted(recording(content, 8000).samples, "raw")
    s = spectrograms(wave[None])[0]
    assert not flag and s.shape == (112, 112)
    np.testing.assert_allclose((s.mean(), s.std(), s[10, 5], s.max()), CHECK[name], atol=2e-5)


@real
def test_real_data_opens_standardised_and_speaker_disjoint(tmp_path):
    adapter = AVMNIST(AVMNIST.Config(), REAL)
    data = adapter.open(tmp_path)
    assert {p: len(s) for p, s in data.parts.items()} == {"train": 5000, "val": 1000, "test": 2000}
    assert data.hash == "2020084cd9b765bfb418b6bdb826605da36f00422564b2600bd2820923cc86dc"
    assert data.notes == ()
    rows = dict(adapter.check(tmp_path).rows)
    assert rows["recordings"].startswith("3000, the published ones")
    assert rows["t10k-images-idx3-ubyte.gz"] == "as published"
    train = data.parts["train"]
    for m, modality in data.spec.modalities.items():
        x = (train.inputs[m][train.rows].double() - modality.mean) / modality.std
        assert abs(x.mean()) < 1e-3 and abs(x.std() - 1) < 1e-3


def test_every_split_of_the_tiny_copy_has_the_right_parts(copy, tmp_path):
    for split in SPLITS:
        data = tiny(copy, split=split).open(tmp_path)
        sizes = {p: len(s) for p, s in data.parts.items()}
        if split == "literature":
            assert sizes == {"train": 60, "test": 20}
        elif split == "full":
            assert sizes == {"train": 70, "val": 10, "test": 80}
        else:
            assert sizes == {"train": 40, "val": 20, "test": 20}
        assert data.split == split


def test_image_and_recording_of_a_sample_are_the_same_digit(copy, tmp_path):
    data = tiny(copy, level="raw").open(tmp_path)
    for part in data.parts.values():
        images = part.inputs["image"][part.rows]
        assert images.dtype == torch.uint8
        rows = images[:, 0, :, 10].long().argmax(dim=1)  # where the block begins
        torch.testing.assert_close((rows - 4) // 2, part.labels)
        audio = part.inputs["audio"][part.rows]
        assert audio.dtype == torch.float16
        loudest = audio[:, 0, :, 2].float().argmax(dim=1)  # a bin is 8000 / 222 Hz
        expected = ((300 + 100 * part.labels) * 222 / 8000).round().long()
        torch.testing.assert_close(loudest, expected)


def test_a_sample_is_named_after_its_image(copy, tmp_path):
    data = tiny(copy).open(tmp_path)
    ids = [i for part in data.parts.values() for i in part.ids]
    assert len(set(ids)) == 80
    part = data.parts["val"]
    corner = part.inputs["image"][part.rows][:, 0, 0, 0].tolist()
    assert [f"test-{c}" for c in corner] == list(part.ids)


def speakers_of(split, part):
    names = [f"{d}_{s}_{t}.wav" for d in range(10) for s in SPEAKERS for t in (0, 1, 5, 6)]
    digits = {"test": np.arange(80) % 10, "train": np.arange(80) % 10}
    chosen = pairs(split, digits, names, TinyAVMNIST.counts)
    return {p.recording for p in chosen if p.part == part}


@pytest.mark.parametrize("split", [s for s in SPLITS if not s.startswith("literature")])
def test_no_speaker_is_in_two_parts(split):
    parts = [{r.split("_")[1] for r in speakers_of(split, p)} for p in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) >= 4


def test_a_speaker_is_kept_together_and_a_recording_in_the_owners_split(copy, tmp_path):
    for split, unit in [("clean", speaker), ("literature", str)]:
        adapter = tiny(copy, split=split)
        train = adapter.open(tmp_path).parts["train"]
        heard = adapter.prepared(tmp_path).groups
        units = [unit(heard[i]) for i in train.rows.tolist()]
        same = [[a == b for b in units] for a in units]
        assert (train.groups[:, None] == train.groups).tolist() == same


def test_leaving_a_speaker_out_validates_on_the_next():
    assert {r.split("_")[1] for r in speakers_of("loso-yweweler", "test")} == {"yweweler"}
    assert {r.split("_")[1] for r in speakers_of("loso-yweweler", "val")} == {"george"}


def test_literature_with_validation_shares_no_recording_between_parts():
    train, val, test = (speakers_of("literature+val", p) for p in ("train", "val", "test"))
    assert not (train & val or train & test or val & test)
    assert {r.split("_")[2] for r in test} <= {"0.wav", "1.wav"}
    assert {r.split("_")[2] for r in train | val} == {"5.wav", "6.wav"}


def test_recordings_repeat_as_little_as_possible():
    digits = {"test": np.zeros(80, int) + np.arange(80) % 10}
    names = [f"{d}_{s}_0.wav" for d in range(10) for s in SPEAKERS]
    chosen = pairs("clean", digits, names, {"train": 6, "val": 1, "test": 1})
    counts = Counter(p.recording for p in chosen if p.part == "train")
    assert len(counts) == 40 and set(counts.values()) == {1, 2}


def test_peak_level_ignores_loudness_and_raw_does_not():
    quiet, loud = (np.sin(np.arange(4000) / 3) * a for a in (0.01, 0.5))
    for level, same in (("peak", True), ("raw", False)):
        both = [fitted(x, level)[0] for x in (quiet, loud)]
        assert np.allclose(*both, atol=1e-6) is same


def test_silence_is_kept_flagged_and_at_the_floor():
    wave, flag = fitted(np.zeros(2000), "peak")
    assert flag == Flag.SILENT
    np.testing.assert_allclose(spectrograms(wave[None]), np.log(1e-7))


def test_the_description_needs_no_files():
    spec = AVMNIST(AVMNIST.Config(level="raw"), None).describe()
    assert spec.classes == 10
    assert {m: (x.kind, x.shape) for m, x in spec.modalities.items()} == {
        "image": ("image", (1, 28, 28)),
        "audio": ("spectrogram", (1, 112, 112)),
    }


def test_check_looks_at_raw_files_before_anything_is_prepared(copy, tmp_path):
    card = tiny(copy).check(tmp_path)
    assert dict(card.rows)["cache"] == "not prepared"
    assert dict(card.rows)["recordings"].startswith("120, not the published ones")
    assert list(tmp_path.iterdir()) == []
