"""What ReconBoost claims: who learns in which phase, on what, and that the others are fitted to."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.reconboost import ReconBoost, boost, memory
from bench.networks.task import Task
from bench.training.trainer import set_modes
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.training import fit, flat, spec_of, trainer_of

CLASSES = 3
KINDS = {  # a perceptron, and convolutions with batch norms
    "m0": Modality("vector", (6,)),
    "m1": Modality("image", (1, 12, 12)),
    "m2": Modality("vector", (4,)),
}
NAMES = tuple(KINDS)


def reconboost(modalities=3, **settings):
    kinds = dict(list(KINDS.items())[:modalities])
    task = Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(dim=8), 0)
    return ReconBoost(task, ReconBoost.Config(**settings)).train()


def batch_of(modalities=3, size=6, seed=0):
    draw = torch.Generator().manual_seed(seed)
    kinds = list(KINDS.items())[:modalities]
    inputs = {m: torch.randn(size, *info.shape, generator=draw) for m, info in kinds}
    label = torch.randint(CLASSES, (size,), generator=draw)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def logits_of(seed=0):
    draw = torch.Generator().manual_seed(seed)
    logits, others = torch.randn(2, 6, CLASSES, generator=draw, dtype=torch.float64)
    return logits.requires_grad_(), others.requires_grad_(), torch.tensor([0, 1, 2, 1, 1, 0])


def test_the_loss_in_closed_form():
    logits, others, label = logits_of()
    p, q = logits.softmax(dim=1), others.softmax(dim=1)
    expected = [(5 - 2 * q[i, y]) * -p[i, y].log() / CLASSES for i, y in enumerate(label)]
    torch.testing.assert_close(boost(logits, others, label, 5.0, 2.0), torch.stack(expected))


def test_others_that_are_sure_and_right_leave_w1_less_w2_and_wrong_ones_w1():
    logits, _, label = logits_of()
    right = 1e4 * nn.functional.one_hot(label, CLASSES)
    plain = boost(logits, 0 * right, label, 1.0, 0.0)
    for others, weight in ((right, 3.0), (right.roll(1, dims=1), 5.0), (None, 3.0)):
        others = others if others is None else others.double()
        torch.testing.assert_close(boost(logits, others, label, 5.0, 2.0), weight * plain)


def test_only_the_learner_gets_a_gradient():
    logits, others, label = logits_of()
    (boost(logits, others, label, 5.0, 1.0).mean() + memory(logits, others)).backward()
    assert logits.grad.abs().sum() > 0 and others.grad is None


def moved_by(stage, method, batch):
    """Names of the parameters that one step of a stage changes."""
    before = {k: p.detach().clone() for k, p in method.named_parameters()}
    set_modes(method, stage)
    stage.step(batch, SGD(stage.groups(), 0.1, 0.9, weight_decay=0.1), Clock(0, 1, 0, 1))
    return {k for k, p in method.named_parameters() if not torch.equal(p, before[k])}


def owners(names):
    """The encoders among parameters, and what else."""
    parts = {".".join(k.split(".")[: 2 if k.startswith("encoders") else 1]) for k in names}
    return {p.removeprefix("encoders.") for p in parts}


def test_a_turn_moves_one_encoder_and_the_head_and_rectification_all_that_had_a_turn():
    method, batch = reconboost(), batch_of()
    moved = [owners(moved_by(stage, method, batch)) for stage in method.stages(40)[:8]]
    expected = []
    for s in range(4):
        expected += [{NAMES[s % 3], "head"}, {*NAMES[: s + 1], "head", "rate"}]
    assert moved == expected


def test_idle_encoders_stay_in_train_mode():
    method, batch = reconboost(), batch_of()
    statistics = [b.clone() for b in method.encoders["m1"].buffers()]
    stage = method.stages(40)[4]  # the third modality's turn
    assert stage.name == "boost-2-m2"
    assert owners(moved_by(stage, method, batch)) == {"m2", "head"}
    after = list(method.encoders["m1"].buffers())
    assert any(not torch.equal(a, b) for a, b in zip(after, statistics, strict=True))


def test_turns_go_round_in_order_and_are_read_once_all_have_had_one():
    method = reconboost()
    plan = method.stages(32)
    turns = [s.name for s in plan if s.name.startswith("boost")]
    assert turns == [f"boost-{s}-{NAMES[s % 3]}" for s in range(len(turns))]
    assert len(turns) == 3 * 8  # every encoder: eight turns, and 24 rectifications
    assert [s.answer is not None for s in plan] == [i >= 4 and i % 2 == 1 for i in range(48)]


def test_the_planned_epochs_are_what_each_encoder_is_trained():
    for epochs in (1, 3, 30, 100, 300):
        method = reconboost(2)
        trained = dict.fromkeys(method.modalities, 0)
        for stage in method.stages(epochs):
            owned = {id(p) for p in stage.parameters()}
            for m in trained:
                trained[m] += stage.epochs * (id(next(method.encoders[m].parameters())) in owned)
        assert max(trained.values()) == pytest.approx(epochs, rel=0.21, abs=2)


def test_the_place_among_the_turns_is_the_place_on_the_schedule():
    plan = reconboost(2).stages(100)
    places = [s.first_epoch for s in plan]
    assert places[::2] == places[1::2] == sorted(places[::2])
    assert places[0] == 0 and 90 <= places[-1] < 100


def test_the_rate_stays_within_a_turn_and_never_rises():
    """Both phases take two epochs, and the drop, at 7 of 12, falls inside the turn that is at 6."""
    rows = []
    train = {"lr_step": 7 / 12, "schedule": "step"}
    spec = spec_of("reconboost", epochs=12, train=train, turn=2 / 12, rectify=2 / 12)
    trainer_of(spec, log=rows.append).train()
    rates = {}
    for row in rows:
        rates.setdefault(row["stage"].split("-")[1], []).append(row["lr"])
    assert all(len(turn) == 4 and len(set(turn)) == 1 for turn in rates.values())
    drops = [turn[0] for turn in rates.values()]
    assert drops == sorted(drops, reverse=True) and len(set(drops)) == 2


def test_one_head_serves_all_modalities_also_after_loading():
    method, other = reconboost(hidden=5), reconboost(hidden=5)
    other.load_state_dict(method.state_dict())
    with torch.no_grad():
        out = other(batch_of())
        for m, z in out.features.items():
            assert torch.equal(out.unimodal[m], other.head(z))
    assert [p.numel() for p in other.head.parameters()] == [40, 5, 5 * CLASSES, CLASSES]


def test_the_answer_is_the_summed_logits_whatever_the_rate():
    method, answers = reconboost(), []
    for rate in (0.3, 1.0, 7.0):
        nn.init.constant_(method.rate, rate)
        with torch.no_grad():
            out = method.eval().predict(batch_of())
        torch.testing.assert_close(out.logits, rate * sum(out.unimodal.values()))
        answers.append(out.logits.argmax(dim=1))
    assert all(torch.equal(a, answers[0]) for a in answers)


def test_unequal_widths_are_projected_to_the_widest():
    method = reconboost()
    method.encoders["m0"].dim = 4
    narrow = method.task.projections({m: e.dim for m, e in method.encoders.items()})
    assert list(narrow) == ["m0"] and narrow["m0"].out_features == 8
    method.project = narrow
    method.encoders["m0"].forward = lambda x: x[:, :4]
    out = method(batch_of())
    assert {z.shape[1] for z in out.features.values()} == {8}
    first = method.stages(40)[0].parameters()
    assert {id(p) for p in narrow.parameters()} < {id(p) for p in first}


def share_of_the_unsolved(reconcilement):
    """How much of a learner's pull comes from samples that the others get wrong."""
    method, batch = reconboost(2), batch_of(2, size=64)
    with torch.no_grad():  # the first modality knows the first half
        known = torch.where(torch.arange(64)[:, None] < 32, 8.0, 0.0)
        sure = known * nn.functional.one_hot(batch.label, CLASSES)
    logits = method.head(method.feature(batch, "m1")).detach().requires_grad_()
    boost(logits, sure, batch.label, 5.0, reconcilement).mean().backward()
    pull = logits.grad.norm(dim=1)
    return (pull[32:].sum() / pull.sum()).item()


def test_a_learner_is_pulled_more_by_what_the_others_leave():
    shares = [share_of_the_unsolved(w2) for w2 in (0.0, 1.0, 4.9)]
    assert shares[0] < 0.6 and shares[0] < shares[1] < shares[2] and shares[2] > 0.9


def weak_alone(name):
    """Test accuracy of the noisy modality by itself, inside a trained method; mean of two seeds."""
    runs = [fit(name, epochs=12, seed=seed, split="literature") for seed in (1, 2)]
    return sum(run.at.kept["last"]["test"]["unimodal_accuracy"]["m1"] for run in runs) / 2


def test_turns_teach_the_modality_that_joint_training_neglects():
    assert weak_alone("reconboost") > weak_alone("joint") + 0.1


def distances(**settings):
    """How far apart both learners' probabilities lie on training data, after training."""
    trainer = fit("reconboost", epochs=12, split="literature", **settings)
    with torch.no_grad():
        out = trainer.method.eval().predict(next(iter(trainer.data.ordered())))
    return memory(*out.unimodal.values()).item()


def test_the_memory_term_holds_learners_together():
    assert distances(memory=20.0) < 0.8 * distances(memory=0.0)


def test_optimizers_start_anew_and_those_of_past_phases_are_let_go():
    seen = []
    trainer = trainer_of(
        spec_of("reconboost", epochs=2), save=lambda s: seen.append(set(s["optimizers"]))
    )
    trainer.train()
    names = [s.name for s in trainer.plan]
    assert seen == [set(names[i:]) for i in range(len(names))]


def test_all_rectified_answers_are_read_not_the_last_stages_alone():
    rows = []
    trainer = trainer_of(spec_of("reconboost", epochs=12), log=rows.append)
    trainer.train()
    scored = [r for r in rows if "val_accuracy" in r]
    assert len({r["stage"] for r in scored}) > 2 and all("test_accuracy" in r for r in scored)
    best = max(scored, key=lambda r: r["val_accuracy"])
    kept = trainer.at.kept["val"]
    assert (kept["stage"], kept["epoch"]) == (best["stage"], best["epoch"])
    again = trainer.answers(trainer.method.predict, trainer.evaluation.val)
    assert torch.equal(again["logits"], kept["val"]["logits"])
    assert trainer.at.kept["last"]["stage"] == trainer.plan[-1].name
    assert flat(trainer.method).isfinite().all()
