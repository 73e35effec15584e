"""Golden files of methods that choose samples, of other shapes, seeds and modalities, by plain
formulas: each function gives the arrays of one file for modalities `names`."""

from itertools import combinations
from math import factorial

import numpy as np
import torch
from torch import nn

from tests.golden.made import softmax


def remix(names, seed):
    rng = np.random.default_rng(seed)
    arrays = {}
    for case, classes in (("c6", 6), ("gen", 3)):
        logits = 3 * rng.normal(size=(len(names), 11, classes))
        logits[:, 0] = logits[0, 0]  # a tie of all
        for m, u, kl in zip(names, logits, divergences(logits), strict=True):
            arrays |= {f"{case}_logits_{m}": u, f"{case}_kl_{m}": kl}
        keep = arrays[f"{case}_keep"] = flattest(logits)
        for i, m in enumerate(names):
            arrays[f"{case}_{m}_subset"] = np.flatnonzero(keep == i)
    several = 3 * rng.normal(size=(len(names) + 1, 9, 5))
    arrays |= {"m3_logits": several, "m3_kl": divergences(several), "m3_keep": flattest(several)}
    return arrays | steps(names, rng) | trace(names, seed)


def divergences(logits):
    """log2 C less the entropy, of logits [M, N, C]."""
    p = softmax(logits)
    return np.log2(logits.shape[2]) + (p * np.log2(p)).sum(axis=2)


def flattest(logits):
    kl = divergences(logits).round(12)
    return np.array([max(np.flatnonzero(row == row.min())) for row in kl.T])


def steps(names, rng):
    """Losses and gradients from their closed forms."""
    batch, classes, dims = 7, 3, [2 + i for i in range(len(names))]
    features = {m: rng.normal(size=(batch, d)) for m, d in zip(names, dims, strict=True)}
    whole, bias = rng.normal(size=(classes, sum(dims))), rng.normal(size=classes)
    own = {
        m: (rng.normal(size=(classes, d)), rng.normal(size=classes))
        for m, d in zip(names, dims, strict=True)
    }
    label = rng.integers(classes, size=batch)
    arrays = {f"features_{m}": z for m, z in features.items()}
    arrays |= {"head_weight": whole, "head_bias": bias, "labels": label}
    for m, (w, b) in own.items():
        arrays |= {f"head_{m}_weight": w, f"head_{m}_bias": b}

    def entropy(logits):
        p = softmax(logits)
        return -np.log(p[range(batch), label]).mean(), (p - np.eye(classes)[label]) / batch

    for case in ("warmup", *(f"{m}_batch" for m in names)):
        shown = [m for m in names if case in ("warmup", f"{m}_batch")]
        z = np.concatenate([features[m] * (m in shown) for m in names], axis=1)
        loss, wrong = entropy(z @ whole.T + bias)
        arrays |= {f"{case}_grad_head_weight": wrong.T @ z, f"{case}_grad_head_bias": wrong.sum(0)}
        of_head = np.split(wrong @ whole, np.cumsum(dims)[:-1], axis=1)
        for m, gradient in zip(names, of_head, strict=True):
            w, b = own[m]
            mine, apart = entropy(features[m] @ w.T + b)
            weight = (0.5 if case == "warmup" else 1.0) if m in shown else np.nan
            if m in shown:
                loss = loss + weight * mine
                gradient = gradient + weight * apart @ w
            arrays[f"{case}_grad_{m}"] = gradient * (m in shown)
            arrays[f"{case}_grad_head_{m}_weight"] = weight * apart.T @ features[m]
            arrays[f"{case}_grad_head_{m}_bias"] = weight * apart.sum(axis=0)
        arrays[f"{case}_loss"] = np.array(loss)
    return arrays


def trace(names, seed):
    """Two steps on all modalities and three on the last one, Adam written out."""
    draw, batch, classes = torch.Generator().manual_seed(seed), 6, 3
    kinds = {"generator": draw, "dtype": torch.float64}
    nets, inputs, parts = {}, {}, {}
    for i, m in enumerate(names):
        channels, width = 1 + i % 2, 3 + i
        frames = (2,) * (i % 2)
        inputs[m] = torch.randn(batch, channels, *frames, 3, 3, **kinds)
        nets[m] = [torch.randn(width, channels, 1, 1, **kinds)]
        nets[m] += [torch.randn(width, **kinds) for _ in range(3)]
        parts[m] = [torch.randn(classes, width, **kinds), torch.randn(classes, **kinds)]
    total = sum(len(p[1]) for p in nets.values())
    parts[""] = [torch.randn(classes, total, **kinds), torch.randn(classes, **kinds)]
    label = torch.randint(classes, (batch,), generator=draw)
    arrays = {f"trace_{m}_input": x for m, x in inputs.items()} | {"trace_labels": label}
    kinds = ("conv_weight", "conv_bias", "bn_weight", "bn_bias")
    for m, values in nets.items():
        arrays |= {f"trace_p_{m}_net_{k}": v for k, v in zip(kinds, values, strict=True)}
    for m, values in parts.items():
        key = f"trace_p_head_{m}".removesuffix("_")
        arrays |= {f"{key}_{k}": v for k, v in zip(("weight", "bias"), values, strict=True)}
    arrays = {k: v.clone() for k, v in arrays.items()}
    first, moments = names[0], {}
    everything = [p.requires_grad_() for part in (*nets.values(), *parts.values()) for p in part]
    running = torch.zeros(len(nets[first][1]), dtype=torch.float64)

    def flat(values):
        return torch.cat([v.detach().flatten() for v in values])

    rows = {"encoder": [flat(nets[first])], "head": [flat(parts[first])], "bn_mean": [running]}
    losses, largest = [], []
    for shown in (names, names, *[names[-1:]] * 3):
        features = {}
        for m, (w, b, scale, shift) in nets.items():
            x = inputs[m] if inputs[m].ndim == 5 else inputs[m][:, :, None]
            maps = torch.einsum("bcthw,dc->bdthw", x, w[:, :, 0, 0]) + b[:, None, None, None]
            mean, places = maps.mean(dim=(0, 2, 3, 4)), (slice(None), None, None, None)
            spread = maps.var(dim=(0, 2, 3, 4), correction=0) + 1e-5
            maps = (maps - mean[places]) / spread[places].sqrt() * scale[places] + shift[places]
            features[m] = maps.tanh().mean(dim=(2, 3, 4)) * (m in shown)
            if m == first:
                running = 0.9 * running + 0.1 * mean.detach()
        answers = [(torch.cat(list(features.values()), dim=1), "", 1.0)]
        answers += [(features[m], m, 0.5 if len(shown) > 1 else 1.0) for m in shown]
        loss = 0
        for z, part, weight in answers:
            w, b = parts[part]
            loss = loss + weight * nn.functional.cross_entropy(z @ w.T + b, label)
        grads = torch.autograd.grad(loss, everything, allow_unused=True)
        losses.append(loss.detach())
        largest.append(max(g.abs().max() for g in grads[:4]))
        for p, g in zip(everything, grads, strict=True):
            if g is None:
                continue
            g = g + 1e-4 * p.detach()
            count, a, b = moments.get(p, (0, 0, 0))
            count, a, b = count + 1, 0.9 * a + 0.1 * g, 0.999 * b + 0.001 * g * g
            moments[p] = count, a, b
            p.data -= 5e-3 * a / (1 - 0.9**count) / ((b / (1 - 0.999**count)).sqrt() + 1e-8)
        for k, value in (("encoder", flat(nets[first])), ("head", flat(parts[first]))):
            rows[k].append(value)
        rows["bn_mean"].append(running)
    arrays |= {f"trace_{first}_{k}": torch.stack(column) for k, column in rows.items()}
    arrays |= {"trace_loss": torch.stack(losses)}
    arrays |= {f"trace_{first}_grad_max": torch.stack(largest)}
    return {k: v.numpy() for k, v in arrays.items()}


def valuation(names, seed):
    rng = np.random.default_rng(seed)
    samples, classes, several = 40, 3, ["x", "y", "z"]
    bias, label = rng.normal(size=classes), rng.integers(classes, size=samples)
    arrays = {"bias": bias, "labels": label}
    for prefix, modalities in (("", names), ("m3_", several)):
        weights = {m: rng.normal(size=(classes, 2 + i)) for i, m in enumerate(modalities)}
        # The first modality is the clearest.
        centres = [w[label] / (1 + 2 * i) for i, w in enumerate(weights.values())]
        features = {
            m: z + rng.normal(size=z.shape) for m, z in zip(modalities, centres, strict=True)
        }
        arrays |= {f"{prefix}features_{m}": z for m, z in features.items()}
        arrays[f"{prefix}weight"] = np.concatenate(list(weights.values()), axis=1)

        def right(subset, weights=weights, features=features):
            answer = sum((features[m] @ weights[m].T for m in subset), np.zeros((samples, classes)))
            return ((answer + bias).argmax(axis=1) == label) * len(subset)

        phi = np.array([averaged(m, modalities, right) for m in modalities]).T
        arrays[f"{prefix}contribution"] = phi
        arrays[f"{prefix}copies"] = np.array([[often(v) for v in row] for row in phi])
    every = 2 ** len(names) - 1
    pairs = [
        (i, every - 2**k)
        for i, row in enumerate(arrays["copies"])
        for k, times in enumerate(row)
        for _ in range(times)
    ]
    index, drop = zip(*[(i, 0) for i in range(samples)], *pairs, strict=True)
    subset = rng.integers(samples, size=samples // 5)
    part = arrays["contribution"][subset].mean(axis=0)
    rates = [2 / 3 * (part.max() - p) for p in part]
    sizes = [int(rate * samples) for rate in rates]
    codes = [every - 2**k for k, size in enumerate(sizes) for _ in range(size)]
    arrays |= {"sample_index": index, "sample_drop": drop, "subset": subset}
    arrays |= {"mean_contribution": arrays["contribution"].mean(axis=0)}
    arrays |= {"subset_contribution": part, "modality_drop": codes}
    arrays |= {"modality_index": rng.integers(samples, size=sum(sizes))}
    arrays |= {"resample_rate": max(rates), "rate_linear": max(rates)}
    return {k: np.asarray(v) for k, v in arrays.items()}


def averaged(m, names, benefit):
    """The Shapley value of m, of a function of subsets."""
    others, total = [n for n in names if n != m], 0
    for size in range(len(names)):
        share = factorial(size) * factorial(len(others) - size) / factorial(len(names))
        for subset in combinations(others, size):
            gain = benefit((*subset, m)) - (benefit(subset) if subset else 0)
            total = total + share * gain
    return total.round(12)


def often(phi):
    if phi >= 1:
        return 0
    return 1 if phi > 0.4 else 2 if phi > -0.1 else 3
