"""Golden files of other shapes, seeds and modalities, by plain formulas: each function gives the
arrays of one file, key -> array, for modalities `names`."""

from itertools import permutations

import numpy as np
import torch
from torch import nn

from tests.helpers import reference_dimml as plain


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def true_class(logits, labels):
    """S of one modality."""
    return sum(softmax(row)[y] for row, y in zip(logits, labels, strict=True))


def against_others(score):
    """rho of every modality."""
    return [s / (sum(np.delete(score, i)) / (len(score) - 1)) for i, s in enumerate(score)]


def factors(rho, alpha):
    return [1 - np.tanh(alpha * r) if r > 1 else 1.0 for r in rho]


def modulation(logits, labels, alpha):
    """score, rho and coefficient of logits [M, B, C]."""
    score = [true_class(u, labels) for u in logits]
    rho = against_others(score)
    return np.array(score), np.array(rho), np.array(factors(rho, alpha))


def ogm(names, seed):
    rng = np.random.default_rng(seed)
    cases, batch, classes = 4, 7, 3
    logits = rng.normal(size=(len(names), cases, batch, classes)) * 2
    logits[:, 1] = logits[0, 1]  # a tie of all
    labels, alpha = rng.integers(classes, size=(cases, batch)), rng.uniform(0.1, 1, cases)
    found = [modulation(logits[:, k], labels[k], alpha[k]) for k in range(cases)]
    several = rng.normal(size=(len(names) + 1, batch, classes))
    made = {f"logits_{m}": u for m, u in zip(names, logits, strict=True)}
    made |= {"labels": labels, "alpha": alpha}
    made |= {k: np.array([f[i] for f in found]) for i, k in enumerate(("score", "rho", "coeff"))}
    made |= {"m3_logits": several, "m3_labels": labels[0], "m3_alpha": np.array(0.6)}
    result = modulation(several, labels[0], 0.6)
    made |= dict(zip(("m3_score", "m3_rho", "m3_coeff"), result, strict=True))
    return made | head(rng, names, batch, classes) | step(names, seed)[0]


def head(rng, names, batch, classes):
    bias = rng.normal(size=classes)
    made = {"head_bias": bias}
    blocks = [rng.normal(size=(classes, 2 + i)) for i in range(len(names))]
    total = 0
    for m, block in zip(names, blocks, strict=True):
        z = made[f"head_z_{m}"] = rng.normal(size=(batch, block.shape[1]))
        made[f"head_logits_{m}"] = z @ block.T + bias / len(names)
        total = total + made[f"head_logits_{m}"]
    return made | {"head_weight": np.concatenate(blocks, axis=1), "head_logits": total}


def step(names, seed):
    """The toy's training step in plain torch: its keys for OGM, and its plain gradients."""
    generator = torch.Generator().manual_seed(seed)
    batch, classes, channels, alpha = 6, 3, 5, 0.7
    images = [torch.randn(batch, 1 + i, 5, 5, generator=generator) for i in range(len(names))]
    labels = torch.randint(classes, (batch,), generator=generator)
    weights = {"fusion_module.fc_out.bias": torch.randn(classes, generator=generator)}
    total = channels * len(names)
    weights["fusion_module.fc_out.weight"] = torch.randn(classes, total, generator=generator)
    for i, m in enumerate(names):
        weights[f"{m}_net.conv.weight"] = torch.randn(channels, 1 + i, 3, 3, generator=generator)
        weights[f"{m}_net.bn.weight"] = torch.rand(channels, generator=generator) + 0.5
        weights[f"{m}_net.bn.bias"] = torch.randn(channels, generator=generator)
    weights = {k: v.requires_grad_() for k, v in weights.items()}
    shares = toy_shares(weights, names, images)
    loss = nn.functional.cross_entropy(sum(shares), labels)
    grads = dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))
    logits = torch.stack(shares).detach().double().numpy()
    score, _, factor = modulation(logits, labels.numpy(), alpha)
    by_name = dict(zip([f"{m}_net" for m in names], factor, strict=True))
    made = {f"step_input_{m}": x for m, x in zip(names, images, strict=True)}
    made[f"step_input_{names[0]}"] = images[0][:, 0]  # the file lacks the channel axis
    made |= {f"step_param.{k}": v for k, v in weights.items()}
    made |= {f"step_grad_plain.{k}": g for k, g in grads.items()}
    slowed = {k: g * (by_name[k.split(".")[0]] if g.ndim == 4 else 1) for k, g in grads.items()}
    made |= {f"step_grad_ogm.{k}": g for k, g in slowed.items()}
    made |= {"step_labels": labels, "step_alpha": alpha, "step_score": score, "step_coeff": factor}
    return {k: np.asarray(v.detach() if torch.is_tensor(v) else v) for k, v in made.items()}, grads


def toy_shares(weights, names, images):
    bias = weights["fusion_module.fc_out.bias"] / len(names)
    shares = []
    blocks = weights["fusion_module.fc_out.weight"].chunk(len(names), dim=1)
    for m, x, block in zip(names, images, blocks, strict=True):
        h = nn.functional.conv2d(x, weights[f"{m}_net.conv.weight"], padding=1)
        mean, variance = h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)
        h = (h - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        scale, shift = weights[f"{m}_net.bn.weight"], weights[f"{m}_net.bn.bias"]
        h = (h * scale[:, None, None] + shift[:, None, None]).clamp(min=0)
        shares.append(h.mean((2, 3)) @ block.T + bias)
    return shares


def ogm_ge(names, seed):
    made, grads = step(names, seed)
    made = {k: v for k, v in made.items() if "grad_ogm" not in k}
    torch.manual_seed(seed + 5)  # as the released step, which draws from the global generator
    factor = dict(zip([f"{m}_net" for m in names], made["step_coeff"], strict=True))
    for m in names:
        key = f"{m}_net.conv.weight"
        sigma = grads[key].std().item() + 1e-8
        noise = torch.zeros_like(grads[key]).normal_(0, sigma)
        made[f"step_noise_std.{key}"] = np.array(sigma)
        made[f"step_grad_ge.{key}"] = (grads[key] * factor[f"{m}_net"] + noise).numpy()
    for key, gradient in grads.items():
        made.setdefault(f"step_grad_ge.{key}", gradient.numpy())
    rng = np.random.default_rng(seed)
    for i, shape in enumerate([(3, 4), (2, 2, 3, 3), (5,), (6, 1)]):
        gradient = made[f"grad{i}"] = rng.normal(size=shape)
        made[f"noise_std{i}"] = np.array(gradient.std(ddof=1) + 1e-8)
    return made | {"coeff": np.array(0.21), "step_torch_seed": np.array(seed + 5)}


def dimml(names, seed):
    generator = torch.Generator().manual_seed(seed)
    samples, width, classes, tau = 45, 7, 4, 3.0
    labels = torch.randint(classes - 1, (samples,), generator=generator)  # one class is absent
    offsets = torch.randn(len(names), classes, width, generator=generator, dtype=torch.float64)
    noise = torch.randn(len(names), samples, width, generator=generator, dtype=torch.float64)
    features = list(offsets[:, labels] + noise)
    sets = [plain.effective_set(z, labels, classes) for z in features]
    made = {"labels": labels}
    for m, z, chosen in zip(names, features, sets, strict=True):
        made |= {f"features_{m}": z, f"centroids_{m}": plain.centroids(z, labels, classes)}
        made[f"hit_rate_{m}"] = plain.hits(z, labels, classes).double() / samples
        made[f"effective_{m}"] = np.array(sorted(chosen), dtype=np.int64)
    for t, s in permutations(range(len(names)), 2):
        key = f"{names[t]}_only" if len(names) == 2 else f"{names[t]}_not_{names[s]}"
        made[key] = np.array(sorted(sets[t] - sets[s]), dtype=np.int64)
    batch = torch.randperm(samples, generator=generator)[:5]
    taken = [z[batch].requires_grad_() for z in features]
    loss = plain.duc(taken, sets, tau)
    grads = torch.autograd.grad(loss, taken)
    made |= {f"duc_grad_{m}": g for m, g in zip(names, grads, strict=True)}
    heads = torch.randn(len(names) + 1, 5, classes, generator=generator, dtype=torch.float64)
    made |= {"duc_batch": batch, "duc_temperature": tau, "duc_loss": loss.detach()}
    made |= {"clw_logits": heads, "clw_temperature": 0.3}
    made["clw_weights"] = plain.certainty_weight(list(heads), 0.3)
    made["clw_fused_logits"] = plain.mix(list(heads), 0.3)
    return {k: np.asarray(v.detach() if torch.is_tensor(v) else v) for k, v in made.items()}
