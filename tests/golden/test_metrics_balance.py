"""Shapley values, imbalance, utilisation, ratios and likeness of features, on a concatenation
head; its answers with modalities withheld are those of the evaluation."""

import pytest
import torch

from bench.config.spec import NetworkConfig
from bench.evaluation.masking import ZERO, reading
from bench.evaluation.subsets import Heads, SubsetAnswers
from bench.methods.joint import Joint
from bench.metrics import accuracy, balance
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.types import Batch, DatasetSpec, Modality
from tests.golden.files import DOUBLE, close

FILE = "metrics_balance.npz"
CASES = pytest.mark.parametrize("case", ["m2_", "m3_"])


class Case:
    """The file's head in a joint model whose features are the file's."""

    def __init__(self, golden, case):
        self.features = golden.each(f"{case}features_", golden.names(f"{case}features_"))
        weight, bias, self.labels = golden.need(*(case + k for k in ("weight", "bias", "labels")))
        dims = {m: z.shape[1] for m, z in self.features.items()}
        spec = DatasetSpec("toy", len(bias), {m: Modality("vector", (d,)) for m, d in dims.items()})
        self.method = Joint(Task(spec, NetworkConfig(dim=1), 0), Joint.Config())
        self.method.head = ConcatHead(dims, len(bias), "").double()
        self.method.head.linear.load_state_dict({"weight": weight, "bias": bias})

    def watch(self, watcher):
        """The watcher, after a pass over the features as a network would give them."""
        keep = torch.ones(len(self.labels), len(self.features), dtype=torch.bool)
        index = torch.arange(len(self.labels))
        encoded = Batch(self.features, self.labels, index, keep)
        with reading(self.method) as reader:
            zeros = {m: z.new_zeros(z.shape[1]) for m, z in self.features.items()}
            reader.fills = dict.fromkeys(reader.readouts, zeros)
            watched = watcher(reader)
            watched.add(encoded, encoded, reader.answer(encoded))
        return watched

    def worths(self):
        """The sets of modalities and their accuracies."""
        answers = self.watch(SubsetAnswers)
        return answers.present, torch.tensor(answers.accuracies(ZERO), dtype=torch.double)

    def shares(self):
        return torch.stack(list(self.method.shares(self.features).values())).detach().numpy()


def array(values):
    return torch.as_tensor(values, dtype=torch.double)


@CASES
def test_slice_accuracies(golden, case):
    found = Case(golden, case).watch(Heads).accuracies()["slice"]
    close(array(list(found.values())), golden[f"{case}acc_slice"])


@CASES
def test_masked_accuracies(golden, case):
    one = Case(golden, case)
    answers = one.watch(SubsetAnswers)
    alone = answers.alone()[ZERO]
    close(array([alone[m] for m in one.features]), golden[f"{case}acc_zero_feature"])
    fused = accuracy(answers.whole.numpy(), one.labels.numpy())
    assert fused == pytest.approx(golden[f"{case}acc_fused"].item(), abs=DOUBLE)


@CASES
def test_accuracies_of_all_sets(golden, case):
    keys, expected = golden.need(f"{case}subset_keys", f"{case}subset_acc")
    present, values = Case(golden, case).worths()
    place = {sum(2**i for i, p in enumerate(row) if p): k for k, row in enumerate(present)}
    close(values[[place[key] for key in keys.tolist()]], expected)


@CASES
def test_shapley_values_and_their_imbalance(golden, case):
    present, values = Case(golden, case).worths()
    phi = balance.shapley(present, values.numpy())
    close(array(phi), golden[f"{case}shapley"])
    ours = balance.imbalance(phi)
    for name in ("pair_mean", "range", "normalised"):
        expected = golden[f"{case}imbalance_{name}"].item()
        assert getattr(ours, name) == pytest.approx(expected, abs=DOUBLE)


@CASES
def test_utilisation(golden, case):
    present, values = Case(golden, case).worths()
    ours = balance.utilisation(present, values.numpy())
    close(array(ours), golden[f"{case}leave_one_out_utilisation"])


def test_difference_of_utilisation(golden):
    present, values = Case(golden, "m2_").worths()
    first, second = balance.utilisation(present, values.numpy())
    assert first - second == pytest.approx(golden["m2_d_util"].item(), abs=DOUBLE)


@CASES
def test_scores_and_ratios(golden, case):
    one = Case(golden, case)
    scores = balance.true_class_scores(one.shares(), one.labels.numpy())
    close(array(scores), golden[f"{case}true_class_scores"])
    close(array(balance.discrepancy_ratios(scores)), golden[f"{case}ogm_ratio"])


def test_likeness_of_features(golden):
    first, second = golden.each("gap_", gap_names(golden)).values()
    ours = [
        f(first.numpy(), second.numpy())
        for f in (balance.modality_gap, balance.paired_distance, balance.linear_cka)
    ]
    close(array(ours), torch.stack(golden.need("gap_euclid", "gap_paired_l2", "linear_cka")))


def gap_names(golden):
    """The keys that hold features, which are matrices."""
    return [n for n in golden.names("gap_") if golden.arrays[f"gap_{n}"].ndim == 2]


@pytest.mark.parametrize("key", ["weight_sq", "grad_sq", "log10", "difference"])
def test_what_is_not_ours(golden, key):
    golden.need(f"speed_{key}")
    pytest.skip(f"speed_{key}: conditional learning speed, which no run stores")
