"""AMCo: the masked share, answers with masks, losses, and who is depended on. The other reading,
which masks logits (`bb_*`, `ref_bb_*`), is not ours."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench.methods.amco import answers, depended_on, masked, masked_share, masses, progress
from tests.golden.files import close

FILE = "amco.npz"


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_masked_share(golden):
    shares = [masked_share(x, golden["eps"].item(), most=1.0) for x in golden["l"].tolist()]
    close(double(shares), golden["p"])
    for key, width in (("n_zero_U", golden["U"].item()), ("n_zero_C", len(golden["W"]))):
        assert [int(p * width) for p in shares] == golden[key].tolist()


def test_progress(golden):
    steps, shares = golden.need("ref_pred_l_by_epoch", "ref_pred_p_by_epoch")
    found = [progress(epoch) for epoch in range(len(steps))]
    close(double(found), steps)
    close(double([masked_share(x, golden["eps"].item(), 1.0) for x in found]), shares)


def test_answers_and_dependence(golden):
    weight, bias, label = golden.need("W", "b", "labels")
    predictor = nn.Linear(weight.shape[1], len(weight)).double().requires_grad_(False)
    predictor.load_state_dict({"weight": weight, "bias": bias})
    places = [str(i) for i in range(golden["M"])]
    hidden = torch.stack(list(golden.each("h", places).values()))
    first = torch.arange(len(hidden)) == 0
    for i, p in enumerate(golden["case_p"].tolist()):
        mask, scale = golden.need(f"case{i}_mask", f"case{i}_scale")
        close(scale, double(1 / (1 - p) if p <= 0.9 else 10.0))
        assert (mask == 0).sum() == int(p * len(mask))
        fused, own = answers(masked(hidden, first, mask * scale), predictor)
        close(fused, golden[f"case{i}_joint_logits"])
        close(own, golden[f"case{i}_uni_logits"])
        losses = torch.stack([cross_entropy(u, label) for u in own])
        close(losses, golden[f"case{i}_loss_uni"])
        close(cross_entropy(fused, label), golden[f"case{i}_loss_joint"])
        close(cross_entropy(fused, label) + losses.sum(), golden[f"case{i}_loss_total"])
        mass = masses(own)
        close(mass, golden[f"case{i}_mass"])
        place = depended_on(mass, golden["sigma"].item())
        assert torch.equal(torch.arange(len(mass)) == place, golden[f"case{i}_dependent"])
