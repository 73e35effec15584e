"""MIDAS: both kinds of loss and their gradients, of every mix its target, labels, losses and
hardness, and the weights of labels in the next step. `ref_*` are of the authors' module, whose idea
of who is weak, and of the step of the weight, is not ours."""

from functools import lru_cache

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy

from bench.methods.midas import MIDAS, hardness, predicted, sources, surprise, targets
from bench.types import Clock, Prediction
from tests.golden.files import close
from tests.golden.linear_head import Case

FILE = "midas.npz"
ANY = Clock(0, 1, 0, 1)


class Mixed(Case):
    """The file's case with its own heads and partners."""

    def __init__(self, golden, case):
        (weight, rate) = golden.need(f"{case}_lam", f"{case}_eta")
        super().__init__(golden, case, MIDAS, weight=weight.item(), rate=rate.item())
        for m in self.names:
            values = self.need(f"own_weight_{m}", f"own_bias_{m}")
            self.method.own[m] = nn.Linear(*values[0].T.shape).double()
            self.method.own[m].load_state_dict(dict(zip(("weight", "bias"), values, strict=True)))
        own = {m: self.method.own[m](z) for m, z in self.features.items()}
        self.out = Prediction(self.out.logits, own, self.features)
        self.own = torch.stack(list(own.values())).detach()
        self.partner, self.alpha = self.need("perm", "alpha")
        self.method.partners = lambda size, clock: self.partner
        self.rows = sources(self.partner, len(self.names))

    def loss(self):
        self.method.label_weights = self.alpha
        return self.method.loss(self.out, self.batch, ANY)


@lru_cache(maxsize=1)  # building methods takes most of the time
def cases(golden):
    return [Mixed(golden, name) for name in golden.names("", "_perm")]


def test_answers_and_plain_losses(golden):
    for case in cases(golden):
        fused, own, sure, align, alone = case.need(
            "logits_fused", "logits_own", "confidence", "loss_align", "loss_uni"
        )
        label = case.batch.label
        close(case.out.logits.detach(), fused)
        close(case.own, own)
        every = label.expand(len(own), 1, -1)
        close((-surprise(case.own, every)[:, 0]).exp(), sure)
        close(cross_entropy(case.out.logits, label).detach(), align)
        close(surprise(case.own, every).mean(dim=(1, 2)), alone)


def test_mixes(golden):
    for case in cases(golden):
        label, rows = case.batch.label, case.rows
        mixed = case.method.mixed(case.features, case.partner).detach()
        losses, target = surprise(mixed, label[rows]), targets(case.own, label, rows)
        for s, m in enumerate(case.names):
            keys = ("logits", "target", "labels", "ce", "similarity", "hardness", "loss")
            expected = dict(zip(keys, case.need(*(f"swap_{m}_{key}" for key in keys)), strict=True))
            close(mixed[s], expected["logits"])
            close(target[s], expected["target"])
            assert torch.equal(label[rows][s], expected["labels"])
            close(losses[s], expected["ce"])
            z = case.features[m].detach()
            close(cosine_similarity(z, z[case.partner]), expected["similarity"])
            hard = hardness(z, z[case.partner])
            close(hard, expected["hardness"])
            close(hard * (case.alpha[:, None] * target[s] * losses[s]).sum(dim=0), expected["loss"])
            (probability,) = case.need(f"swap_{m}_predicted")
            close((-losses[s]).exp(), probability)
            close(predicted(losses)[s], probability / probability.sum(dim=0))
        (differs,) = case.need("different")
        assert torch.equal(label != label[case.partner], differs)


def test_total_and_gradients(golden):
    for case in cases(golden):
        align, alone, mixes, total = case.need("loss_align", "loss_uni", "loss_mis", "total")
        close(align + alone.mean() + case.method.config.weight * mixes, total)
        loss = case.loss()
        close(loss.detach(), total)
        leaves = case.features | dict(case.head.linear.named_parameters())
        leaves |= {f"own_weight_{m}": case.method.own[m].weight for m in case.names}
        found = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
        for name, gradient in zip(leaves, found, strict=True):
            close(gradient, *case.need(f"grad_{name}"))


def test_the_authors_module_agrees(golden):
    for case in cases(golden):
        if len(case.names) > 2:
            continue
        total, equal = case.need("ref_total", "ref_equals_ours")
        assert equal == 1
        loss = case.loss()
        close(loss.detach(), total)
        leaves = case.features | {"weight": case.head.linear.weight}
        found = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
        for m, gradient in zip(leaves, found, strict=True):
            close(gradient, *case.need(f"ref_grad_{m}"))


def test_weights_of_the_next_step(golden):
    for case in cases(golden):
        target, answer, weak, after = case.need(
            "mean_target", "mean_predicted", "weak", "alpha_next"
        )
        label, rows = case.batch.label, case.rows
        mixed = case.method.mixed(case.features, case.partner).detach()
        close(targets(case.own, label, rows).mean(dim=(0, 2)), target)
        close(predicted(surprise(mixed, label[rows])).mean(dim=(0, 2)), answer)
        assert target.argmin() == weak
        case.loss()
        close(case.method.label_weights, after)
