"""PMR: prototypes over epochs, nearness, weights, the extra loss and its gradients, with more than
two modalities too."""

import pytest
import torch

from bench.methods.pmr import (
    accelerations,
    entropy_weights,
    extra_loss,
    mean_losses,
    nearness,
    renewed,
    scores,
)
from tests.golden.files import close

FILE = "pmr.npz"
CASES = ("batch", "swapped", "tie", "three")


def prototypes(golden):
    """modality -> its prototypes after every epoch, [E, C, D]. The subset is the first batches."""
    size, used, epsilon = golden.need("proto_batch_size", "proto_n_batches_used", "proto_epsilon")
    rows, labels = size * used, golden["proto_labels"]
    over_time = {}
    for m, features in golden.each("proto_features_", golden.names("proto_features_")).items():
        shape = golden[f"proto_{m}"].shape[1:]
        current, known = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape[0]).bool()
        over_time[m] = []
        for z in features:
            current = renewed(current, known, z[:rows], labels[:rows], epsilon.item())
            known = known | (labels[:rows].bincount(minlength=len(known)) > 0)
            over_time[m].append(current)
    return {m: torch.stack(epochs) for m, epochs in over_time.items()}


def test_prototypes(golden):
    for m, ours in prototypes(golden).items():
        close(ours, golden[f"proto_{m}"])


def test_prototypes_of_the_released_function(golden):
    for m, ours in prototypes(golden).items():
        expected = golden[f"proto_{m}_released"].double()
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


class Case:
    """A batch with the last prototypes: `log_probs` [M, B, C] of features that have gradients."""

    def __init__(self, golden, name):
        places = golden.names(f"{name}_z")
        self.features = list(golden.each(f"{name}_z", places).values())
        last = [golden[f"proto_{m}"][-1] for m in golden.names("proto_features_")]
        if name == "swapped":
            last.reverse()
        elif name == "tie":
            last = last[:1] * len(last)
        last += [golden[f"{name}_proto{i}"] for i in range(len(last), len(places))]
        self.features = [z.requires_grad_() for z in self.features]
        self.label = golden[f"{name}_labels"]
        self.known = torch.ones(len(last[0]), dtype=torch.bool)
        both = zip(self.features, last, strict=True)
        self.log_probs = torch.stack([nearness(z, c, self.known) for z, c in both])

    @property
    def score(self):
        return scores(self.log_probs, self.label, self.known)


@pytest.mark.parametrize("name", CASES)
def test_distances_but_for_a_constant_of_each_sample(golden, name):
    ours, expected = Case(golden, name).log_probs.detach(), golden[f"{name}_distance"]
    close(ours[:, :, :1] - ours, expected - expected[:, :, :1])


@pytest.mark.parametrize("name", CASES)
def test_probabilities_and_scores(golden, name):
    case = Case(golden, name)
    close(case.log_probs.detach().exp(), golden[f"{name}_prob"])
    close(case.score, golden[f"{name}_score"])


@pytest.mark.parametrize("name", CASES[:3])
def test_ratios_to_the_first_modality(golden, name):
    score = Case(golden, name).score
    close(score[0] / score[1:], golden[f"{name}_rho"].reshape(-1))


@pytest.mark.parametrize("name", CASES)
def test_weights(golden, name):
    score = Case(golden, name).score
    slow = accelerations(score, hard=False)
    close(slow, golden[f"{name}_accel"])
    close(entropy_weights(score, slow), golden[f"{name}_per_weight"])


@pytest.mark.parametrize("name", CASES[:3])
def test_weights_of_the_released_code(golden, name):
    close(accelerations(Case(golden, name).score, hard=True), golden[f"{name}_accel_released"])


@pytest.mark.parametrize("name", CASES)
def test_cross_entropy_and_entropy(golden, name):
    case = Case(golden, name)
    cross, entropy = mean_losses(case.log_probs.detach(), case.label, case.known)
    close(cross, golden[f"{name}_pce"])
    close(entropy, golden[f"{name}_entropy"])


@pytest.mark.parametrize("name", CASES)
def test_extra_loss_and_its_gradients(golden, name):
    case = Case(golden, name)
    alpha, mu = (v.item() for v in golden.need(f"{name}_alpha", f"{name}_mu"))
    for suffix, weight in (("", mu), ("_no_per", 0.0)):
        loss = extra_loss(case.log_probs, case.label, case.known, alpha, weight, hard=False)
        close(loss.detach(), golden[f"{name}_extra_loss{suffix}"])
        gradients = torch.autograd.grad(loss, case.features, retain_graph=True)
        for i, gradient in enumerate(gradients):
            close(gradient, golden[f"{name}_grad_z{i}{suffix}"])
