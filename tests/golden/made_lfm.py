"""A golden file of LFM of other shapes, seeds and modalities, by plain formulas; gradients are by
autograd, and the derivative by alpha is a central difference."""

from itertools import combinations
from math import exp

import numpy as np
import torch

CLASS_WEIGHT = np.poly1d(
    [-5.39717505e-11, 2.23835486e-8, -2.92947416e-6, 1.22989557e-4, 3.35472727e-3, 2.04623704e-1]
)


def softmax(logits):
    return logits.exp() / logits.exp().sum(dim=1, keepdim=True)


def entropy(logits, label):
    return -softmax(logits)[range(len(label)), label].log().mean()


def kl(p, q):
    return (p * (p / q).log()).sum(dim=1).mean()


def apart(logits, first=True):
    """The mean over pairs of modalities; `first`: the mixture is the first argument of KL."""
    pairs = []
    for u, w in combinations(logits, 2):
        p, q = softmax(u), softmax(w)
        m = (p + q) / 2
        pairs.append((kl(m, p) + kl(m, q)) / 2 if first else (kl(p, m) + kl(q, m)) / 2)
    return sum(pairs) / len(pairs)


def lfm(names, seed):
    draw = torch.Generator().manual_seed(seed)
    batch, classes = 6, 3

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    label = torch.randint(classes, (batch,), generator=draw)
    arrays = {"labels": label} | schedules()
    logits = {m: 2 * normal(batch, classes) for m in names}
    share = torch.tensor([0.4, 0.6], dtype=torch.float64)
    arrays |= {f"logits_{m}": u for m, u in logits.items()} | {"cls_k": share}
    parts = [u.requires_grad_() for u in logits.values()]
    p = torch.stack([softmax(u) for u in parts])
    arrays["js_true"] = sum(kl(q, p.mean(dim=0)) for q in p) / len(p)
    arrays["align"] = apart(parts)
    arrays |= graded(arrays["align"], logits, "align_grad_")
    fused = sum(parts) / len(parts)
    total = 2 * (share[0] * entropy(fused, label) + share[1] * arrays["align"])
    arrays |= {"released_total": total} | graded(total, logits, "released_grad_")
    arrays |= neighbours(names[:2], normal)
    for prefix, modalities in (("bb2_", names), ("bb3_", ["x", "y", "z"])):
        arrays |= sliced(prefix, modalities, label, normal, classes)
    arrays |= ahead(names, normal, torch.randint(classes, (8,), generator=draw), classes)
    return {k: v.detach().numpy() if torch.is_tensor(v) else np.array(v) for k, v in arrays.items()}


def schedules():
    epochs, t = np.array([0, 3, 70, 149]), np.arange(1, 9)
    weight = CLASS_WEIGHT(epochs)
    arrays = {"fitted_epochs": epochs, "fitted_weights": np.stack([weight, 1 - weight], axis=1)}
    return arrays | {"heuristic_t": t, "heuristic_alpha": [1 - exp(-1 / x) for x in t]}


def graded(loss, parts, prefix):
    grads = torch.autograd.grad(loss, list(parts.values()), retain_graph=True)
    return {f"{prefix}{m}": g for m, g in zip(parts, grads, strict=True)}


def neighbours(names, normal):
    features, tau = {m: normal(5, 4).requires_grad_() for m in names}, 0.3
    z, w = (x / x.norm(dim=1, keepdim=True) for x in features.values())
    similar = (z @ w.T / tau).exp()
    own = similar.diagonal()
    loss = -((own / similar.sum(dim=0)).log() + (own / similar.sum(dim=1)).log()).mean() / 2
    arrays = {f"nce_{m}": x for m, x in features.items()} | {"nce_tau": tau, "nce_loss": loss}
    return arrays | graded(loss, features, "nce_grad_")


def sliced(prefix, names, label, normal, classes):
    features = {m: normal(len(label), 2 + i).requires_grad_() for i, m in enumerate(names)}
    blocks = [normal(classes, z.shape[1]) for z in features.values()]
    weight, bias = torch.cat(blocks, dim=1).requires_grad_(), normal(classes)
    columns = weight.split([b.shape[1] for b in blocks], dim=1)
    shares = [z @ w.T + bias / len(names) for z, w in zip(features.values(), columns, strict=True)]
    total = 2 * (0.7 * entropy(sum(shares), label) + 0.3 * apart(shares))
    arrays = {f"{prefix}features_{m}": z for m, z in features.items()}
    arrays |= {f"{prefix}weight": weight, f"{prefix}bias": bias, f"{prefix}total": total}
    arrays |= {f"{prefix}alpha_cls": 0.7, f"{prefix}alpha_align": 0.3}
    return arrays | graded(total, features | {"weight": weight}, f"{prefix}grad_")


def ahead(names, normal, label, classes):
    alpha, eta, width, half = 0.35, 0.2, 4, len(label) // 2
    parts = {}
    for i, m in enumerate(names):
        parts |= {f"{m}_encoder_weight": normal(width, 2 + i), f"{m}_encoder_bias": normal(width)}
        parts |= {f"cls_{m}_weight": normal(classes, width), f"cls_{m}_bias": normal(classes)}
    inputs = {m: normal(len(label), 2 + i) for i, m in enumerate(names)}
    keys = list(parts)

    def losses(values, rows):
        p = dict(zip(keys, values, strict=True))
        logits = []
        for m, x in inputs.items():
            z = (x[rows] @ p[f"{m}_encoder_weight"].T + p[f"{m}_encoder_bias"]).tanh()
            logits.append(z @ p[f"cls_{m}_weight"].T + p[f"cls_{m}_bias"])
        return entropy(sum(logits) / len(logits), label[rows]), apart(logits)

    def after(alpha):
        values = [v.clone().requires_grad_() for v in parts.values()]
        classify, match = losses(values, slice(half))
        grads = torch.autograd.grad((1 - alpha) * classify + alpha * match, values)
        moved = [v - eta * g for v, g in zip(values, grads, strict=True)]
        return losses(moved, slice(half, None))[0].detach(), classify, match

    (validation, classify, match), step = after(alpha), 1e-4
    arrays = {f"lbours_p_{k}": v for k, v in parts.items()}
    arrays |= {f"lbours_{m}": x for m, x in inputs.items()} | {"lbours_labels": label}
    arrays |= {"lbours_alpha": alpha, "lbours_eta": eta, "lbours_val_ce_after": validation}
    arrays |= {"lbours_train_ce": classify, "lbours_train_match": match}
    slopes = [(after(alpha + h)[0] - after(alpha - h)[0]) / (2 * h) for h in (step, 2 * step)]
    return arrays | {"lbours_hyper_grad": (4 * slopes[0] - slopes[1]) / 3}
