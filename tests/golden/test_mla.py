"""MLA: the projection after every step, the head's gradient, entropies, weights and the mixture.

What the file has of other variants (`ownfeat_*`, `fro_*`, `ref_*`) is not ours.
"""

import torch

from bench.methods.mla import entropies, narrowed, sureness
from tests.golden.files import close

FILE = "mla.npz"


def test_projections_and_gradients(golden):
    features, grads, places = golden.need("feats", "grads", "batch_index")
    expected, handed = golden.need("default_P", "default_grad")
    batches = golden["n_batches"].item()
    projection = torch.eye(features.shape[2], dtype=features.dtype)
    for t, (z, gradient) in enumerate(zip(features, grads, strict=True)):
        close(gradient @ projection.T, handed[t])
        damping = 0.1 ** (1 + places[t].item() / batches)
        close(torch.tensor(damping, dtype=torch.float64), golden["alpha"][t])
        projection = narrowed(projection, z.mean(dim=0), damping)
        close(projection, expected[t])


def test_entropies(golden):
    close(entropies(golden["logits"]), golden["entropy"])


def test_weights(golden):
    close(sureness(golden["logits"]), golden["weights"])


def test_mixture(golden):
    logits = golden["logits"]
    close((sureness(logits)[:, :, None] * logits).sum(dim=0), golden["fused"])
