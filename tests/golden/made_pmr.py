"""A golden file of PMR of other shapes, seeds and modalities, by plain formulas."""

import numpy as np
import torch

from tests.helpers import reference_pmr as plain


def pmr(names, seed):
    generator = torch.Generator().manual_seed(seed)
    epochs, samples, width, classes, size, used, old_weight = 3, 30, 4, 3, 6, 2, 0.3
    options = {"generator": generator, "dtype": torch.float64}
    labels = torch.arange(samples) % classes
    made = {"proto_labels": labels, "proto_batch_size": size, "proto_n_batches_used": used}
    made["proto_epsilon"] = old_weight
    offsets = torch.randn(len(names) + 1, classes, width, **options)
    prototypes = []
    for i, m in enumerate(names):
        features = offsets[i, labels] + torch.randn(epochs, samples, width, **options)
        taken, current, over_time = slice(size * used), {}, []
        for z in features:
            current = plain.renewed(current, z[taken], labels[taken], old_weight)
            over_time.append(torch.stack([current[k] for k in range(classes)]))
        prototypes.append(current)
        made |= {f"proto_features_{m}": features, f"proto_{m}": torch.stack(over_time)}
        made[f"proto_{m}_released"] = torch.stack(over_time).float()
    noise = [(1.0 + i) * torch.randn(7, width, **options) for i in range(len(names) + 1)]
    label = torch.randint(classes, (7,), generator=generator)
    z = [offsets[i, label] + n for i, n in enumerate(noise)]
    more = torch.randn(classes, width, **options)
    made |= case("batch", z[:-1], prototypes, label)
    made |= case("swapped", z[-2::-1], prototypes[::-1], label)
    made |= case("tie", z[:1] * len(names), prototypes[:1] * len(names), label)
    made |= case("three", z, [*prototypes, dict(enumerate(more))], label)
    made[f"three_proto{len(names)}"] = more
    return {k: np.asarray(v.detach() if torch.is_tensor(v) else v) for k, v in made.items()}


def case(name, features, prototypes, labels, alpha=1.3, mu=0.2):
    features = [z.clone().requires_grad_() for z in features]
    pairs = list(zip(features, prototypes, strict=True))
    parts = [plain.of_batch(z, c, labels) for z, c in pairs]
    score = torch.tensor([p[0] for p in parts], dtype=torch.float64)
    slow = plain.acceleration(score.tolist())
    made = {"labels": labels, "alpha": alpha, "mu": mu}
    made |= {"score": score, "accel": slow}
    made["pce"] = torch.stack([p[1] for p in parts])
    made["entropy"] = torch.stack([p[2] for p in parts])
    made["per_weight"] = plain.entropy_weight(score.tolist(), slow)
    if name != "three":
        made["rho"] = score[0] / score[1:]
        made["accel_released"] = [float(s < score.max()) for s in score]
    for key, look in (("distance", plain.distances), ("prob", plain.probabilities)):
        values = [[list(look(x, c).values()) for x in z] for z, c in pairs]
        made[key] = torch.stack([torch.stack([torch.stack(row) for row in m]) for m in values])
    for suffix, weight in (("", mu), ("_no_per", 0.0)):
        loss = plain.extra(features, prototypes, labels, alpha, weight)
        made[f"extra_loss{suffix}"] = loss
        for i, gradient in enumerate(torch.autograd.grad(loss, features)):
            made[f"grad_z{i}{suffix}"] = gradient
    made |= {f"z{i}": z for i, z in enumerate(features)}
    return {f"{name}_{k}": v for k, v in made.items()}
