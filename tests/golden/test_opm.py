"""OPM: own logits, scores, ratios and rates of dropping, and the features that are left.

The released functions (`ref_*`) are not ours: one lets gradients through theta, one overwrites the
scores that it compares.
"""

import torch

from bench.methods.opm import drop_rates, lost_share, modulated_features, ratios, scores
from bench.networks.fusion import ConcatHead
from tests.golden.files import close

FILE = "opm.npz"


def head_of(golden):
    """A head, and features, place -> [B, D_m]."""
    places = [str(i) for i in range(golden["M"])]
    features, blocks = golden.each("z", places), golden.each("W", places)
    assert [z.shape[1] for z in features.values()] == golden["dims"].tolist()
    bias = golden["bias"]
    head = ConcatHead({i: z.shape[1] for i, z in features.items()}, len(bias), "").double()
    weight = torch.cat(list(blocks.values()), dim=1)
    head.linear.load_state_dict({"weight": weight, "bias": bias})
    return head.requires_grad_(False), features


def test_scores_and_rates(golden):
    head, features = head_of(golden)
    shares, label = head.contributions(features), golden["labels"]
    close(torch.stack(list(shares.values())), golden["uni_logits"])
    score = scores(shares, label)
    each = [scores({i: u[[b]] for i, u in shares.items()}, label[[b]]) for b in range(len(label))]
    close(torch.stack(each, dim=1), golden["scores"])
    close(score, golden["score_sums"])
    close(ratios(score), golden["rho"])
    close(drop_rates(ratios(score), *numbers(golden)), golden["q"])


def test_tables_of_scores(golden):
    sums, ratio, rate = golden.need("table_sums", "table_rho", "table_q")
    for score, rho, q in zip(sums, ratio, rate, strict=True):
        close(ratios(score), rho)
        close(drop_rates(rho, *numbers(golden)), q)


def test_dropped_features(golden):
    head, features = head_of(golden)
    lost, left = golden.need("theta", "update_flag")
    close(lost_share(golden["drop_q"], golden["dims"]), lost)
    mask = golden["mask"].bool()
    assert torch.equal(mask.any(dim=1), left)
    changed = modulated_features(features, mask, lost)
    for i, z in changed.items():
        close(z[left], golden[f"clean{i}"])
    close(head({i: z[left] for i, z in changed.items()}), golden["fused_after_drop"])


def test_shares_of_unequal_widths(golden):
    rows = golden.need("theta_dims", "theta_q", "theta_out")
    for widths, drops, lost in zip(*rows, strict=True):
        close(lost_share(drops, widths), lost)


def numbers(golden):
    return [golden[k].item() for k in ("q_base", "lam")]
