"""What is read from a trained network: withheld modalities, imperfections, probes, conflict."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import metrics
from bench.evaluation import moments
from bench.evaluation.evaluate import EvaluatedRun, evaluate, norms
from bench.evaluation.gradients import gradient_cosines
from bench.evaluation.robustness import IN_CACHE, LEVELS, whole_rows
from bench.evaluation.subsets import MOST, asked
from bench.execute import build_method, open_data
from bench.loading.loaders import OrderedLoader, Source
from bench.metrics import balance
from bench.networks.fusion import ConcatHead
from bench.passes import collect
from bench.runs.places import Places
from bench.training.trainer import TrainingFailed
from tests.helpers.kills import finish, start
from tests.helpers.training import CPU, fit, spec_of


def data(modalities=2, split="clean"):
    return open_data(spec_of("joint", modalities, split=split), Places(None))


def evaluated(trainer, bundle, seed=0) -> EvaluatedRun:
    """Of a trained Trainer; `stored` is what its method says."""
    method = trainer.method
    loader = OrderedLoader(Source(bundle.parts["test"], bundle.spec, CPU))
    out, _ = collect(method, method.predict, loader)
    return evaluate(method, bundle, seed, CPU, out.logits)


@pytest.fixture(scope="module")
def joint():
    return fit("joint", modalities=3)


@pytest.fixture(scope="module")
def found(joint):
    return evaluated(joint, data(3))


def worth(found, readout, *modalities):
    (one,) = [
        s[readout] for s in found.entries["subsets"] if set(s["modalities"]) == set(modalities)
    ]
    return one


def curve(found, kind, modality=None):
    (one,) = [
        c["accuracy"]
        for c in found.entries["robustness"]["curves"]
        if (c["kind"], c["modality"]) == (kind, modality)
    ]
    return one


NAMES = ("m0", "m1", "m2")


def test_every_set_has_its_answers_and_accuracies(found):
    arrays = found.arrays
    assert arrays["present"].shape == (8, 3) and arrays["logits"].shape == (8, 96, 4)
    assert arrays["logits"].dtype == np.float32 and arrays["modalities"].tolist() == list(NAMES)
    for present, logits in zip(arrays["present"], arrays["logits"], strict=True):
        held = [m for m, p in zip(NAMES, present, strict=True) if p]
        assert worth(found, "mask", *held) == metrics.accuracy(logits, arrays["label"])


def test_all_readouts_agree_where_nothing_is_withheld(found):
    assert len({worth(found, r, *NAMES) for r in ("mask", "mask_mean", "mask_input")}) == 1
    unimodal = found.entries["unimodal"]
    assert unimodal["protocol"] == "val" and "own_head" not in unimodal
    for readout in ("mask", "mask_mean", "mask_input"):
        assert unimodal[readout] == {m: worth(found, readout, m) for m in NAMES}


def test_the_mask_keeps_the_bias_whole_and_the_slice_shares_it(joint, found):
    """They are the same without a bias, and with one the empty set answers the largest bias."""
    head = joint.method.head.linear
    answers = found.arrays["logits"][0].argmax(axis=1)
    assert set(answers.tolist()) == {int(head.bias.argmax())}
    kept = head.bias.detach().clone()
    with torch.no_grad():
        head.bias.zero_()
    unimodal = evaluated(joint, data(3)).entries["unimodal"]
    with torch.no_grad():
        head.bias.copy_(kept)
    assert unimodal["slice"] == unimodal["mask"]


def test_a_modality_that_is_always_missing_is_withheld(found):
    for kind, readout in (("missing_zero", "mask"), ("missing_mean", "mask_mean")):
        for m in NAMES:
            others = [k for k in NAMES if k != m]
            assert curve(found, kind, m)[-1] == worth(found, readout, *others)
        assert curve(found, kind)[-1] == worth(found, readout)


def test_every_curve_starts_at_the_clean_accuracy(found):
    curves = found.entries["robustness"]["curves"]
    assert len(curves) == 4 * (3 + 1) and found.entries["robustness"]["levels"] == list(LEVELS)
    assert {c["accuracy"][0] for c in curves} == {worth(found, "mask", *NAMES)}
    assert all(len(c["accuracy"]) == len(LEVELS) for c in curves)


def test_missing_one_at_random_costs_what_the_sets_say(found):
    """The curve's expectation is the mixture of the two accuracies; 96 samples, four deviations."""
    clean, without = worth(found, "mask", *NAMES), worth(found, "mask", "m1", "m2")
    for level, accuracy in zip(LEVELS, curve(found, "missing_zero", "m0"), strict=True):
        expected = (1 - level) * clean + level * without
        assert abs(accuracy - expected) < 4 * (0.25 / 96) ** 0.5


def test_noise_hurts(found):
    for kind in ("noise_features", "noise_inputs"):
        whole = curve(found, kind)
        assert whole[-1] < whole[0]


@pytest.mark.parametrize("width", [3001, 70000])  # of no round size
def test_noise_that_is_drawn_a_few_samples_at_a_time_is_the_same_noise(width):
    x = torch.zeros(2 * IN_CACHE // width + 37, width)
    parts = x.split(whole_rows(x))
    one, other = (torch.Generator().manual_seed(0) for _ in range(2))
    assert len(parts) > 1
    for _ in range(2):  # the next batch's too
        drawn = torch.cat([torch.empty_like(part).normal_(generator=one) for part in parts])
        assert torch.equal(drawn, x.normal_(generator=other))


def test_the_draws_belong_to_the_seed(joint, found):
    again, other = evaluated(joint, data(3)), evaluated(joint, data(3), seed=1)
    assert again.entries == found.entries
    assert np.array_equal(again.arrays["logits"], found.arrays["logits"])
    assert other.entries["robustness"] != found.entries["robustness"]
    assert other.entries["subsets"] == found.entries["subsets"]


def test_evaluation_leaves_the_method_and_the_global_generator_alone(joint):
    before, state = torch.get_rng_state(), joint.method.generator.get_state()
    weights = {k: v.clone() for k, v in joint.method.state_dict().items()}
    wanted = [p.requires_grad for p in joint.method.parameters()]
    evaluated(joint, data(3))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(state, joint.method.generator.get_state())
    assert all(torch.equal(v, weights[k]) for k, v in joint.method.state_dict().items())
    assert wanted == [p.requires_grad for p in joint.method.parameters()]
    assert "feature" not in vars(joint.method)


def test_nothing_is_fitted_to_test(joint, found):
    """Other labels and inputs of test change neither a probe's choice nor the fill-ins."""
    bundle = data(3)
    test = bundle.parts["test"]
    changed = replace(test, labels=test.labels.flip(0))
    other = evaluated(joint, replace(bundle, parts=bundle.parts | {"test": changed}))
    for key in ("val", "strength"):
        assert other.entries["probe"][key] == found.entries["probe"][key]
    assert np.array_equal(other.arrays["logits"], found.arrays["logits"])
    assert other.entries["probe"]["test"] != found.entries["probe"]["test"]


def test_all_features_side_by_side_are_probed_too(found):
    probe = found.entries["probe"]
    assert set(probe["concatenation"]) == {"test", "val", "strength"}
    assert probe["concatenation"]["test"] >= max(probe["test"].values()) - 0.1
    assert [a["pair"] for a in found.entries["alignment"]] == [
        ["m0", "m1"],
        ["m0", "m2"],
        ["m1", "m2"],
    ]


def test_norms_are_those_of_the_hand():
    head = ConcatHead({"m0": 2, "m1": 1}, 2, "")
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[3.0, 0, 5], [0, 4, 12]]))
        head.linear.bias.fill_(100.0)
    features = {"m0": np.array([[3, 4], [0, 0]]), "m1": np.array([[2], [-4]])}
    assert norms(SimpleNamespace(head=head), features) == {
        "features": {"m0": 2.5, "m1": 3.0},
        "blocks": {"m0": 5.0, "m1": 13.0},
    }


def test_norms_are_of_test_and_of_the_trained_head(joint, found):
    method = joint.method
    loader = OrderedLoader(Source(data(3).parts["test"], data(3).spec, CPU))
    out, _ = collect(method, method.predict, loader)
    lengths = {m: pytest.approx(float(z.norm(dim=1).mean())) for m, z in out.features.items()}
    blocks = {m: pytest.approx(w.norm().item()) for m, w in method.head.blocks().items()}
    assert found.entries["norms"] == {"features": lengths, "blocks": blocks}


def test_own_heads_are_read_where_there_are_any():
    both = evaluated(fit("joint-uni"), data()).entries["unimodal"]
    assert set(both) == {"protocol", "mask", "mask_mean", "mask_input", "slice", "own_head"}
    apart = evaluated(fit("ensemble"), data()).entries
    assert "own_head" in apart["unimodal"] and "slice" not in apart["unimodal"]
    assert apart["norms"]["blocks"] == {} and set(apart["norms"]["features"]) == {"m0", "m1"}


def test_one_modality_alone_is_its_own_answer():
    alone = evaluated(fit("unimodal-m1"), data())
    assert alone.arrays["present"].tolist() == [[False], [True]]
    assert alone.entries["unimodal"]["mask"] == alone.entries["unimodal"]["own_head"]
    assert alone.entries["alignment"] == [] and "concatenation" not in alone.entries["probe"]
    assert alone.entries["gradient_cosine"] == {"m1": pytest.approx(1)}


def test_without_validation_it_is_the_last_epoch():
    one = evaluated(fit("joint", split="literature"), data(split="literature")).entries
    assert one["unimodal"]["protocol"] == one["probe"]["protocol"] == "last"


def test_many_modalities_are_not_asked_for_all_their_sets():
    assert len(asked(MOST)) == 2**MOST
    few = asked(MOST + 1)
    assert len(few) == 2 * (MOST + 1) + 2 and few[-1].all() and not few[0].any()
    assert np.array_equal(np.unique(few.sum(axis=1)), [0, 1, MOST, MOST + 1])
    with pytest.raises(ValueError, match="need all"):
        balance.shapley(few, np.zeros(len(few)))


def test_encoders_that_see_one_another_are_read_from_inputs(tmp_path):
    """Through `Batch.keep`, and without what has no meaning for them."""
    run = start(tmp_path, spec_of("tests.helpers.outside:Crossed"))
    finish(run)
    result, arrays = run.result_json(), np.load(run.subsets)
    assert set(result["unimodal"]) == {"protocol", "mask", "mask_input", "slice"}
    kinds = {c["kind"] for c in result["robustness"]["curves"]}
    assert kinds == {"missing_zero", "noise_inputs"}
    assert np.array_equal(arrays["logits"][-1], np.load(run.predictions("test"))["val/logits"])


@pytest.mark.parametrize("name", ["PastFeature", "PastEncoders"])
def test_a_method_that_reads_past_its_features_is_told_so(name, tmp_path):
    run = start(tmp_path, spec_of(f"tests.helpers.outside:{name}"))
    with pytest.raises(TrainingFailed, match=rf"{name}\.predict does not answer from `feature`"):
        finish(run)


def test_losses_that_pull_alike_have_cosine_one(joint):
    """One modality's share of the logits is all there is when the others' weights are zero."""
    bundle = data()
    method = build_method(spec_of("joint"), bundle.spec)
    with torch.no_grad():
        method.head.linear.weight[:, 64:] = 0
    cosines = gradient_cosines(method, Source(bundle.parts["train"], bundle.spec, CPU), 0)
    assert cosines == {"m0": pytest.approx(1)}  # the other encoder gets no gradient


@pytest.mark.parametrize("most", [1, 50, moments.MOST])
@pytest.mark.parametrize("shape", [(40, 3), (40, 2, 3, 4), (40, 6, 3), (40, 2, 3, 2, 2)])
def test_moments_are_those_of_the_whole_split(shape, most, monkeypatch):
    monkeypatch.setattr(moments, "MOST", most)
    x = 5 + 2 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    sums = moments.Moments()
    for part in x.split(7):
        sums.add(part)
    others = [0, 1] if len(shape) == 3 else [0, *range(2, len(shape))]
    torch.testing.assert_close(sums.mean, x.mean(dim=others, keepdim=True))
    torch.testing.assert_close(sums.std, x.std(dim=others, keepdim=True, correction=0))
