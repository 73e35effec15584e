"""A golden file of G2D of other shapes, seeds and modalities: every sample by itself, with torch
for the gradients alone."""

import torch

from tests.golden.made_linear_head import cross_entropy, finished, probs

CASES = {"few": (7, 4, 1.0, 1.0, 1.0), "many": (10, 3, 0.7, 1.6, 2.5)}  # B, C, alpha, beta, tau
SCHEDULES = {
    "m2": (2, 14, 7),
    "m3": (3, 10, 5),
    "odd": (3, 8, 3),
    "none": (2, 4, 0),
}  # M, epochs, n


def g2d(names, seed):
    made = {}
    for case, (batch, classes, *factors) in CASES.items():
        draw = torch.Generator().manual_seed(50 * seed + batch)
        label = torch.randint(classes, (batch,), generator=draw)
        made |= finished(case, {"labels": label} | of_case(names, label, classes, factors, draw))
    for name, (modalities, epochs, prioritized) in SCHEDULES.items():
        ends = [prioritized * (q + 1) / (modalities - 1) for q in range(modalities - 1)]
        parts = [next((q for q, e in enumerate(ends) if epoch < e), -1) for epoch in range(epochs)]
        made |= finished("schedule", {name: torch.tensor(parts)})
    return made


def of_case(names, label, classes, factors, draw):
    alpha, beta, tau = (torch.tensor(f, dtype=torch.float64) for f in factors)
    arrays, leaves, unimodal, features, taught = {}, {}, [], [], []
    for i, m in enumerate(names):
        z, t = normal(draw, len(label), 3 + i), normal(draw, len(label), 3 + i)
        w, b, v = (
            normal(draw, classes, 3 + i),
            normal(draw, classes),
            normal(draw, len(label), classes),
        )
        arrays |= {f"features_{m}": z, f"teacher_features_{m}": t, f"teacher_logits_{m}": v}
        leaves |= {f"grad_{m}": z, f"grad_weight_{m}": w, f"grad_bias_{m}": b}
        unimodal.append(torch.stack([w @ row + b for row in z]))
        features.append(((z - t) ** 2).sum() / z.numel())
        taught.append(v)
        arrays |= {f"weight_{m}": w, f"bias_{m}": b}
    fused = sum(unimodal) / len(names)
    task, feature = cross_entropy(fused, label), torch.stack(features)
    logit = torch.stack([tau**2 * divergence(v / tau, fused / tau) for v in taught])
    total = task + alpha * feature.sum() + beta * logit.sum()
    arrays |= {"alpha": alpha, "beta": beta, "tau": tau, "logits_uni": torch.stack(unimodal)}
    arrays |= {"logits_fused": fused, "loss_task": task, "loss_feature": feature}
    arrays |= {"loss_logit": logit, "total": total}
    arrays |= dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))
    for who, answers in (("teacher", taught), ("student", unimodal)):
        means = [sum(probs(row)[y] for row, y in zip(u, label, strict=True)) for u in answers]
        arrays[f"{who}_score"] = torch.stack(means) / len(label)
    order = sorted(range(len(names)), key=arrays["teacher_score"].tolist().__getitem__)
    keep = [[float(i == learner) for i in range(len(names))] for learner in order]
    keep = torch.tensor(keep, dtype=torch.float64)
    arrays |= {"order": torch.tensor(order), "keep_by_rank": keep}
    return arrays | ({"ref_coefficients": keep[0]} if len(names) == 2 else {})


def normal(draw, *shape):
    return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()


def divergence(target, logits):
    """The mean over samples of KL(softmax(target) || softmax(logits))."""
    rows = [(probs(t), probs(f)) for t, f in zip(target, logits, strict=True)]
    return sum((p * (p.log() - q.log())).sum() for p, q in rows) / len(rows)
