"""Greedy: gates over several batches, the speeds of two branches, and who is cut off when.

As released the running mean of the second modality's gates is that of the first (`ref_*`), which is
not ours; nor are readings of the trained network (`util_*`).
"""

import torch
from torch import nn

from bench.methods.greedy import CutRule, Gate, scaled, speed, squeezed
from tests.golden.files import close

FILE = "greedy.npz"


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0]).double()
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer.requires_grad_(False)


def test_gates(golden):
    names = golden.names("mmtm_W_excite")
    weights = golden.each("mmtm_W_excite", names), golden.each("mmtm_b_excite", names)
    layers = {m: linear(weights[0][m], weights[1][m]) for m in names}
    squeeze = linear(*golden.need("mmtm_W_squeeze", "mmtm_b_squeeze"))
    gate = Gate(squeeze, nn.ModuleDict(layers)).double()
    assert squeeze.out_features == 2 * squeeze.in_features // golden["mmtm_ratio"].item()
    for t, cut in enumerate(golden["mmtm_care"].tolist()):
        x = golden.each("mmtm_x", names, f"_t{t}")
        pooled = {m: squeezed(maps, len(maps)) for m, maps in x.items()}
        cut = [] if cut < 0 else names[cut : cut + 1]
        gates = gate(pooled, cut)
        for m in names:
            close(gate.means()[m], golden[f"mmtm_ravg{m}_t{t}"])
            close(scaled(x[m], gates[m]), golden[f"mmtm_out{m}_t{t}"])
            live = gate.eval()(pooled)[m]
            close(live, golden[f"mmtm_gate{m}_t{t}"])
            assert (m in cut) != torch.equal(gates[m], live)
            gate.train()


def test_speeds_and_turns(golden):
    keys = ("param_group", "param_sqnorm", "grad_sqnorm", "acc_bypass0_bypass1_main0_main1")
    group, weights, grads, sums = golden.need(*keys)
    steps = golden.need("d_speed_log10", "ran_in_rebalance", "next_rebalance", "next_care")
    alpha, window = golden["alpha"].item(), golden["window"].item()
    warm_up = (golden["start_epoch"].item() - 1) * golden["steps_per_epoch"].item()
    rule = CutRule(2).double()
    for t, (apart, ran, turns, care) in enumerate(zip(*steps, strict=True)):
        assert ran == (rule.cut is not None)
        if rule.cut is None:
            rule.observe(speeds(group, weights[t], grads[t]), alpha if t >= warm_up else None)
            before = 0
        else:
            before = rule.cut
            rule.wait(window)
        close(rule.sums.flatten(), sums[t])
        relative = rule.relative()
        close(relative[0] - relative[1], apart)
        assert turns == (rule.cut is not None)
        assert care == (before if rule.cut is None else rule.cut)


def speeds(group, weights, grads):
    """Of parameters that have these squared norms, each as one number."""

    def of(*groups):
        places = [i for i, g in enumerate(group.tolist()) if g in groups]
        parameters = [nn.Parameter(weights[i].sqrt()) for i in places]
        for p, i in zip(parameters, places, strict=True):
            p.grad = grads[i].sqrt()
        return speed(parameters).detach()

    return torch.stack([of(2, 4), of(3, 4), of(0), of(1)]).view(2, 2)
