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


def opm(names, seed):
    rng = np.random.default_rng(seed)
    count, batch, classes, base, gain = len(names), 7, 3, 0.4, 0.6
    dims = [2 + 2 * i for i in range(count)]
    features = [rng.normal(size=(batch, d)) for d in dims]
    weights = [(1 + i) * rng.normal(size=(classes, d)) for i, d in enumerate(dims)]
    bias, label = rng.normal(size=classes), rng.integers(classes, size=batch)
    shares = np.array([z @ w.T + bias / count for z, w in zip(features, weights, strict=True)])
    each = np.array([[softmax(o)[y] for o, y in zip(u, label, strict=True)] for u in shares])
    table = np.vstack([np.full(count, 2.5), np.eye(count)[0] * 90 + 1, rng.random((4, count)) + 1])
    arrays = {"M": count, "dims": dims, "q_base": base, "lam": gain, "labels": label, "bias": bias}
    arrays |= {"uni_logits": shares, "scores": each, "score_sums": each.sum(axis=1)}
    arrays |= {"rho": against_each(each.sum(axis=1)), "table_sums": table}
    arrays["q"] = dropped(arrays["rho"], base, gain)
    arrays["table_rho"] = np.array([against_each(row) for row in table])
    arrays["table_q"] = np.array([dropped(rho, base, gain) for rho in arrays["table_rho"]])
    drops = rng.uniform(0.2, 0.6, count)
    mask = rng.random((batch, count)) > drops
    mask[0], mask[1] = False, True
    left, theta = mask.any(axis=1), np.dot(dims, drops) / sum(dims)
    arrays |= {"drop_q": drops, "mask": mask * 1.0, "theta": theta, "update_flag": left}
    clean = [(z * k[:, None])[left] / (1 - theta) for z, k in zip(features, mask.T, strict=True)]
    arrays["fused_after_drop"] = bias + sum(z @ w.T for z, w in zip(clean, weights, strict=True))
    for i, (z, w, c) in enumerate(zip(features, weights, clean, strict=True)):
        arrays |= {f"z{i}": z, f"W{i}": w, f"clean{i}": c}
    widths, rates = rng.integers(1, 9, size=(4, count)), rng.random((4, count))
    arrays |= {"theta_dims": widths, "theta_q": rates}
    arrays["theta_out"] = (widths * rates).sum(axis=1) / widths.sum(axis=1)
    return {k: np.asarray(v) for k, v in arrays.items()}


def against_each(score):
    """Mean of a score's ratios to each other one."""
    return np.array([np.mean([s / t for t in np.delete(score, i)]) for i, s in enumerate(score)])


def dropped(rho, base, gain):
    return np.array([base * (1 + gain * np.tanh(r - 1)) if r > 1 else 0.0 for r in rho])


def amco(names, seed):
    rng = np.random.default_rng(seed)
    batch, classes, width, eps, sigma = 5, 3, 7, 0.4, 0.83
    level = np.array([0.0, 0.05, 0.13, 0.29, 0.4, 2.0])
    share = np.sin(np.pi / 2 * np.minimum(eps, level) / eps)
    by_epoch = np.cumsum(np.arange(6) / 10)
    arrays = {"M": len(names), "U": width, "eps": eps, "sigma": sigma, "l": level, "p": share}
    arrays |= {f"n_zero_{k}": np.floor(share * n) for k, n in (("U", width), ("C", classes))}
    arrays |= {k: arrays[k].astype(int) for k in ("n_zero_U", "n_zero_C")}
    arrays["ref_pred_l_by_epoch"] = by_epoch
    arrays["ref_pred_p_by_epoch"] = np.sin(np.pi / 2 * np.minimum(eps, by_epoch) / eps)
    hidden = rng.normal(size=(len(names), batch, width))
    weight, bias = rng.normal(size=(classes, width)), rng.normal(size=classes)
    label = rng.integers(classes, size=batch)
    arrays |= {"W": weight, "b": bias, "labels": label, "case_p": [0.0, 0.5, 0.95]}
    arrays |= {f"h{i}": h for i, h in enumerate(hidden)}
    for i, p in enumerate(arrays["case_p"]):
        mask = np.ones(width)
        mask[rng.permutation(width)[: int(p * width)]] = 0
        scale = 1 / (1 - p) if abs(p - 1) > 0.1 else 10.0
        used = [hidden[0] * mask * scale, *hidden[1:]]
        own = np.array([h @ weight.T + bias for h in used])
        fused = sum(used) @ weight.T + bias
        alone = [surprise(u, label) for u in own]
        mass = softmax(np.concatenate(own, axis=1)).reshape(batch, -1, classes).sum(2).mean(0)
        case = {"mask": mask, "scale": scale, "uni_logits": own, "joint_logits": fused}
        case |= {"loss_joint": surprise(fused, label), "loss_uni": alone, "mass": mass}
        case |= {"loss_total": surprise(fused, label) + sum(alone), "dependent": mass >= sigma}
        arrays |= {f"case{i}_{k}": v for k, v in case.items()}
    return {k: np.asarray(v) for k, v in arrays.items()}
