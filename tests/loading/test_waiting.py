"""Batches of samples that lie on a GPU are made without the host waiting for it."""

from dataclasses import replace

import pytest
import torch

from bench.loading import streams
from bench.loading.loaders import Source
from bench.types import DatasetSpec, Modality, Shift, View
from tests.helpers.pictures import SHAPES, ragged, split_of
from tests.helpers.waiting import META, Waits

VIEW = View((8, 10), frames=2)
CLIPS = torch.zeros(5, 3, 12, 16, 3, dtype=torch.uint8)
WAVES = torch.zeros(5, 1, 6, 20, dtype=torch.float16)
INPUTS = {
    "vectors": (Modality("vector", (7,), mean=0.5), torch.zeros(5, 7)),
    "pictures of one shape": (Modality("frames", (3, 2, 8, 10), (0.1,) * 3, view=VIEW), CLIPS),
    "pictures": (Modality("frames", (3, 2, 8, 10), view=VIEW), ragged(SHAPES)),
    "windows": (Modality("spectrogram", (1, 6, 9), view=Shift(0.1, 0.2, 0.2, window=9)), WAVES),
}


@pytest.fixture
def large_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**40, 2**40))


@pytest.mark.parametrize("small", [0, streams.SMALL])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.usefixtures("large_gpu")
def test_a_batch_of_resident_samples_is_not_waited_for(name, small, monkeypatch):
    monkeypatch.setattr(streams, "SMALL", small)
    info, stored = INPUTS[name]
    split = replace(split_of(m0=stored), shown=torch.ones(5, 1, dtype=torch.bool))
    source = Source(split, DatasetSpec("made", 2, {"m0": info}), META, train=True)
    index = torch.tensor([3, 1, 0, 4])
    with Waits() as waits:
        for keep in (None, source.everything(index)):
            batch = source.batch(index, keep)
            assert batch.inputs["m0"].shape == (4, *info.shape)
            assert {x.device for x in (batch.keep, batch.label, batch.index)} == {META}
    assert not waits.seen


def test_what_would_be_waited_for_is_seen():
    with Waits() as waits:
        torch.zeros(3).to(META, non_blocking=True)
        assert not waits.seen
        torch.zeros(3).to(META)
        torch.zeros(3, device=META).index_select(0, torch.zeros(1, dtype=torch.long).to(META))
        torch.zeros(3, device=META)[torch.tensor([0])]
    assert len(waits.seen) == 3
