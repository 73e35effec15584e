"""A golden file of Greedy of other shapes, seeds and modalities, by plain formulas. Speeds are of
two branches, as in the file's own format."""

import numpy as np

GROUPS = np.array([0, 0, 1, 2, 2, 3, 4])


def greedy(names, seed):
    rng = np.random.default_rng(seed)
    arrays = gates(rng, len(names)) | turns(rng)
    return {k: np.asarray(v) for k, v in arrays.items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gates(rng, count):
    batch, widths, ratio = 4, [2 + i for i in range(count)], 3
    total = sum(widths)
    hidden = 2 * total // ratio
    squeeze, shift = rng.normal(size=(hidden, total)), rng.normal(size=hidden)
    excite = [rng.normal(size=(w, hidden)) for w in widths]
    shifts = [rng.normal(size=w) for w in widths]
    care = [-1, 0, count - 1, 1, -1]
    arrays = {"mmtm_ratio": ratio, "mmtm_care": care}
    arrays |= {"mmtm_W_squeeze": squeeze, "mmtm_b_squeeze": shift}
    seen = [[] for _ in widths]
    for i in range(count):
        arrays |= {f"mmtm_W_excite{i}": excite[i], f"mmtm_b_excite{i}": shifts[i]}
    for t, cut in enumerate(care):
        shapes = [(batch, w, *[3, 2, 4][: (i + t) % 3]) for i, w in enumerate(widths)]
        maps = [rng.normal(size=s) for s in shapes]
        pooled = [x.reshape(*x.shape[:2], -1).mean(axis=2) for x in maps]
        e = np.maximum(np.concatenate(pooled, axis=1) @ squeeze.T + shift, 0)
        for i, x in enumerate(maps):
            gate = sigmoid(e @ excite[i].T + shifts[i])
            seen[i].append(gate)
            mean = np.concatenate(seen[i]).mean(axis=0)  # all batches have the same size
            used = np.broadcast_to(mean if cut == i else gate, gate.shape)
            arrays |= {f"mmtm_x{i}_t{t}": x, f"mmtm_gate{i}_t{t}": gate, f"mmtm_ravg{i}_t{t}": mean}
            arrays[f"mmtm_out{i}_t{t}"] = x * used.reshape(*gate.shape, *[1] * (x.ndim - 2))
    return arrays


def turns(rng):
    steps, alpha, window, per_epoch, start = 24, 0.08, 2, 5, 2
    weights, grads = rng.uniform(1, 2, (2, steps, len(GROUPS)))
    grads *= np.where(np.arange(steps)[:, None] < 12, 1 + (GROUPS == 2), 1 + 9 * (GROUPS == 3))
    sums, cut, left, last = np.zeros(4), None, 0, 0.0
    rows = {"acc": [], "apart": [], "ran": [], "turns": [], "care": []}
    for t in range(steps):
        rows["ran"].append(cut is not None)
        care = 0 if cut is None else cut
        if cut is None:
            for k, groups in enumerate(([2, 4], [3, 4], [0], [1])):
                own = np.isin(GROUPS, groups)
                sums[k] += grads[t, own].sum() / weights[t, own].sum()
            last = np.log10(sums[0] / sums[2]) - np.log10(sums[1] / sums[3])
            if t >= per_epoch * (start - 1) and abs(last) > alpha:
                cut, left = int(last < 0), window
                care = cut
        else:
            left -= 1
            cut = cut if left else None
        rows["acc"].append(sums.copy())
        rows["apart"].append(last)
        rows["turns"].append(cut is not None)
        rows["care"].append(care)
    arrays = {"param_group": GROUPS, "param_sqnorm": weights, "grad_sqnorm": grads}
    arrays |= {"alpha": alpha, "window": window, "steps_per_epoch": per_epoch, "start_epoch": start}
    arrays |= {"acc_bypass0_bypass1_main0_main1": rows["acc"], "d_speed_log10": rows["apart"]}
    arrays |= {"ran_in_rebalance": rows["ran"], "next_rebalance": rows["turns"]}
    return arrays | {"next_care": rows["care"]}
