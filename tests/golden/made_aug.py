"""A golden file of AUG of other shapes, seeds and modalities, sample by sample."""

import numpy as np
import torch

from tests.golden.made_linear_head import cross_entropy, finished, probs

CASES = {"b1": (6, 3, 1), "b2": (5, 4, 2), "b4": (6, 3, 4)}  # samples, classes, blocks
HIDDEN, WIDTH, WEIGHT = 5, 3, 0.4
LOOKS = ((0.6, 0.6), (0.7, 0.6), (0.6, 0.7), (0.6, 0.604), (0.5, 0.52))  # scores of two


def aug(names, seed):
    made = {}
    for case, sizes in CASES.items():
        made |= finished(case, of_blocks(torch.Generator().manual_seed(seed), *sizes))
    rng = np.random.default_rng(seed)
    made |= several(rng, "two", np.array([0.4, 0.6]))
    return made | several(rng, "more", np.full(len(names) + 1, 1 / (len(names) + 1)))


def of_blocks(draw, batch, classes, count):
    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()

    leaves = {"features": normal(batch, WIDTH), "block_weight": normal(count, HIDDEN, WIDTH)}
    leaves |= {"block_bias": normal(count, HIDDEN), "head_weight": normal(classes, HIDDEN)}
    leaves["head_bias"] = normal(classes)
    z, blocks, biases, head, offset = leaves.values()
    label = torch.randint(classes, (batch,), generator=draw)
    each = torch.stack(
        [(z @ w.T + b).clamp(min=0) @ head.T + offset for w, b in zip(blocks, biases, strict=True)]
    )
    whole = sum(each)
    loss, rest = cross_entropy(whole, label), None
    if count > 1:
        before = sum(each[:-1])
        left = [1 - WEIGHT * probs(u)[y].item() for u, y in zip(before, label, strict=True)]
        rows = zip(left, each[-1], label, strict=True)
        loss = loss + cross_entropy(before, label)
        loss = loss - sum(r * probs(u)[y].log() for r, u, y in rows) / batch
        rest = torch.zeros(batch, classes, dtype=torch.float64)
        rest[range(batch), label] = torch.tensor(left, dtype=torch.float64)
    found = torch.autograd.grad(loss, list(leaves.values()))
    made = leaves | {"labels": label, "lam": torch.tensor(WEIGHT, dtype=torch.float64)}
    made |= {"blocks": torch.tensor(count), "block_logits": each, "logits": whole, "loss": loss}
    made["score"] = sum(probs(u)[y] for u, y in zip(whole, label, strict=True)) / batch
    made |= {f"grad_{k}": g for k, g in zip(leaves, found, strict=True)}
    made |= {"residual": rest} if count > 1 else {}
    return made | ({"prob_residual": rest, "prob_loss": loss} if count == 2 else {})


def several(rng, case, weights):
    logits = rng.normal(size=(len(weights), 4, 3))
    merged = sum(w * u for w, u in zip(weights, logits, strict=True))
    scores = np.array([(*look, *[0.61] * (len(weights) - 2)) for look in LOOKS])
    grow = [row.index(min(row)) if max(row) / min(row) > 1.01 else -1 for row in scores.tolist()]
    made = {"logits": logits, "merge": weights, "merged": merged, "scores": scores}
    made |= {"sigma": np.array(1.0), "tolerance": np.array(0.01), "grow": np.array(grow)}
    return {f"{case}_{k}": v for k, v in made.items()}
