"""Golden files of methods that change the forward pass, of other shapes, seeds, modalities, by
plain formulas: each function gives the arrays of one file for modalities `names`."""

import numpy as np

from tests.golden.made import softmax


def mmcosine(names, seed):
    rng = np.random.default_rng(seed)
    batch, classes, scale = 5, 3, 4.0
    dims = [3 + i for i in range(len(names))]
    features = [rng.normal(size=(batch, d)) for d in dims]
    weights = [rng.normal(size=(classes, d)) for d in dims]
    features[-1][0] = 0  # a row that has no direction
    label = rng.integers(classes, size=batch)
    lengths = [np.linalg.norm(z, axis=1, keepdims=True) for z in features]
    units = [z / np.maximum(n, 1e-12) for z, n in zip(features, lengths, strict=True)]
    norms = [np.linalg.norm(w, axis=1, keepdims=True) for w in weights]
    rows = [w / n for w, n in zip(weights, norms, strict=True)]
    cosines = np.array([u @ w.T for u, w in zip(units, rows, strict=True)])
    fused = scale * cosines.sum(axis=0)
    arrays = {"M": len(names), "dims": dims, "scale": scale, "labels": label, "fused": fused}
    arrays |= {"W": np.concatenate(weights, axis=1), "loss": surprise(fused, label)}
    arrays["loss_uni"] = [surprise(scale * c, label) for c in cosines]
    arrays["sweep_scale"] = scales = [0.5, 2.0, 9.0]
    arrays["sweep_loss"] = [surprise(s * cosines.sum(axis=0), label) for s in scales]
    wrong = scale * (softmax(fused) - np.eye(classes)[label]) / batch
    grads, valid = [], np.ones_like(arrays["W"], dtype=bool)
    for i, (z, u, w) in enumerate(zip(features, units, rows, strict=True)):
        back = wrong @ w
        along = (back * u).sum(axis=1, keepdims=True) * u
        arrays |= {f"z{i}": z, f"logits{i}": scale * cosines[i]}
        arrays[f"grad_z{i}"] = (back - along) / np.where(lengths[i] > 0, lengths[i], 1)
        arrays[f"valid_grad_rows{i}"] = lengths[i][:, 0] > 0
        back = wrong.T @ u
        grads.append((back - (back * w).sum(axis=1, keepdims=True) * w) / norms[i])
    arrays |= {"grad_W": np.concatenate(grads, axis=1), "valid_grad_W": valid}
    return {k: np.asarray(v) for k, v in arrays.items()}


def surprise(logits, label):
    """Mean cross-entropy."""
    return -np.mean([np.log(softmax(o)[y]) for o, y in zip(logits, label, strict=True)])
