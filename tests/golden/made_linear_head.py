"""Golden files of losses on one linear head, of other shapes, seeds and modalities: every sample by
itself, with torch for the gradients alone."""

from itertools import combinations, pairwise

import torch

CASES = {"few": (9, 4), "many": (11, 3)}  # samples, classes


class Head:
    """One case: features, a head, and u_m of every modality."""

    def __init__(self, names, seed, batch, classes):
        draw = torch.Generator().manual_seed(100 * seed + batch)
        self.draw, self.names, self.label = draw, names, torch.arange(batch) % classes
        self.z = {m: self.normal(batch, 3 + 2 * i) for i, m in enumerate(names)}
        self.weight = self.normal(classes, sum(z.shape[1] for z in self.z.values()))
        self.bias = self.normal(classes)
        blocks = self.weight.split([z.shape[1] for z in self.z.values()], dim=1)
        self.part = {m: self.z[m] @ w.T for m, w in zip(names, blocks, strict=True)}  # W_m z_m
        self.u = [self.part[m] + self.bias / len(names) for m in names]
        self.fused = sum(self.part.values()) + self.bias

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.draw, dtype=torch.float64).requires_grad_()

    def arrays(self):
        arrays = {f"features_{m}": z for m, z in self.z.items()}
        return arrays | {"weight": self.weight, "bias": self.bias, "labels": self.label}

    def gradients(self, source, total):
        leaves = self.z | {"weight": self.weight, "bias": self.bias}
        found = torch.autograd.grad(total, list(leaves.values()), retain_graph=True)
        arrays = {f"{source}_grad_{k}": g for k, g in zip(leaves, found, strict=True)}
        return arrays | {f"{source}_total": total}


def probs(logits):
    return logits.exp() / logits.exp().sum()


def cross_entropy(logits, label):
    rows = zip(logits, label, strict=True)
    return torch.stack([-probs(row)[y].log() for row, y in rows]).mean()


def finished(case, arrays):
    return {f"{case}_{k}": v.detach().numpy() for k, v in arrays.items()}


def mbsd(names, seed):
    made = {}
    for case, sizes in CASES.items():
        head = Head(names, seed, *sizes)
        arrays = head.arrays()
        arrays["ref_logits_fused"], arrays["ref_logits_uni"] = head.fused, torch.stack(head.u)
        joint = cross_entropy(head.fused, head.label)
        own = torch.stack([cross_entropy(u, head.label) for u in head.u])
        arrays |= {"ref_ce_fused": joint, "ref_ce_uni": own}
        rows = [
            [pair(j[i], k[i], y, len(names)) for i, y in enumerate(head.label)]
            for j, k in combinations(head.u, 2)
        ]
        weights = [torch.stack([one["weight"] for one in row]) for row in rows]
        arrays["ref_pair_weights"] = torch.stack(weights)
        for source, keys in {"ours": ("kl", "rs"), "ref": ("ref_kl", "ref_rs")}.items():
            kl, rs = (torch.stack([o[k] for row in rows for o in row]).mean() for k in keys)
            arrays |= {f"{source}_kl": kl, f"{source}_rs": rs}
            arrays |= head.gradients(source, joint + own.sum() + kl + rs)
        made |= finished(case, arrays)
    return made


def pair(first, second, y, modalities):
    """Of one sample: the weight and both terms, ours and as released."""
    p, q = probs(first), probs(second)
    weight = abs(p[y] - q[y]) * float(y in (p.argmax(), q.argmax()))
    low, high = sorted((p[y], q[y]))
    teacher, student = (first, second) if p[y] >= q[y] else (second, first)
    t, r, w = teacher.detach(), student, weight.detach()
    apart = (first - second) if modalities == 2 else (p - q)
    return {
        "weight": w,
        "kl": w * (probs(t) * (probs(t).log() - probs(r).log())).sum(),
        "rs": w * ((r - t) ** 2).sum() / len(t),
        "ref_kl": weight * low * (low.log() - high),
        "ref_rs": weight * (apart**2).sum() / len(t),
    }


def cml(names, seed):
    made, factor = {}, torch.tensor(0.6, dtype=torch.float64)
    for case, sizes in CASES.items():
        head = Head(names, seed, *sizes)
        arrays = head.arrays() | {"lam": factor}
        own = [torch.randperm(len(names), generator=head.draw)[:-1] for _ in head.label]
        arrays["order"], arrays["ref_order"] = torch.stack(own), torch.arange(len(names) - 1)
        for source, order in {"ours": own, "ref": [arrays["ref_order"]] * len(own)}.items():
            rows = [links(head, i, removed.tolist()) for i, removed in enumerate(order)]
            chain = torch.stack(rows, dim=1)  # [M, B, C]
            sure = torch.stack([torch.stack([probs(f).max() for f in row]) for row in rows], dim=1)
            losses = torch.stack([cross_entropy(f, head.label) for f in chain])
            rises = [[now - before for before, now in pairwise(row)] for row in sure.T]
            whole = sum(max(r, 0 * r) for row in rises for r in row)
            batch = sum(max(s, 0 * s) for s in map(sum, zip(*rises, strict=True)))
            arrays |= {f"{source}_logits": chain, f"{source}_conf": sure, f"{source}_ce": losses}
            arrays[f"{source}_pred"] = chain.argmax(dim=2)
            arrays[f"{source}_pen_batch_hinge"] = batch
            if source == "ours":
                hinges = [torch.stack([max(r, 0 * r) for r in row]) for row in rises]
                arrays["ours_hinge_per_sample"] = torch.stack(hinges, dim=1)
                arrays["ours_pen_sample_sum"] = whole
            penalty = whole if source == "ours" else batch
            arrays |= head.gradients(source, losses.mean() + factor * penalty)
        made |= finished(case, arrays)
    return made


def links(head, i, removed):
    """The answers for one sample, first with all modalities, then without more and more."""
    answers = []
    for gone in range(len(removed) + 1):
        kept = [m for k, m in enumerate(head.names) if k not in removed[:gone]]
        answers.append(sum(head.part[m][i] for m in kept) + head.bias)
    return torch.stack(answers)
