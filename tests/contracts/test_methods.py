"""What every method must do, whatever it is. A new row of the table is under test at once."""

import copy
import math
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cache
from io import BytesIO

import pytest
import torch

from bench.evaluation.masking import ZERO, reading
from bench.execute import build_method, open_data
from bench.loading.loaders import OrderedLoader, Source
from bench.methods import ENTRIES
from bench.networks.task import Task
from bench.passes import collect, eval_mode
from bench.registry import load, lookup
from bench.runs.places import Places
from bench.seeds import derive
from bench.training.checkpoint import dump
from bench.training.trainer import Stopped, set_modes
from bench.types import Clock
from tests.helpers.training import CPU, fit, flat, rows, spec_of, trainer_of

# Settings under which a method is joint training by another name.
NEUTRAL = {
    "agm": {"alpha": 0.0},
    "ogm": {"alpha": 0.0},
    "ogm_ge": {"alpha": 0.0, "noise_scale": 0.0},
    "joint-uni": {"unimodal_weight": 0.0},
    "mslr": {"search": False, "dynamic": False},
    "pmr": {"alpha": 0.0, "mu": 0.0},
    "inforeg": {"threshold": 1.0},
    "dgl-fused-to-encoder": {"alpha": 0.0},
    "opm": {"chance": 0.0},
    "opm-no-rescaling": {"base_rate": 0.0},
    "umt": {"weight": 0.0},
    "mbsd": {"start": 1.0},
    "mcr": {"weight": 0.0, "contrast": 0.0, "unimodal_weight": 0.0, "pretrained": False},
    "cml": {"start": 1.0},
    "valuation-sample": {"warmup": 1.0},
    "valuation-modality": {"warmup": 1.0},
    "remix": {"warmup": 1.0, "warmup_weight": 0.0},
}

# Recipes under which a method's settings act, where they do not under the usual one.
ACTING = {
    "amco": {"lr": 0.01},  # units that are left have four times the gradient
    # A share of units is at a bound once features are large.
    "amss": {"lr": 1e-3},
    "amss-plus": {"lr": 1e-3},
    "amss-released": {"lr": 1e-3},
    "inforeg": {"lr": 5e-4},  # traces rise while little is learnt
    "inforeg-uni": {"lr": 5e-4},
    "mslr": {"lr": 5e-3},  # a rate three times as high is better
    "mslr-keep": {"lr": 5e-3},
    "mslr-dynamic": {"lr": 5e-3},
}

# What a method is brought to where all that it trains is to be in use.
GROWN = {"aug": lambda method: method.grown.update(dict.fromkeys(method.grown, method.config.most))}

# Epochs after which a method answers, where two are too few.
SLOW = {"lfm-lb": 6}  # labels have a twentieth of its loss at first


def case(name, modalities=2, **options):
    spec = spec_of(name, modalities, **options)
    return spec, open_data(spec, Places(None))


@cache
def trained(name, modalities=2):
    """What several tests look at, none of which changes it."""
    torch.manual_seed(1)
    return fit(name, modalities=modalities, epochs=SLOW.get(name, 2))


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("name", rows())
def test_trains_and_answers(name, modalities):
    trainer = trained(name, modalities)
    test = trainer.at.kept["val"]["test"]
    assert test["logits"].shape == (len(trainer.evaluation.test), 4)
    assert test["logits"].isfinite().all()
    assert test["accuracy"] > 0.3  # chance is 0.25, and the first modality is easy


@pytest.mark.parametrize("name", rows())
def test_starts_from_the_same_encoders_as_every_method(name):
    spec, bundle = case(name, seed=3)
    torch.manual_seed(len(name))
    method = build_method(spec, bundle.spec)
    task = Task(bundle.spec, spec_of("joint").network, 3)
    for m in method.modalities:
        for p, q in zip(method.encoders[m].parameters(), task.encoder(m).parameters(), strict=True):
            assert torch.equal(p, q)


@pytest.mark.parametrize("name", rows())
def test_building_a_method_leaves_the_global_generator_alone(name):
    spec, bundle = case(name)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    build_method(spec, bundle.spec)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", rows())
def test_training_does_not_depend_on_the_global_generator(name):
    before = trained(name)
    torch.manual_seed(2)
    again = fit(name, epochs=SLOW.get(name, 2))
    assert torch.equal(flat(again.method), flat(before.method))


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_settings_are_joint_training(name):
    ours, joint = fit(name, **NEUTRAL[name]).method, trained("joint").method
    for part in ("encoders", "head"):
        assert torch.equal(flat(getattr(ours, part)), flat(getattr(joint, part))), part


EPOCHS = 8
SETTINGS = [(entry.name, f.name) for entry in ENTRIES for f in fields(load(entry.target).Config)]


def nudged(value, field):
    """Another value that the field takes."""
    choices = field.metadata.get("choices")
    if choices:
        return next(c for c in choices if c != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value + 0.3 if value < 0.6 else value - 0.3


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_every_setting_changes_the_result_unless_it_says_that_it_is_idle(name, key):
    entry = lookup(ENTRIES, name, "method")
    if key == entry.expand:
        pytest.skip("what the rows of an expanding entry differ in")
    row = next(r for r in rows() if lookup(ENTRIES, r, "method") is entry)
    spec = spec_of(row, epochs=EPOCHS)
    config = load(entry.target).Config(**spec.settings)
    field = next(f for f in fields(config) if f.name == key)
    changed = nudged(getattr(config, key), field)
    assert answers_otherwise(row, {key: changed}) == (key not in config.idle(EPOCHS))


class Otherwise(Exception):
    pass


def answers_otherwise(row, settings):
    """Whether a row answers otherwise under these settings: once it does it need not go on."""
    usual = answers(row)

    def compare(at, logits):
        if at in usual and not torch.equal(logits, usual[at]):
            raise Otherwise

    try:
        end = follow(row, compare, settings)
    except Otherwise:
        return True
    return not torch.equal(end, list(usual.values())[-1])


@cache
def answers(row):
    """(stage, epoch) -> what a row answers after it."""
    noted = {}
    follow(row, noted.__setitem__, {})
    return noted


def follow(row, note, settings):
    """Trains a row where settings act. note: called with (stage, epoch) and the logits of test
    after every epoch, once there are any. Returns the last ones."""
    lines = []

    def look(_):
        if last := trainer.at.kept.get("last"):
            note((lines[-1]["stage"], lines[-1]["epoch"]), last["test"]["logits"])

    spec = spec_of(row, epochs=EPOCHS, train=ACTING.get(row), **settings)
    trainer = trainer_of(spec, log=lines.append, save=look)
    trainer.train()
    return trainer.at.kept["last"]["test"]["logits"]


@pytest.mark.parametrize("name", rows())
def test_frozen_modules_and_what_is_not_trained_do_not_move(name):
    trainer = trainer_of(spec_of(name))
    for stage in trainer.plan:
        if not stage.epochs:
            continue
        set_modes(trainer.method, stage)
        trained = {id(p) for p in stage.parameters()}
        frozen = [(module, copy.deepcopy(module.state_dict())) for module in stage.frozen]
        resting = [(p, p.clone()) for p in trainer.method.parameters() if id(p) not in trained]
        for i, batch in enumerate(trainer.data):
            optimizer = trainer.optimizers[stage.optimizer or stage.name]
            stage.step(batch, optimizer, Clock(0, stage.epochs, i, len(trainer.data)))
        for module, before in frozen:
            for key, value in module.state_dict().items():
                assert torch.equal(value, before[key]), key
        assert all(torch.equal(p, before) for p, before in resting)


@pytest.mark.parametrize("name", rows())
def test_every_trained_parameter_gets_a_gradient(name):
    """A part that no loss reaches is dead weight, or a term that was forgotten."""
    trainer = trainer_of(spec_of(name, epochs=8))
    GROWN.get(name, lambda method: None)(trainer.method)
    for stage in trainer.plan:
        if not stage.epochs:
            continue
        set_modes(trainer.method, stage)
        batch = next(iter(trainer.data))
        optimizer = trainer.optimizers[stage.optimizer or stage.name]
        reached = set()  # at any moment of the step: it may have several updates

        def note(p, reached=reached):
            reached.update([id(p)] * bool(p.grad.abs().sum() > 0))

        hooks = [p.register_post_accumulate_grad_hook(note) for p in stage.parameters()]
        stage.step(batch, optimizer, Clock(0, stage.epochs, 0, 1))
        assert reached == {id(p) for p in stage.parameters()}
        for hook in hooks:
            hook.remove()


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", rows())
def test_interrupted_after_any_epoch_it_ends_like_an_uninterrupted_run(name):
    """Each epoch is trained by another trainer, which is killed in the next one."""
    whole, state, ended = fit(name, epochs=4), None, False
    while not ended:
        saved = []
        options = {"save": lambda s, saved=saved: saved.append(dump(s)), "stop": killer(saved)}
        again = trainer_of(spec_of(name, epochs=4), **options)
        torch.manual_seed(99)
        try:
            again.train(loaded(state))
            ended = True
        except Killed:
            (state,) = saved
    assert_same_end(again, whole)


def killer(saved):
    def stop():
        if saved:
            raise Killed

    return stop


@pytest.mark.parametrize("name", rows())
def test_stopped_at_any_moment_it_ends_like_an_uninterrupted_run(name):
    """One run is stopped again and again, another at its very last question."""
    marks, counted = [], Countdown(math.inf)
    note = lambda s: marks.append((counted.asked, dump(s)))  # noqa: E731
    whole = trainer_of(spec_of(name, epochs=2), save=note, stop=counted)
    whole.train()
    again, state = sitting(name, None, 0)
    stops = 0
    while state is not None:
        again, state = sitting(name, state, 1 if stops == 0 else 4)
        stops += 1
    assert stops > 3
    assert_same_end(again, whole)
    (before, last_but_one), (after, _) = marks[-2:]
    _, state = sitting(name, last_but_one, after - before - 1)
    again, none = sitting(name, state, math.inf)
    assert state and not none
    assert_same_end(again, whole)


def sitting(name, state, questions):
    """A trainer that goes on from a state until it ends, or is stopped after so many questions;
    then the state that is to be gone on from comes with it."""
    saved, stop = [], Countdown(questions)
    trainer = trainer_of(spec_of(name, epochs=2), save=saved.append, stop=stop)
    torch.manual_seed(99)
    try:
        trainer.train(loaded(state))
    except Stopped:
        return trainer, dump(saved[-1]) if saved else state
    return trainer, None


class Countdown:
    """A stop that is asked for after so many questions."""

    def __init__(self, after):
        self.after, self.asked = after, 0

    def __call__(self):
        self.asked += 1
        return self.asked > self.after


def loaded(content):
    return content and torch.load(BytesIO(content), weights_only=True)


def assert_same_end(ours, theirs):
    assert torch.equal(flat(ours.method), flat(theirs.method))
    assert ours.at.selected == theirs.at.selected
    assert set(ours.at.kept) == set(theirs.at.kept)
    for protocol, kept in ours.at.kept.items():
        assert kept["epoch"] == theirs.at.kept[protocol]["epoch"]
        for part in ("val", "test"):
            assert torch.equal(kept[part]["logits"], theirs.at.kept[protocol][part]["logits"])


@pytest.mark.parametrize("name", rows())
def test_plans_name_their_stages_apart_and_end_with_an_answer(name):
    plan = trainer_of(spec_of(name, epochs=12)).plan
    assert len({s.name for s in plan}) == len(plan)
    assert plan[-1].answer is not None


@pytest.mark.parametrize("name", rows())
def test_one_planned_epoch_is_enough(name):
    assert fit(name, epochs=1).at.kept["last"]["test"]["logits"].isfinite().all()


@pytest.mark.parametrize("name", rows(3))
def test_the_order_of_the_batch_does_not_change_answers(name):
    trainer = trained(name, 3)
    source = trainer.evaluation.test.source
    order = torch.arange(len(source)).flip(0)
    plain, _ = collect(trainer.method, trainer.method.predict, OrderedLoader(source))
    turned, _ = collect(trainer.method, trainer.method.predict, OrderedLoader(source, order))
    torch.testing.assert_close(turned.logits, plain.logits.flip(0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", rows(3))
def test_withheld_modalities_play_no_part_by_any_way_of_withholding(name):
    """A modality that the batch does not keep, and one whose features are zero, answer alike, from
    inputs and from features that are computed once."""
    trainer = trained(name, 3)
    method = trainer.method
    batch = next(iter(trainer.evaluation.test))
    with reading(method) as reader:
        encoded = reader.encoded(batch)
        reader.learn_fills(batch, {m: z.mean(dim=0) for m, z in encoded.inputs.items()})
        whole = reader.answer(encoded).logits
        for i, m in enumerate(method.modalities):
            present = torch.ones(len(batch.label), len(method.modalities), dtype=torch.bool)
            present[::2, i] = False
            masked = reader.answer(reader.taken(encoded, present, ZERO)).logits
            keep = batch.keep.clone()
            keep[::2, list(batch.inputs).index(m)] = False
            noise = {**batch.inputs, m: torch.full_like(batch.inputs[m], 7.0)}
            noise[m][1::2] = batch.inputs[m][1::2]
            with from_inputs(reader):
                withheld = method.predict(replace(batch, keep=keep)).logits
                other = method.predict(replace(batch, keep=keep, inputs=noise)).logits
            torch.testing.assert_close(masked, withheld, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(masked, other, rtol=1e-5, atol=1e-5)
            assert torch.equal(masked[1::2], whole[1::2]) and not torch.equal(masked, whole)
    with torch.no_grad(), eval_mode(method):
        torch.testing.assert_close(whole, method.predict(batch).logits, rtol=1e-5, atol=1e-5)


@contextmanager
def from_inputs(reader):
    """The method reads inputs again, if it did not."""
    kept = reader.method.__dict__.pop("feature", None)
    reader.encoding = True
    yield
    reader.encoding = False
    if kept is not None:
        reader.method.feature = kept


def test_a_modality_in_the_ensemble_trains_exactly_as_it_does_alone():
    ensemble = fit("ensemble", epochs=4)
    for m in ensemble.method.modalities:
        alone = fit(f"unimodal-{m}", epochs=4)
        assert torch.equal(flat(ensemble.method.encoders[m]), flat(alone.method.encoders[m]))
        assert torch.equal(flat(ensemble.method.head[m]), flat(alone.method.head[m]))
        assert ensemble.at.selected[m] == alone.at.kept["val"]["epoch"]


def test_the_ensemble_averages_what_it_is_told_to():
    for average, blend in (
        ("logits", lambda stack: stack.mean(dim=0)),
        ("probs", lambda stack: stack.softmax(dim=2).mean(dim=0).log()),
    ):
        out = fit("ensemble", average=average).at.kept["last"]["test"]
        expected = blend(torch.stack(list(out["unimodal"].values())))
        torch.testing.assert_close(out["logits"], expected)


def test_seeds_of_different_names_are_different_streams():
    assert derive(0, "order", 1) != derive(1, "order", 0) != derive(0, "order", 0)


def test_sources_standardise_as_the_spec_says():
    from dataclasses import replace

    _, bundle = case("joint")
    modalities = {m: replace(i, mean=2.0, std=4.0) for m, i in bundle.spec.modalities.items()}
    source = Source(bundle.parts["test"], replace(bundle.spec, modalities=modalities), CPU)
    batch = next(iter(OrderedLoader(source)))
    raw = bundle.parts["test"].inputs["m0"][: len(batch.label)]
    torch.testing.assert_close(batch.inputs["m0"], (raw - 2) / 4)
