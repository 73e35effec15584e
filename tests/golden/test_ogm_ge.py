"""OGM-GE: the noise's deviation, its moments, and one step of the released code."""

from types import SimpleNamespace

import torch
from torch import nn

from bench.methods import ogm
from bench.methods.ogm import coefficients, noise_deviation, scores
from tests.golden.files import close, nearly
from tests.golden.toy import DURING, Step, bare

FILE = "ogm_ge.npz"
DRAWS = 400


def gradients(golden):
    return golden.each("grad", golden.names("grad"))


def test_noise_deviation(golden):
    for i, gradient in gradients(golden).items():
        close(noise_deviation(gradient), golden[f"noise_std{i}"])


def test_moments_of_a_modulated_gradient(golden, monkeypatch):
    factor = golden["coeff"]
    for i, gradient in gradients(golden).items():
        if gradient.ndim < 2 or gradient.numel() < 2:
            continue  # gets no noise
        sigma = golden[f"noise_std{i}"].item()
        draws = modulated(gradient, factor, monkeypatch)
        left = (draws - factor * gradient) / sigma  # [DRAWS, ..], standard normal
        assert left.mean().abs() < 5 / left.numel() ** 0.5
        assert left.mean(dim=0).abs().max() < 6 / DRAWS**0.5
        assert (left.var() - 1).abs() < 5 * (2 / left.numel()) ** 0.5


def modulated(gradient, factor, monkeypatch):
    """What adjust_gradients makes of `gradient`, DRAWS times, with a given coefficient."""
    monkeypatch.setattr(ogm, "coefficients", lambda unimodal, *_: {"one": factor})
    method = bare(["one"], 2, alpha=1.0, noise_scale=1.0)
    encoder = method.encoders["one"] = nn.Module()
    encoder.weight = nn.Parameter(torch.zeros_like(gradient))
    anything = SimpleNamespace(unimodal=None, label=None)
    draws = []
    for _ in range(DRAWS):
        encoder.weight.grad = gradient.clone()
        method.adjust_gradients(anything, anything, DURING)
        draws.append(encoder.weight.grad)
    return torch.stack(draws)


def test_scores_and_coefficients_of_a_step(golden):
    step = Step(golden)
    out = step.backward()
    nearly(scores(out.unimodal, step.batch.label), golden["step_score"])
    factor = coefficients(out.unimodal, step.batch.label, step.method.config.alpha)
    nearly(torch.stack(list(factor.values())), golden["step_coeff"])


def test_noise_deviation_of_a_step(golden):
    for name in golden.names("step_noise_std."):
        gradient = golden[f"step_grad_plain.{name}"]
        nearly(noise_deviation(gradient), golden[f"step_noise_std.{name}"])


def test_plain_gradients_of_a_step(golden):
    step = Step(golden)
    step.backward()
    for name, gradient in step.gradients().items():
        nearly(gradient, golden[f"step_grad_plain.{name}"])


def test_modulated_gradients_of_a_step_with_the_released_draws(golden):
    step = Step(golden, noise_scale=1.0)
    seed = golden["step_torch_seed"].item()
    step.method._generator = torch.Generator().manual_seed(seed)
    step.method.adjust_gradients(step.backward(), step.batch, DURING)
    for name, gradient in step.gradients().items():
        nearly(gradient, golden[f"step_grad_ge.{name}"])
