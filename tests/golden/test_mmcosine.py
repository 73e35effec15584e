"""MMCosine: cosines, the loss at several scales and its gradients. The plain linear head and the
contrastive term, which the file has too, are not ours."""

import torch
from torch.nn.functional import cross_entropy

from bench.methods.mmcosine import CosineHead
from tests.golden.files import close

FILE = "mmcosine.npz"


def head_of(golden, scale):
    """A head, and features that have gradients, place -> [B, D_m]."""
    dims, weight = golden["dims"].tolist(), golden["W"]
    places = [str(i) for i in range(golden["M"])]
    features = {i: z.requires_grad_() for i, z in golden.each("z", places).items()}
    assert [z.shape[1] for z in features.values()] == dims
    blocks = dict(zip(places, weight.split(dims, dim=1), strict=True))
    return CosineHead(blocks, scale.item()), features


def test_cosines_and_losses(golden):
    head, features = head_of(golden, golden["scale"])
    shares, label = head.contributions(features), golden["labels"]
    alone = torch.stack([cross_entropy(u, label) for u in shares.values()])
    close(alone.detach(), golden["loss_uni"])
    close(head(features).detach(), golden["fused"])
    for i, u in shares.items():
        close(u.detach(), golden[f"logits{i}"])


def test_gradients(golden):
    head, features = head_of(golden, golden["scale"])
    loss = cross_entropy(head(features), golden["labels"])
    close(loss.detach(), golden["loss"])
    loss.backward()
    # Where a vector is zero its gradient depends on how the normalisation is guarded.
    seen = golden["valid_grad_W"]
    weight = torch.cat([w.grad for w in head.weights.values()], dim=1)
    close(weight[seen], golden["grad_W"][seen])
    for i, z in features.items():
        seen = golden[f"valid_grad_rows{i}"]
        close(z.grad[seen], golden[f"grad_z{i}"][seen])


def test_other_scales(golden):
    for scale, expected in zip(*golden.need("sweep_scale", "sweep_loss"), strict=True):
        head, features = head_of(golden, scale)
        close(cross_entropy(head(features), golden["labels"]).detach(), expected)
