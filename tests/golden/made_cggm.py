"""Golden files of CGGM, of other shapes, seeds and modalities: gradients of gradients by torch."""

import torch

BATCH, CLASSES, STEPS = 6, 3, 4


def normal(draw, *shape):
    return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()


def cross_entropy(u, label):
    return (u.exp().sum(dim=1).log() - u[range(len(label)), label]).mean()


def right(u, label):
    return sum(float(row.argmax() == y) for row, y in zip(u, label, strict=True)) / len(label)


def shares(now, before):
    gains = [a - b for a, b in zip(now, before, strict=True)]
    return [(sum(gains) + 1e-8 - g) / (sum(gains) + 1e-8) for g in gains]


def cosine(a, b):
    return (a * b).sum() / ((a * a).sum() * (b * b).sum()).sqrt()


def cggm(names, seed):
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for case, members in {"few": names, "many": (*names, "more")}.items():
        made |= {f"{case}_{k}": v for k, v in step(members, draw).items()}
    for i, count in enumerate((2, 3, 3)):
        now, before = torch.rand(2, count, generator=draw, dtype=torch.float64)
        arrays = {"accuracy": now, "accuracy_before": before}
        arrays["factors_raw"] = torch.tensor(shares(now, before), dtype=torch.float64)
        made |= {f"f_{i}_{k}": v for k, v in arrays.items()}
    made |= {f"step_{k}": v for k, v in released(names, draw).items()}
    return {k: torch.as_tensor(v).detach().numpy() for k, v in made.items()}


def step(names, draw):
    widths = [3 + i for i in range(len(names))]
    z, w = ([normal(draw, n, d) for d in widths] for n in (BATCH, CLASSES))
    v, c = [normal(draw, CLASSES, d) for d in widths], [normal(draw, CLASSES) for _ in names]
    b, label = normal(draw, CLASSES), torch.arange(BATCH) % CLASSES
    rho, lam, limit = 1.2, 0.4, 0.7
    fused = sum(x @ block.T for x, block in zip(z, w, strict=True)) + b
    side = [x.detach() @ y.T + a for x, y, a in zip(z, v, c, strict=True)]
    losses = [cross_entropy(u, label) for u in side]
    loss = cross_entropy(fused, label)
    before = [0.1 * (i + 1) for i in range(len(names))]
    now = [right(u, label) for u in side]
    raw = torch.tensor(shares(now, before), dtype=torch.float64)
    k = torch.tensor([min(limit, max(-limit, r)) for r in raw], dtype=torch.float64)
    ours = torch.autograd.grad(loss, w, create_graph=True)
    theirs = torch.autograd.grad(sum(losses), v, retain_graph=True)
    cosines = torch.stack([cosine(g, h) for g, h in zip(ours, theirs, strict=True)])
    direction = sum(abs(f) - f * x for f, x in zip(k, cosines, strict=True)) / len(names)
    total = loss + lam * direction
    grads = torch.autograd.grad(total, [*z, *w, b])
    arrays = {"weight": torch.cat(w, dim=1), "bias": b, "labels": label}
    arrays |= {"rho": rho, "lam": lam, "limit": limit}
    arrays |= {"accuracy_before": torch.tensor(before, dtype=torch.float64)}
    arrays |= {"accuracy": torch.tensor(now, dtype=torch.float64), "factors_raw": raw}
    arrays |= {"factors": k, "side_logits": torch.stack(side), "logits_fused": fused}
    arrays |= {"cosine": cosines, "loss_fused": loss, "loss_direction": direction, "total": total}
    arrays |= {"loss_side": torch.stack(losses), "grad_bias": grads[-1]}
    arrays["grad_weight"] = torch.cat(grads[len(z) : -1], dim=1)
    for i, m in enumerate(names):
        arrays |= {f"features_{m}": z[i], f"side_weight_{m}": v[i], f"side_bias_{m}": c[i]}
        arrays |= {f"grad_{m}_unscaled": grads[i], f"grad_{m}": rho * k[i] * grads[i]}
        arrays[f"grad_side_weight_{m}"] = theirs[i]
    return doubles(arrays)


def doubles(arrays):
    return {
        k: torch.tensor(a, dtype=torch.float64) if isinstance(a, float) else a
        for k, a in arrays.items()
    }


RECIPE = {"lr": 0.2, "side_lr": 0.1, "clip": 0.6, "rho": 1.2, "lam": 0.7}


def released(names, draw):
    """The released loop: its loss of directions compares weights, and comes one batch later."""
    x = [normal(draw, STEPS, BATCH, 2 + i).detach() for i in range(len(names))]
    labels = torch.randint(CLASSES, (STEPS, BATCH), generator=draw)
    p = network(names, draw)
    arrays = {f"x_{m}": a for m, a in zip(names, x, strict=True)} | {"labels": labels} | RECIPE
    arrays |= {f"before_{k}": a for k, a in p.items()}
    now, late, factors, accuracies = [0.0] * len(names), 0, [], []
    for t, label in enumerate(labels):
        before = now
        fused, side = answers(p, {m: a[t] for m, a in zip(names, x, strict=True)})
        now = [right(u, label) for u in side]
        k = shares(now, before)
        loss = cross_entropy(fused, label) + sum(cross_entropy(u, label) for u in side)
        grads = dict(zip(p, torch.autograd.grad(loss, list(p.values())), strict=True))
        grads["out_layer_weight"] = grads["out_layer_weight"] + RECIPE["lam"] * late
        late = pull(p, dict(zip(names, k, strict=True)))
        p = updated(p, grads, dict(zip(names, k, strict=True)))
        factors.append(k)
        accuracies.append(now)
    arrays |= {f"ref_after_{k}": a for k, a in p.items()}
    arrays["ref_factors"] = torch.tensor(factors, dtype=torch.float64)
    arrays["ref_accuracy"] = torch.tensor(accuracies, dtype=torch.float64)
    return doubles(arrays)


def network(names, draw, width=4):
    p = {}
    for i, m in enumerate(names):
        p[f"encoders_{m}_weight"] = normal(draw, width, 2 + i)
        p[f"encoders_{m}_bias"] = normal(draw, width)
    for layer in ("out_layer", *(f"side_classifers_{m}_out_layer" for m in names)):
        p[f"{layer}_weight"] = normal(draw, CLASSES, width)
        p[f"{layer}_bias"] = normal(draw, CLASSES)
    return p


def answers(p, x):
    """Fused logits, and those of the classifiers, which encoders do not feel."""
    z = {
        m: (a @ p[f"encoders_{m}_weight"].T + p[f"encoders_{m}_bias"]).tanh() for m, a in x.items()
    }
    fused = sum(z.values()) @ p["out_layer_weight"].T + p["out_layer_bias"]
    sides = {m: f"side_classifers_{m}_out_layer" for m in x}
    return fused, [z[m].detach() @ p[f"{s}_weight"].T + p[f"{s}_bias"] for m, s in sides.items()]


def pull(p, factor):
    """The gradient of the directions' loss on the fused weight."""
    weight = p["out_layer_weight"]
    sides = {m: p[f"side_classifers_{m}_out_layer_weight"] for m in factor}
    losses = [abs(k) - k * cosine(weight, sides[m]) for m, k in factor.items()]
    return torch.autograd.grad(sum(losses) / len(losses), weight)[0]


def updated(p, grads, factor):
    for m, k in factor.items():
        for part in ("weight", "bias"):
            grads[f"encoders_{m}_{part}"] = RECIPE["rho"] * k * grads[f"encoders_{m}_{part}"]
    squares = sum((g * g).sum() for n, g in grads.items() if not n.startswith("side"))
    bound = min(1.0, RECIPE["clip"] / (float(squares) ** 0.5 + 1e-6))
    rates = {n: RECIPE["side_lr"] if n.startswith("side") else RECIPE["lr"] * bound for n in p}
    return {n: (a - rates[n] * grads[n]).detach().requires_grad_() for n, a in p.items()}
