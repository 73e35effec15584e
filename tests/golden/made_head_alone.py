"""Golden files of methods that read single modalities from the fusion head, of other shapes, seeds
and modalities: gradients written out, in NumPy."""

import numpy as np

BATCH, CLASSES, STEPS = 5, 3, 3


def softmax(u):
    e = np.exp(u - u.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(u, y):
    return -np.log(softmax(u)[np.arange(len(y)), y]).mean()


def pull(u, y):
    """The gradient of the mean cross-entropy, [B, C]."""
    return (softmax(u) - np.eye(u.shape[1])[y]) / len(y)


class Head:
    """Features z, blocks w and biases b in lists, one of each modality; of a concatenation each
    bias is the whole one."""

    def __init__(self, z, w, b, y, added=False):
        self.z, self.w, self.y, self.added = z, w, y, added
        self.part = [x @ block.T for x, block in zip(z, w, strict=True)]
        self.alone = [p + own for p, own in zip(self.part, b, strict=True)]
        self.fused = sum(self.part) + (sum(b) if added else b[0])
        self.pulls = [pull(u, y) for u in self.alone]

    def losses(self):
        return cross_entropy(self.fused, self.y), np.array(
            [cross_entropy(u, self.y) for u in self.alone]
        )

    def gradients(self, fused, alone, fused_to_encoder, uni_to_head):
        """Of z, w and b, lists as above, of fused * CE(f) + alone * sum_m CE(u_m), where the first
        reaches the encoders and the second the head, or does not."""
        whole = fused * pull(self.fused, self.y)
        z, w, b = [], [], []
        for x, block, own in zip(self.z, self.w, self.pulls, strict=True):
            z.append((fused_to_encoder * whole + alone * own) @ block)
            w.append((whole + uni_to_head * alone * own).T @ x)
            b.append((whole + uni_to_head * alone * own).sum(axis=0))
        if not self.added:
            total = whole.sum(axis=0)
            b = [total + uni_to_head * alone * sum(self.pulls).sum(axis=0)] * len(b)
        return z, w, b


def concatenated(names, rng):
    z = [rng.normal(size=(BATCH, 3 + i)) for i in range(len(names))]
    w = [rng.normal(size=(CLASSES, x.shape[1])) for x in z]
    head = Head(z, w, [rng.normal(size=CLASSES)] * len(names), np.arange(BATCH) % CLASSES)
    head.bias = head.alone[0][0] - head.part[0][0]
    arrays = {f"features_{m}": x for m, x in zip(names, z, strict=True)}
    return head, arrays | {"weight": np.hstack(w), "bias": head.bias, "labels": head.y}


def named(names, gradients):
    """A concatenation's, by the file's names."""
    z, w, b = gradients
    arrays = {f"grad_{m}": g for m, g in zip(names, z, strict=True)}
    return arrays | {"grad_weight": np.hstack(w), "grad_bias": b[0]}


def prefixed(prefix, arrays):
    return {f"{prefix}_{k}": np.asarray(v) for k, v in arrays.items()}


def dgl(names, seed):
    rng = np.random.default_rng(seed)
    made = {}
    for case, members in {"few": names, "many": (*names, "more")}.items():
        head, arrays = concatenated(members, rng)
        alpha = arrays["alpha"] = rng.uniform(1, 3)
        joint, losses = head.losses()
        found = {"logits_fused": head.fused, "logits_uni": np.array(head.alone)}
        found |= {"loss_fused": joint, "loss_uni": losses}
        found |= named(members, head.gradients(1, alpha, False, False))
        arrays |= found | {"total": joint + alpha * losses.sum()}
        if case == "few":
            arrays |= prefixed("ref", found)
            for ablation, how in {
                "fused_to_encoder": (True, False),
                "uni_to_head": (False, True),
            }.items():
                arrays |= prefixed(ablation, named(members, head.gradients(1, alpha, *how)))
        made |= prefixed(case, arrays)
    return made | dgl_sum(names, rng) | dgl_steps(names, rng)


def dgl_sum(names, rng):
    z = [rng.normal(size=(BATCH, 4)) for _ in names]
    w = [rng.normal(size=(CLASSES, 4)) for _ in names]
    b = [rng.normal(size=CLASSES) for _ in names]
    head = Head(z, w, b, np.arange(BATCH) % CLASSES, added=True)
    arrays = {"alpha": 1.7, "labels": head.y}
    arrays |= {f"features_{m}": x for m, x in zip(names, z, strict=True)}
    arrays |= {"ref_logits_fused": head.fused, "ref_logits_uni": np.array(head.alone)}
    grads = head.gradients(1, 1.7, False, False)
    arrays |= {f"ref_grad_{m}": g for m, g in zip(names, grads[0], strict=True)}
    for i in range(len(names)):
        arrays |= {f"weight_{i}": w[i], f"bias_{i}": b[i]}
        arrays |= {f"ref_grad_weight_{i}": grads[1][i], f"ref_grad_bias_{i}": grads[2][i]}
    return prefixed("sum", arrays)


class Network:
    """Encoders tanh(A x + a) and a linear head, trained by plain SGD with momentum, decay and a
    clip."""

    def __init__(self, names, rng):
        self.names = names
        self.p = {}
        for i, m in enumerate(names):
            self.p[f"{m}_weight"] = rng.normal(size=(4, 2 + i))
            self.p[f"{m}_bias"] = rng.normal(size=4)
        self.p["head_weight"] = rng.normal(size=(CLASSES, 4 * len(names)))
        self.p["head_bias"] = rng.normal(size=CLASSES)
        self.velocity = dict.fromkeys(self.p, 0)
        self.x = [rng.normal(size=(STEPS, BATCH, 2 + i)) for i in range(len(names))]
        self.y = rng.integers(CLASSES, size=(STEPS, BATCH))

    def head(self, t):
        p = self.p
        z = [
            np.tanh(x[t] @ p[f"{m}_weight"].T + p[f"{m}_bias"])
            for m, x in zip(self.names, self.x, strict=True)
        ]
        blocks = np.split(p["head_weight"], len(z), axis=1)
        return Head(z, blocks, [p["head_bias"]] * len(z), self.y[t])

    def gradients(self, t, head, of_features, w, b):
        found = {"head_weight": np.hstack(w), "head_bias": b[0]}
        for m, x, z, g in zip(self.names, self.x, head.z, of_features, strict=True):
            inner = g * (1 - z**2)
            found |= {f"{m}_weight": inner.T @ x[t], f"{m}_bias": inner.sum(axis=0)}
        return found

    def update(self, gradients, lr, momentum, decay, clip):
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        factor = min(1, clip / (norm + 1e-6))
        for k, p in self.p.items():
            self.velocity[k] = momentum * self.velocity[k] + factor * gradients[k] + decay * p
            self.p[k] = p - lr * self.velocity[k]

    def arrays(self, when):
        return {f"{when}_{k}": p.copy() for k, p in self.p.items()}

    def inputs(self):
        given = {f"x_{m}": x for m, x in zip(self.names, self.x, strict=True)}
        return given | {"labels": self.y} | self.arrays("before")


def dgl_steps(names, rng):
    network, losses = Network(names, rng), []
    recipe = {"lr": 0.1, "momentum": 0.2, "weight_decay": 1e-3, "clip": 0.9}
    arrays = network.inputs() | recipe | {"alpha": 2.0}
    for t in range(STEPS):
        head = network.head(t)
        joint, own = head.losses()
        losses.append([joint, *own])
        gradients = network.gradients(t, head, *head.gradients(1, 2.0, False, False))
        network.update(gradients, *recipe.values())
    arrays["mean_losses"] = np.mean(losses, axis=0)
    return prefixed("step", arrays | network.arrays("after"))


def factors(logits, temperature):
    """ARL's, of logits [M, B, C], with all on the way to them."""
    count = len(logits)
    size = np.array([np.abs(u).sum() for u in logits])
    d = size / size.sum()
    probs = [softmax(u) for u in logits]
    entropy = np.array([-(p * np.log(p)).sum() / len(p) for p in probs])
    share = np.array([max(h, 0.6 / count) for h in entropy / entropy.sum()])
    w = 1 / share / (1 / share).sum()
    score = w * (1 - d) / (count - 1)
    kappa = softmax(temperature * score)
    keys = ("dependence", "entropy", "entropy_share", "certainty", "score", "kappa")
    return dict(zip(keys, (d, entropy, share, w, score, kappa), strict=True))


def arl(names, seed):
    rng = np.random.default_rng(seed)
    made = {}
    for count in (2, 4):
        logits = 6 * rng.normal(size=(count, BATCH, CLASSES))
        logits[0] /= 6  # so that the others' entropies are below the floor
        arrays = {"logits": logits, "temperature": 3.0} | factors(logits, 3.0)
        made |= prefixed(f"given{count}", arrays)
    for case, members in {"few": names, "many": (*names, "more")}.items():
        head, arrays = concatenated(members, rng)
        joint, losses = head.losses()
        found = factors(np.array(head.alone), 5.0)
        arrays |= {"gamma": 2.5, "temperature": 5.0} | found
        arrays |= {"logits_fused": head.fused, "logits_uni": np.array(head.alone)}
        arrays |= {"loss_fused": joint, "loss_uni": losses, "total": joint + 2.5 * losses.sum()}
        z, *rest = head.gradients(1, 2.5, True, True)
        enlarged = [(1 + k) * g for k, g in zip(found["kappa"], z, strict=True)]
        arrays |= named(members, (enlarged, *rest)) | {"warmup_total": joint + losses.sum()}
        plain = named(members, head.gradients(1, 1, True, True))
        made |= prefixed(case, arrays | prefixed("warmup", plain))
    return made | arl_steps(names, rng)


def arl_steps(names, rng):
    recipe = {"lr": 0.1, "momentum": 0.2, "weight_decay": 1e-3, "clip": 0.9}
    arrays, network = {}, Network(names, rng)
    begin = network.p
    for released in (True, False):
        network.p, network.velocity = dict(begin), dict.fromkeys(begin, 0)
        if released:
            arrays |= network.inputs() | recipe | {"gamma": 2.0, "temperature": 5.0}
        kappas = []
        for t in range(STEPS):
            head = network.head(t)
            kappas.append(factors(np.array(head.alone), 5.0)["kappa"])
            z, *rest = head.gradients(1, 2.0, True, True)
            used = np.full(len(names), 0.5) if released else kappas[-1]
            z = [(1 + k) * g for k, g in zip(used, z, strict=True)]
            network.update(network.gradients(t, head, z, *rest), *recipe.values())
        arrays["ref_kappa_computed" if released else "kappa"] = np.array(kappas)
        arrays |= network.arrays("ref_after" if released else "after")
    return prefixed("step", arrays)
