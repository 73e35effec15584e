"""A golden file of statistics of another shape, by plain loops over numbers and by scipy."""

from itertools import product

import numpy as np
from scipy import stats

SEED = 14


def metrics_stats(names, seed):
    """key -> array; as many methods as `names`, and one. Kept clear of ties."""
    rng = np.random.default_rng(seed)
    methods, seeds, datasets = len(names) + 1, 4, 7
    scores = rng.uniform(0.4, 0.8, datasets) + 0.03 * rng.normal(size=(methods, seeds, datasets))
    scores += 0.02 * np.arange(methods)[:, None, None]
    made = {"scores": scores, "mean": scores.mean(axis=1), "std": scores.std(axis=1, ddof=1)}
    made["sem"] = made["std"] / np.sqrt(seeds)
    made["t_half_width"] = made["sem"] * stats.t.ppf(0.975, seeds - 1)
    made["iqm"] = [stats.trim_mean(one.ravel(), 0.25) for one in scores]
    made["agg_mean"] = [one.mean() for one in scores]
    made["prob_improvement"] = [[beats(a, b) for b in scores] for a in scores]
    made |= bootstrap(rng, scores[-1]) | over_datasets(scores.mean(axis=1)) | posterior(scores)
    made["cliffs_delta"] = [delta(one[:, 0], scores[0, :, 0]) for one in scores[1:]]
    return {k: np.asarray(v) for k, v in made.items()}


def beats(a, b):
    wins = [(x > y) + (x == y) / 2 for t in range(a.shape[1]) for x, y in product(a[:, t], b[:, t])]
    return np.mean(wins)


def delta(a, b):
    return np.mean([np.sign(x - y) for x, y in product(a, b)])


def bootstrap(rng, scores):
    index = rng.integers(len(scores), size=(50, *scores.shape))
    found = []
    for rows in index:
        drawn = [scores[rows[s, t], t] for s, t in np.ndindex(*scores.shape)]
        found.append((stats.trim_mean(drawn, 0.25), np.mean(drawn)))
    ends = np.percentile(found, [2.5, 97.5], axis=0)
    return {"boot_index": index, "boot_stats": found, "boot_ci": ends}


def adjusted(p):
    found, running = np.zeros(len(p)), 0.0
    for rank, i in enumerate(np.argsort(p)):
        running = max(running, (len(p) - rank) * p[i])
        found[i] = min(running, 1.0)
    return found


def over_datasets(means):
    methods, datasets = means.shape
    t = [stats.ttest_rel(one, means[0]).pvalue for one in means[1:]]
    w = [stats.wilcoxon(one - means[0], method="exact").pvalue for one in means[1:]]
    made = {"ttest_p": t, "wilcoxon_p": w, "holm_t": adjusted(t), "holm_w": adjusted(w)}
    made |= {"wilcoxon_min_p": 2 / 2**datasets, "ranks": stats.rankdata(-means, axis=0)}
    made["mean_ranks"] = made["ranks"].mean(axis=1)
    chi2, p = stats.friedmanchisquare(*means)
    f = (datasets - 1) * chi2 / (datasets * (methods - 1) - chi2)
    freedom = methods - 1, (methods - 1) * (datasets - 1)
    made |= {"friedman_chi2": chi2, "friedman_p": p}
    made |= {"iman_davenport_f": f, "iman_davenport_p": stats.f.sf(f, *freedom)}
    return made


def posterior(scores):
    means = scores.mean(axis=1)
    found = [shares(row - means[0], 4000) for row in means[1:]]
    each = [np.bincount(one.argmax(axis=1), minlength=3) / 4000 for one in found]
    sample = shares(means[-1] - means[0], 50)
    return {"bsr_seed": np.array(SEED), "bsr_rope": each, "bsr_sample": sample}


def shares(differences, count, rope=0.01):
    z = [0.0, *differences]
    weights = np.random.RandomState(SEED).dirichlet([0.5, *np.ones(len(differences))], count)
    found = np.zeros((count, 3))
    for i, j in product(range(len(z)), repeat=2):
        place = 1 + (z[i] + z[j] > 2 * rope) - (z[i] + z[j] < -2 * rope)
        found[:, place] += weights[:, i] * weights[:, j]
    return found
