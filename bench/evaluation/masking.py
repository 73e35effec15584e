"""What a trained network answers when modalities are taken away from it.

Features are computed once; then the method answers from them, by its own `predict`, again and
again: whole, with the features of some modalities replaced, or with noise on them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from bench.method import Method
from bench.passes import eval_mode
from bench.training.trainer import TrainingFailed
from bench.types import Batch, Prediction

# What stands in for an absent modality's features: zeros (the readout `mask`), their mean over the
# training split (`mask_mean`), or what the encoder makes of a blank input (`mask_input`).
ZERO, MEAN, INPUT = "mask", "mask_mean", "mask_input"


class Reader:
    """Asks a trained network, in eval mode and without gradients, inside `reading`.

    A method whose encoders see one another (`independent_encoders` is False) has no features to
    replace: its batches stay as they are, `mask` withholds through `Batch.keep`, `mask_input`
    blanks the inputs, and there is no `mask_mean`.
    """

    def __init__(self, method: Method):
        self.method, self.feature = method, method.feature
        self.encoding = False  # whether the encoders may be asked
        self.fills: dict[str, dict[str, Tensor]] = {}  # readout -> modality -> [D]

    @property
    def readouts(self) -> tuple[str, ...]:
        return (ZERO, MEAN, INPUT) if self.method.independent_encoders else (ZERO, INPUT)

    def encoded(self, batch: Batch) -> Batch:
        """The batch with features [B, D] for inputs, of the method's modalities."""
        names = self.method.modalities
        if not self.method.independent_encoders:
            return batch
        self.encoding = True
        features = {m: self.feature(batch, m) for m in names}
        self.encoding = False
        return replace(
            batch, inputs=features, keep=batch.keep.new_ones(len(batch.keep), len(names))
        )

    def guard(self, *_: object) -> None:
        """Before an encoder is asked. Raises TrainingFailed if it is `predict` that asks."""
        if not self.encoding:
            raise past_features(self.method)

    def answer(self, encoded: Batch) -> Prediction:
        return self.method.predict(encoded)

    def learn_fills(self, batch: Batch, means: dict[str, Tensor]) -> None:
        """Prepares `taken`. batch: any, as loaded. means: of features over training, [D]."""
        if self.method.independent_encoders:
            blank = self.encoded(batch.only())
            self.fills = {
                ZERO: {m: torch.zeros_like(mean) for m, mean in means.items()},
                MEAN: means,
                INPUT: {m: z[0] for m, z in blank.inputs.items()},
            }

    def taken(self, encoded: Batch, present: Tensor, readout: str) -> Batch:
        """`encoded` with what `present` [B, M] lacks taken away, by one of `readouts`."""
        shown = {m: present[:, i] for i, m in enumerate(self.method.modalities)}
        if self.method.independent_encoders:
            fill = self.fills[readout]
            changed = {m: where(shown[m], z, fill[m]) for m, z in encoded.inputs.items()}
            return replace(encoded, inputs=changed)
        if readout == ZERO:
            places = [list(encoded.inputs).index(m) for m in self.method.modalities]
            keep = encoded.keep.clone()
            keep[:, places] &= present
            return replace(encoded, keep=keep)
        zero = {m: x.new_zeros(()) for m, x in encoded.inputs.items()}
        return replace(
            encoded,
            inputs={
                m: where(shown[m], x, zero[m]) if m in shown else x
                for m, x in encoded.inputs.items()
            },
        )


def where(shown: Tensor, x: Tensor, fill: Tensor) -> Tensor:
    """x [B, ...] for samples that `shown` [B] keeps, `fill` for the others."""
    return torch.where(shown.view(-1, *[1] * (x.ndim - 1)), x, fill.to(x.dtype))


def past_features(method: Method) -> TrainingFailed:
    return TrainingFailed(
        f"{type(method).__name__}.predict does not answer from `feature` alone, so that no "
        "modality can be withheld from it; set `independent_encoders = False` in the class."
    )


@contextmanager
def reading(method: Method) -> Iterator[Reader]:
    """Inside, `method.feature` returns a batch's inputs, which are features already."""
    reader, hooks = Reader(method), []
    with torch.no_grad(), eval_mode(method):
        if method.independent_encoders:
            method.feature = lambda batch, modality: batch.inputs[modality]
            encoders = method.encoders.values()
            hooks = [encoder.register_forward_pre_hook(reader.guard) for encoder in encoders]
        try:
            yield reader
        finally:
            method.__dict__.pop("feature", None)
            for hook in hooks:
                hook.remove()
