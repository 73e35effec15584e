"""OGM: scores, ratios, coefficients, logit shares, and one step of the released code."""

import torch

from bench.methods.ogm import coefficients, ratios, scores
from bench.networks.fusion import ConcatHead
from tests.golden.files import close, nearly
from tests.golden.toy import DURING, Step

FILE = "ogm.npz"


def cases(golden):
    """logits modality -> [B, C], labels [B] and alpha of every case."""
    logits = golden.each("logits_", golden.names("logits_"))
    labels, alphas = golden.need("labels", "alpha")
    for i, (label, alpha) in enumerate(zip(labels, alphas.tolist(), strict=True)):
        yield {m: x[i] for m, x in logits.items()}, label, alpha


def test_scores(golden):
    close(torch.stack([scores(u, y) for u, y, _ in cases(golden)]), golden["score"])


def test_ratios(golden):
    close(torch.stack([ratios(scores(u, y)) for u, y, _ in cases(golden)]), golden["rho"])


def test_coefficients(golden):
    ours = [torch.stack(list(coefficients(*case).values())) for case in cases(golden)]
    close(torch.stack(ours), golden["coeff"])


def test_logit_shares_of_a_concat_head(golden):
    logits, weight, bias = golden.need("head_logits", "head_weight", "head_bias")
    features = golden.each("head_z_", golden.names("head_z_"))
    head = ConcatHead({m: z.shape[1] for m, z in features.items()}, len(bias), "").double()
    head.linear.load_state_dict({"weight": weight, "bias": bias})
    with torch.no_grad():
        close(head(features), logits)
        for m, share in head.contributions(features).items():
            close(share, golden[f"head_logits_{m}"])


def several(golden):
    """The case with more than two modalities: logits, labels, alpha."""
    logits, label, alpha = golden.need("m3_logits", "m3_labels", "m3_alpha")
    return {str(i): u for i, u in enumerate(logits)}, label, alpha.item()


def test_scores_of_several_modalities(golden):
    unimodal, label, _ = several(golden)
    close(scores(unimodal, label), golden["m3_score"])


def test_ratios_of_several_modalities(golden):
    unimodal, label, _ = several(golden)
    close(ratios(scores(unimodal, label)), golden["m3_rho"])


def test_coefficients_of_several_modalities(golden):
    factor = coefficients(*several(golden))
    close(torch.stack(list(factor.values())), golden["m3_coeff"])


def test_scores_of_a_step(golden):
    step = Step(golden)
    out = step.backward()
    nearly(scores(out.unimodal, step.batch.label), golden["step_score"])


def test_plain_gradients_of_a_step(golden):
    step = Step(golden)
    step.backward()
    for name, gradient in step.gradients().items():
        nearly(gradient, golden[f"step_grad_plain.{name}"])


def test_modulated_gradients_of_a_step(golden):
    step = Step(golden)
    step.method.adjust_gradients(step.backward(), step.batch, DURING)
    for name, gradient in step.gradients().items():
        nearly(gradient, golden[f"step_grad_ogm.{name}"])
