"""A golden file of MCR of other shapes, seeds and modalities: every sample, permutation and pair of
rows by itself, with torch for the gradients alone."""

import torch

from tests.golden.made_linear_head import cross_entropy, finished, probs

# B, C, S, H, whether widths are equal, and lam, mu, con, tau, ceb, k.
CASES = {
    "even": (6, 4, 3, 5, True, (0.2, 0.05, 0.8, 0.4, 0.0, -1)),
    "odd": (5, 3, 2, 4, False, (0.5, 0.1, 1.0, 0.5, 0.7, -1)),
}
GAMES = {"greedy": -1, "ind": 0, "colab": 1}


def mcr(names, seed):
    made = {}
    for case, (batch, classes, count, hidden, equal, factors) in CASES.items():
        draw = torch.Generator().manual_seed(70 * seed + batch)
        keys = ("lam", "mu", "con", "tau", "ceb")
        arrays = {
            k: torch.tensor(f, dtype=torch.float64) for k, f in zip(keys, factors, strict=False)
        }
        arrays |= {"k": torch.tensor(factors[-1]), "labels": torch.arange(batch) % (classes - 1)}
        arrays["perms"] = torch.rand(count, batch, generator=draw).argsort(dim=1)
        width = 2 if equal else 0
        z = {m: normal(draw, batch, width or 2 + i) for i, m in enumerate(names)}
        total = sum(one.shape[1] for one in z.values())
        arrays |= {f"features_{m}": one for m, one in z.items()}
        arrays |= {"weight": normal(draw, classes, total), "bias": normal(draw, classes)}
        for m, one in z.items():
            arrays[f"own_weight_{m}"] = normal(draw, classes, one.shape[1])
            arrays[f"own_bias_{m}"] = normal(draw, classes)
        arrays |= {"recon_in": normal(draw, hidden, classes)}
        arrays |= {"recon_out": normal(draw, total, hidden)}
        made |= finished(case, arrays | outcomes(names, arrays, equal))
    return made


def normal(draw, *shape):
    return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()


def outcomes(names, a, equal):
    z = {m: a[f"features_{m}"] for m in names}
    blocks = dict(
        zip(names, a["weight"].split([one.shape[1] for one in z.values()], 1), strict=True)
    )
    part = {m: z[m] @ blocks[m].T for m in names}
    fused, label = sum(part.values()) + a["bias"], a["labels"]
    own = [z[m] @ a[f"own_weight_{m}"].T + a[f"own_bias_{m}"] for m in names]
    losses = torch.stack([cross_entropy(u, label) for u in own])
    score = [importance(part, j, a["bias"], fused, a["perms"]) for j in names]
    made = {"jsd": torch.stack(score), "logits_fused": fused, "logits_uni": torch.stack(own)}
    made |= {"loss_fused": cross_entropy(fused, label), "loss_uni": losses}
    leaves = z | {"weight": a["weight"], "bias": a["bias"]}
    values = {game: played(part, a, fused, k) for game, k in GAMES.items()}
    for game, value in values.items():
        made |= {f"{game}_value": value} | gradients(value, leaves, f"{game}_")
    if len(names) == 2:
        made |= gradients(values["greedy"], leaves, "released_greedy_")
    made["reconstruction"] = remade(z, fused, a)
    total = made["loss_fused"] + a["mu"] * losses.sum() + a["lam"] * values["greedy"]
    total = total + a["ceb"] * remade(z, fused.detach(), a)
    if equal:
        made["contrastive"] = aligned(list(z.values()), label, a["tau"])
        made |= gradients(made["contrastive"], z, "contrastive_")
        total = total + a["con"] * made["contrastive"]
    kept = ("recon_in", "recon_out", *(f"own_weight_{m}" for m in names))
    made |= gradients(total, leaves | {k: a[k] for k in kept}, "")
    return made | {"total": total}


def gradients(value, leaves, prefix):
    found = torch.autograd.grad(
        value, list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return {f"{prefix}grad_{key}": g for key, g in zip(leaves, found, strict=True)}


def importance(part, j, bias, fused, orders):
    apart = []
    for order in orders:
        for i, other in enumerate(order):
            moved = sum(c[other if m == j else i] for m, c in part.items()) + bias
            p, q = probs(fused[i]), probs(moved)
            middle = (p + q) / 2
            apart.append((p * (p / middle).log() + q * (q / middle).log()).sum() / 2)
    return sum(apart) / len(apart)


def played(part, a, fused, k):
    total = 0
    for player in part:
        seen = {m: c if m == player else c.detach() for m, c in part.items()}
        for j in part:
            factor = 1 if j == player else k / (len(part) - 1)
            bias = a["bias"].detach()
            total = total - factor * importance(seen, j, bias, fused.detach(), a["perms"])
    return total


def aligned(features, label, tau):
    rows = [row / row.norm() for z in features for row in z]
    names = [y for _ in features for y in label.tolist()]
    losses = []
    for i, row in enumerate(rows):
        others = sum(
            (row @ r / tau).exp() for r, y in zip(rows, names, strict=True) if y != names[i]
        )
        for j, r in enumerate(rows):
            if j != i and names[j] == names[i]:
                alike = (row @ r / tau).exp()
                losses.append(-(alike / (alike + others)).log())
    return sum(losses) / len(losses)


def remade(z, logits, a):
    again = torch.relu(logits @ a["recon_in"].T) @ a["recon_out"].T
    return ((again - torch.cat(list(z.values()), dim=1)) ** 2).mean()
