"""A golden file of MIDAS of other shapes, seeds and modalities, row by row."""

import torch

from tests.golden.made_linear_head import Head, cross_entropy, finished, probs

CASES = {"m2": (6, 3, 0.3), "m3": (5, 4, 2.0)}  # samples, classes, lambda
ETA = 0.07


def midas(names, seed):
    made = {}
    for case, (batch, classes, weight) in CASES.items():
        head = Head((*names, "third") if case == "m3" else names, seed, batch, classes)
        made |= finished(case, of_case(head, weight, released=len(head.names) == 2))
    return made


def of_case(head, weight, released):
    count, perm = len(head.names), torch.randperm(len(head.label), generator=head.draw)
    classes = len(head.bias)
    own = {m: (head.normal(classes, z.shape[1]), head.normal(classes)) for m, z in head.z.items()}
    alone = {m: head.z[m] @ w.T + b for m, (w, b) in own.items()}
    arrays = head.arrays() | {"perm": perm, "lam": number(weight), "eta": number(ETA)}
    arrays |= {f"own_weight_{m}": w for m, (w, _) in own.items()}
    arrays |= {f"own_bias_{m}": b for m, (_, b) in own.items()}
    sure = {
        m: torch.stack([probs(row)[y] for row, y in zip(u, head.label, strict=True)]).detach()
        for m, u in alone.items()
    }
    rows = {s: [row(head, sure, s, i, perm[i]) for i in range(len(perm))] for s in head.names}
    everything = [r for mix in rows.values() for r in mix]
    target, answer = (sum(r[k] for r in everything) / len(everything) for k in ("k", "q"))
    weak = int(target.argmin())
    alpha, after = torch.ones(2, count, dtype=torch.float64)
    alpha[weak] = 1.3
    after[weak] = 1.3 + (ETA if target[weak] > answer[weak] else -ETA)
    for s, mix in rows.items():
        for r in mix:
            r["loss"] = r["hardness"] * (alpha * r["k"] * r["ce"]).sum()
        stacked = {k: torch.stack([r[k] for r in mix]) for k in mix[0]}
        arrays |= {
            f"swap_{s}_{k}": stacked[k] for k in ("logits", "similarity", "hardness", "loss")
        }
        arrays |= {f"swap_{s}_target": stacked["k"].T, f"swap_{s}_ce": stacked["ce"].T}
        arrays |= {f"swap_{s}_labels": stacked["labels"].T, f"swap_{s}_predicted": stacked["p"].T}
    losses = torch.stack([cross_entropy(u, head.label) for u in alone.values()])
    align, mixes = cross_entropy(head.fused, head.label), sum(r["loss"] for r in everything)
    mixes = mixes / len(everything)
    total = align + losses.sum() / count + weight * mixes
    arrays |= {"logits_fused": head.fused, "logits_own": torch.stack(list(alone.values()))}
    arrays |= {"confidence": torch.stack(list(sure.values())), "loss_align": align}
    arrays |= {"loss_uni": losses, "loss_mis": mixes, "total": total, "alpha": alpha}
    arrays |= {"weak": torch.tensor(weak), "alpha_next": after, "mean_target": target}
    arrays |= {"mean_predicted": answer, "different": head.label != head.label[perm]}
    leaves = head.z | {"weight": head.weight, "bias": head.bias}
    leaves |= {f"own_weight_{m}": w for m, (w, _) in own.items()}
    found = torch.autograd.grad(total, list(leaves.values()))
    gradients = {f"grad_{k}": g for k, g in zip(leaves, found, strict=True)}
    if released:
        theirs = {k: g for k, g in gradients.items() if "own" not in k and "bias" not in k}
        arrays |= {f"ref_{k}": g for k, g in theirs.items()} | {"ref_total": total}
        arrays |= {"ref_weak": torch.tensor(1 - weak), "ref_alpha_next": number(1.3)}
        arrays["ref_equals_ours"] = torch.tensor(True)
    return arrays | gradients


def row(head, sure, swapped, i, j):
    """All of sample i whose modality `swapped` is sample j's."""
    origin = {m: j if m == swapped else i for m in head.names}
    logits = sum(head.part[m][origin[m]] for m in head.names) + head.bias
    labels = torch.stack([head.label[origin[m]] for m in head.names])
    confidence = torch.stack([sure[m][origin[m]] for m in head.names])
    p = torch.stack([probs(logits)[y] for y in labels])
    z, foreign = head.z[swapped][i].detach(), head.z[swapped][j].detach()
    similarity = (z * foreign).sum() / ((z * z).sum() * (foreign * foreign).sum()).sqrt()
    found = {"logits": logits, "labels": labels, "p": p, "ce": -p.log(), "similarity": similarity}
    found |= {"k": confidence / confidence.sum(), "q": (p / p.sum()).detach()}
    return found | {"hardness": 1 + (1 + similarity) / 2}


def number(value):
    return torch.tensor(value, dtype=torch.float64)
