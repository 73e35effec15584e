"""Golden files of methods that say which encoder trains when, of other shapes, seeds, modalities,
by plain formulas: each function gives the arrays of one file for modalities `names`."""

from collections import Counter
from math import tanh

import numpy as np
import torch
from torch import nn

from tests.golden.made import softmax


def mses(names, seed):
    rng = np.random.default_rng(seed)
    epochs, patience, modalities = 25, 3, len(names) + 1
    turning = rng.integers(5, 12, modalities)
    at = np.arange(epochs)[:, None]
    losses = 1 + 0.01 * (at - turning) ** 2 + 0.02 * rng.normal(size=(epochs, modalities))
    arrays = {"val_loss3": losses, "ours_patience": np.array(patience)}
    for prefix, smooth in (("ours", 0.0), ("ours_smooth", 0.6)):
        value = losses.copy()
        value[1:] = smooth * losses[:-1] + (1 - smooth) * losses[1:]
        stop, best = np.zeros((2, modalities), dtype=int)
        active = np.ones_like(losses, dtype=bool)
        for i, column in enumerate(value.T):
            for t in range(1, epochs + 1):
                if column[t - 1] < min(column[: t - 1], default=np.inf):
                    best[i] = t
                elif t - best[i] >= patience:
                    stop[i] = t
                    active[t:, i] = False
                    break
        arrays |= {f"{prefix}_smoothed": value, f"{prefix}_active": active}
        arrays |= {f"{prefix}_stop_epoch": stop, f"{prefix}_best_epoch": best}
    grads, params, velocity = rng.normal(size=(7, 3)), [rng.normal(size=3)], 0
    for i, gradient in enumerate(grads):
        velocity = 0.9 * velocity + (gradient if i < 3 else 0) + 1e-4 * params[-1]
        params.append(params[-1] - 0.1 * velocity)
    return arrays | {"drift_grads": grads, "drift_params": np.array(params)}


def purity(clusters, labels):
    pairs = zip(clusters.tolist(), labels.tolist(), strict=True)
    largest = Counter()
    for (cluster, _), count in Counter(pairs).items():
        largest[cluster] = max(largest[cluster], count)
    return np.array(sum(largest.values()) / len(labels))


def relearning(names, seed):
    rng = np.random.default_rng(seed)
    classes, strength = 3, 2.5
    arrays = {"n_classes": np.array(classes), "move_lambda": np.array(strength)}
    sizes = {"train": 60, "val": 30}
    labels = {p: rng.integers(classes, size=n) for p, n in sizes.items()}
    arrays |= {f"labels_{p}": y for p, y in labels.items()}
    for i, m in enumerate(names):
        for part, size in sizes.items():
            cluster = np.where(
                rng.random(size) < 0.8, labels[part], rng.integers(classes, size=size)
            )
            x = 9 * np.eye(classes, 3 + i)[cluster] + 0.1 * rng.normal(size=(size, 3 + i))
            low, high = x.min(axis=0), x.max(axis=0)
            arrays |= {f"features_{m}_{part}": x, f"clusters_{m}_{part}": cluster}
            arrays[f"scaled_{m}_{part}"] = 2 * (x - low) / (high - low) - 1
            arrays[f"purity_{m}_{part}"] = purity(cluster, labels[part])
        arrays[f"gap_{m}"] = abs(arrays[f"purity_{m}_train"] - arrays[f"purity_{m}_val"])
        arrays[f"strength_{m}"] = np.array(tanh(strength * arrays[f"gap_{m}"]))
        arrays[f"strength_{m}_released_run"] = arrays[f"strength_{m}"]
        shapes = {"conv.weight": (2, 1 + i, 3, 2), "conv.bias": (2,)}
        shapes |= dict.fromkeys(("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"), (2,))
        for key, shape in shapes.items():
            first, now = rng.random((2, *shape), dtype=np.float32)
            back = 0 if "running" in key else arrays[f"strength_{m}"]
            after = back * first + (1 - back) * now
            for state, value in (("init", first), ("current", now), ("after", after)):
                arrays[f"{state}.{m}_net.{key}"] = value
        for state in ("init", "current", "after"):
            arrays[f"{state}.{m}_net.bn.num_batches_tracked"] = np.array(3)
    for case, known in (("purity_case", np.arange(3)), ("purity_gap", np.array([1, 4, 6]))):
        place = np.sort(rng.integers(3, size=20))
        case_labels, clusters = known[place], np.where(rng.random(20) < 0.8, place, 3)
        arrays |= {f"{case}_labels": case_labels, f"{case}_clusters": clusters}
        arrays[f"{case}_value"] = purity(clusters, case_labels)
    arrays["purity_perfect"] = np.array(1.0)
    counts = Counter(arrays["purity_case_labels"].tolist())
    return arrays | {"purity_one_cluster": np.array(max(counts.values()) / 20)}


def mla(names, seed):
    rng = np.random.default_rng(seed)
    batches, batch, classes, width = 3, 5, 4, 6
    steps = 2 * batches * len(names)
    features, grads = rng.random((steps, batch, width)), rng.normal(size=(steps, classes, width))
    places = np.arange(steps) // len(names) % batches
    alpha = 0.1 ** (1 + places / batches)
    means = features.mean(axis=1)
    inverse = np.eye(width) + np.cumsum(
        means[:, :, None] * means[:, None] / alpha[:, None, None], 0
    )
    projection = np.linalg.inv(inverse)
    before = np.concatenate([np.eye(width)[None], projection[:-1]])
    arrays = {"feats": features, "grads": grads, "batch_index": places, "alpha": alpha}
    arrays |= {"n_batches": np.array(batches), "default_P": projection}
    arrays["default_grad"] = grads @ before.transpose(0, 2, 1)
    logits = 2 * rng.normal(size=(len(names), batch, classes))
    p = softmax(logits)
    entropy = -(p * np.log(p)).sum(axis=2)
    weights = softmax(-entropy.T).T
    arrays |= {"logits": logits, "entropy": entropy, "weights": weights}
    return arrays | {"fused": (weights[:, :, None] * logits).sum(axis=0)}


def reconboost(names, seed):
    rng = np.random.default_rng(seed)
    return losses(rng) | ensemble(names, seed) | turns(names, seed)


def losses(rng):
    """Gradients from their closed forms."""
    batch, classes, w1, w2, alpha = 5, 4, 3.0, 0.7, 0.4
    own, others, previous = rng.normal(size=(3, batch, classes))
    y = rng.integers(classes, size=batch)
    p, q, before, hit = softmax(own), softmax(others), softmax(previous), np.eye(classes)[y]
    arrays = {"loss_logits": own, "loss_others": others, "loss_previous": previous}
    arrays |= {"loss_labels": y, "loss_w1": w1, "loss_w2": w2, "loss_alpha": alpha}
    sure = (q * hit).sum(axis=1)
    for name, weight in (("boost", w1 - w2 * sure), ("first_stage", w1 - w2 + 0 * sure)):
        arrays[f"{name}_per_sample"] = -weight * np.log((p * hit).sum(axis=1)) / classes
        arrays[f"{name}_grad"] = weight[:, None] * (p - hit) / classes / batch
    apart = p - before
    pull = 2 / batch / classes * p * (apart - (apart * p).sum(axis=1, keepdims=True))
    arrays |= {"boost_mean": arrays["boost_per_sample"].mean(), "consolidation": (apart**2).mean()}
    arrays |= {"consolidation_grad": pull, "stage_grad_released": arrays["boost_grad"]}
    arrays["stage_mean"] = arrays["boost_mean"] + alpha * arrays["consolidation"]
    arrays["stage_grad"] = arrays["boost_grad"] + alpha * pull
    return {k: np.asarray(v) for k, v in arrays.items()}


def network(names, draw, classes=4, width=3):
    """Weights and biases, part -> [2], of encoders tanh(Linear) and of the shared head."""
    shapes = {m: (width, 2 + i) for i, m in enumerate(names)} | {"head": (classes, width)}
    kinds = {"generator": draw, "dtype": torch.float64}
    return {
        k: [torch.randn(s, **kinds).requires_grad_(), torch.randn(s[0], **kinds).requires_grad_()]
        for k, s in shapes.items()
    }


def answer(parts, m, x):
    w, b = parts[m]
    head, bias = parts["head"]
    return (x @ w.T + b).tanh() @ head.T + bias


def ensemble(names, seed):
    draw, batch = torch.Generator().manual_seed(seed), 5
    parts = network(names, draw)
    rate = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    xs = {m: torch.randn(batch, parts[m][0].shape[1], generator=draw).double() for m in names}
    label = torch.randint(4, (batch,), generator=draw)
    logits = torch.stack([answer(parts, m, x) for m, x in xs.items()])
    fused = rate * logits.sum(dim=0)
    loss = nn.functional.cross_entropy(fused, label)
    grads = torch.autograd.grad(loss, [rate, parts["head"][0]])
    others = torch.stack([rate * (fused / rate - u) for u in logits])
    arrays = {f"ens_x_{m}": x for m, x in xs.items()}
    for m in names:
        arrays |= dict(zip((f"ens_enc_weight_{m}", f"ens_enc_bias_{m}"), parts[m], strict=True))
    arrays |= dict(zip(("ens_head_weight", "ens_head_bias"), parts["head"], strict=True))
    arrays |= {"ens_logits": logits, "ens_fused": fused, "ens_others": others}
    arrays |= {"ens_labels": label, "ens_boost_rate": rate, "ens_rectify_loss": loss}
    arrays |= dict(zip(("ens_grad_boost_rate", "ens_grad_head_weight"), grads, strict=True))
    return {k: v.detach().numpy() for k, v in arrays.items()}


def turns(names, seed):
    draw, batches, batch = torch.Generator().manual_seed(seed + 9), 2, 5
    xs = {m: torch.randn(batches, batch, 2 + i, generator=draw) for i, m in enumerate(names)}
    xs = {m: x.double() for m, x in xs.items()}
    labels = torch.randint(4, (batches, batch), generator=draw)
    given = {"lr": 0.04, "momentum": 0.2, "weight_decay": 0.01, "epochs": 2}
    given |= {"w1": 4.0, "w2": 0.9, "alpha": 0.3, "boost_rate_init": 0.9}
    arrays = {f"traj_{k}": np.array(v) for k, v in given.items()} | {"traj_labels": labels.numpy()}
    arrays |= {f"traj_x_{m}": x.numpy() for m, x in xs.items()}
    for kind in ("traj", "traj_mcr"):
        parts = network(names, torch.Generator().manual_seed(seed))
        rate = torch.tensor(given["boost_rate_init"], dtype=torch.float64, requires_grad=True)
        if kind == "traj":
            arrays |= weights(names, parts, "traj_init.")
        for s in range(len(names) + 1):
            k, members = names[s % len(names)], names[: s + 1]
            for phase in (1, 2):
                trained = [*parts["head"], *parts[k]]
                if phase == 2:
                    trained = [p for m in ("head", *members) for p in parts[m]] + [rate]
                printed, velocity = [], [0] * len(trained)
                for b in [*range(batches)] * given["epochs"]:
                    logits = {m: answer(parts, m, xs[m][b]) for m in members}
                    loss = nn.functional.cross_entropy(rate * sum(logits.values()), labels[b])
                    extra = 0
                    if phase == 1:
                        before = names[s % len(names) - 1] if s else None
                        loss, extra = one_turn(logits, k, before, rate, labels[b], given)
                    minimised = loss + (extra if kind == "traj_mcr" else 0)
                    printed.append((loss + extra).item())
                    for i, g in enumerate(torch.autograd.grad(minimised, trained)):
                        p = trained[i]
                        velocity[i] = given["momentum"] * velocity[i] + g
                        velocity[i] = velocity[i] + given["weight_decay"] * p.detach()
                        p.data -= given["lr"] * velocity[i]
                word = "loss" if phase == 1 else "rectify_loss"
                arrays[f"{kind}_stage{s}_{word}"] = np.array(printed)
                arrays |= weights(names, parts, f"{kind}_stage{s}_phase{phase}.")
            arrays[f"{kind}_stage{s}_boost_rate"] = rate.detach().numpy().copy()
    return arrays


def one_turn(logits, k, before, rate, label, given):
    """The boosting loss of learner k, and its memory term with weight."""
    p = logits[k].softmax(dim=1)
    rest = [u for m, u in logits.items() if m != k]
    q = (rate * sum(rest)).detach().softmax(dim=1) if rest else torch.ones_like(p)
    rows = range(len(label))
    losses = [-(given["w1"] - given["w2"] * q[i, label[i]]) * p[i, label[i]].log() for i in rows]
    boost = torch.stack(losses).mean() / p.shape[1]
    if before is None:
        return boost, torch.zeros(())
    held = logits[before].detach().softmax(dim=1)
    return boost, given["alpha"] * ((p - held) ** 2).mean()


def weights(names, parts, prefix):
    keys = {m: f"{prefix}{m}.enc." for m in names} | {"head": f"{prefix}head."}
    return {
        key + kind: value.detach().numpy().copy()
        for part, key in keys.items()
        for kind, value in zip(("weight", "bias"), parts[part], strict=True)
    }
