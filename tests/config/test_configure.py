"""From what a user asks for to RunSpecs, and every mistake in between."""

import json

import pytest
from torch import nn

from bench import FORMAT, configure
from bench.config.experiment import Experiment, read_folds, read_roots, read_seeds
from bench.config.spec import fold_of, from_json
from bench.errors import UserError
from bench.networks import RESERVED
from bench.suites import parse
from bench.types import DatasetSpec, Modality
from tests.helpers.experiments import experiment
from tests.helpers.training import SYNTHETIC


def specs(*methods, **options):
    return configure.specs(experiment(*methods, **options))


def refused(match, *methods, **options):
    with pytest.raises(UserError, match=match):
        specs(*methods, **options)


def test_unimodal_stands_for_a_run_of_each_modality():
    names = [s.method for s in specs("unimodal", "joint", sets=["data.modalities=3"])]
    assert names == ["unimodal-m0", "unimodal-m1", "unimodal-m2", "joint"]
    assert [s.method for s in specs("unimodal-m1")] == ["unimodal-m1"]


def test_the_digest_names_everything_but_the_seed():
    one, two = specs("joint", seeds=(0, 7))
    assert one.digest == two.digest
    for change in ("train.lr=0.5", "network.dim=8", "data.modalities=3", "network.encoder.m0=mlp"):
        (other,) = specs("joint", sets=[change])
        assert (other.digest == one.digest) == (change == "network.encoder.m0=mlp")  # the default


def test_a_spec_survives_json():
    (spec,) = specs("dimml", sets=["duc_start=0.2", "train.epochs=3"])
    assert from_json(json.loads(json.dumps(spec.to_json())), "x") == spec


def test_what_a_method_does_not_use_does_not_change_its_digest():
    plain = {s.method: s.digest for s in specs("unimodal", "ensemble", "joint")}
    fused = specs("unimodal", "ensemble", "joint", sets=["network.fusion=sum"])
    same = {s.method for s in fused if s.digest == plain[s.method]}
    assert same == {"unimodal-m0", "unimodal-m1", "ensemble"}


def test_settings_are_typed_by_their_field():
    (spec,) = specs("dimml", sets=["duc_detach=no", "duc_start=20/100", "train.epochs=10"])
    assert spec.settings["duc_detach"] is False
    assert spec.settings["duc_start"] == 0.2
    assert spec.train.epochs == 10


def test_a_bare_setting_goes_to_the_methods_that_have_it():
    ge, joint, ogm = specs("ogm_ge", "joint", "ogm", sets=["alpha=0.3"])
    assert ge.settings["alpha"] == ogm.settings["alpha"] == 0.3
    assert "alpha" not in joint.settings


def test_a_row_keeps_what_makes_it_that_row():
    ogm, ge = specs("ogm", "ogm_ge", sets=["noise_scale=0.5"])
    assert (ogm.settings["noise_scale"], ge.settings["noise_scale"]) == (0.0, 0.5)
    refused("noise_scale is what makes ogm the row", "ogm", sets=["noise_scale=0.5"])
    refused("noise_scale is fixed at 0.0 in ogm", ("ogm", {"noise_scale": 1}))


def test_a_value_that_cannot_act_is_refused():
    refused(
        "duc_start of dimml would have no effect: DUC would start after", "dimml",
        sets=["duc_start=1"],
    )  # fmt: skip
    refused("momentum .* no effect: adamw has none", "joint",
            sets=["train.optimizer=adamw", "train.momentum=0.5"])  # fmt: skip
    refused("condition .* no effect", "joint", sets=["network.condition=m0"])
    refused("network.fusion would have no effect: ensemble", "ensemble",
            sets=["network.fusion=sum"])  # fmt: skip
    refused("start of ogm .* no epoch", "ogm", sets=["start=0.9", "alpha=0.5"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("alpa=1", r"'alpa' is not a setting of ogm_ge; there is alpha, .* Did you mean 'alpha'\?"),
        ("alpha=loud", "alpha of ogm_ge takes a number, not 'loud'; its default is 0.8"),
        ("alpha=-1", "alpha of ogm_ge is at least 0.0, not -1.0"),
        ("alpha=nan", "alpha of ogm_ge takes a number, not 'nan'"),
        ("start=2", "start of ogm_ge is at most 1.0, not 2.0"),
        ("alpha", "--set takes key=value, not 'alpha'"),
        ("trian.lr=1", "'trian.lr' is not a place for --set"),
        ("train.lrr=1", r"'lrr' is not a setting of the recipe of .* Did you mean 'lr'\?"),
        ("train.epochs=0", "epochs .* is at least 1, not 0"),
        ("train.epochs=99999999999", "epochs .* is at most 1000000"),
        ("train.batch_size=99999999999", "batch_size .* is at most 1000000"),
        ("train.threads=100000000", "threads .* is at most 1024"),
        ("train.lr=1e300", "lr .* is at most 1000000"),
        ("train.weight_decay=1e300", "weight_decay .* is at most 1000000"),
        ("train.lr_gamma=1e300", "lr_gamma .* is at most 1000000"),
        ("network.dim=100000000", "dim .* is at most 16384"),
        ("train.epochs=2.5", "epochs .* takes a whole number, not '2.5'"),
        ("train.optimizer=sdg", r"'sdg' is not a value of optimizer .* Did you mean 'sgd'\?"),
        ("network.fusion=concta", r"'concta' is not a fusion; .* Did you mean 'concat'\?"),
        ("network.fusion=film", "ogm_ge needs a fusion whose logits split .* concat, sum; not 'fi"),
        ("network.encoder.m9=mlp", "'m9' is not a modality of synthetic"),
        ("network.encoder.m0=cnn", "'cnn' is not an encoder for 'm0', of kind 'vector'"),
        ("data.modalities=9", "modalities .* is at most 4, not 9"),
        ("data.splt=clean", r"'splt' is not a setting .* Did you mean 'split'\?"),
        ("data.modalities=1", "ogm_ge needs at least 2 modalities; synthetic has 1"),
    ],
)
def test_a_mistake_gets_a_sentence_with_the_remedy(change, sentence):
    refused(sentence, "ogm_ge", sets=[change])


def test_unknown_methods_and_data_sets_get_the_nearest_name():
    refused(r"'ogm-ge' is not a method; .* Did you mean 'ogm_ge'\?", "ogm-ge")
    refused("'m7' is not a modality of synthetic", "unimodal-m7")
    refused("has no class 'Nothing'", "bench.methods.joint:Nothing")
    refused("no module 'no_such'", "no_such:Thing")
    with pytest.raises(UserError, match=r"'digit' is not a data set; .* Did you mean 'digits'\?"):
        configure.specs(Experiment(("digit",), (("joint", {}),), (0,)))


def test_a_class_from_outside_the_table_runs():
    (spec,) = specs("tests.helpers.outside:Loud", sets=["loudness=3"])
    assert spec.settings == {"loudness": 3.0}


def test_a_modality_is_not_called_as_an_attribute_of_what_keeps_the_encoders():
    public = {name for name in dir(nn.ModuleDict()) if not name.startswith("_")}
    assert public <= RESERVED
    for name in ("train", "_modules", "left.eye"):
        spec = DatasetSpec("one", 2, {name: Modality("vector", (3,))})
        with pytest.raises(UserError, match=f"'{name}' cannot be the name of a modality of one"):
            configure.check_modalities(spec)


def test_a_value_for_all_and_one_for_a_name_exclude_each_other():
    with pytest.raises(UserError, match=r"--set data\.x\.a and --set data\.x=b exclude each other"):
        Experiment((), (), ()).with_settings(["data.x=b", "data.x.a=c"])


@pytest.mark.parametrize(
    ("text", "seeds"), [("5", (0, 1, 2, 3, 4)), ("3,7", (3, 7)), ("7,", (7,)), ([2, 4], (2, 4))]
)
def test_seeds_are_a_count_or_a_list(text, seeds):
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["0", "-1", "x", "", "1,1", ",", "2.5", "-3,4", "9" * 5000, [2.5], [None], [True], {}]
)
def test_seeds_that_name_no_runs_are_refused(text):
    with pytest.raises(UserError, match="seeds"):
        read_seeds(text)


def test_seeds_beyond_what_the_generators_take_are_refused():
    largest = 2**64 - 1
    assert read_seeds(f"{largest},") == read_seeds([largest]) == (largest,)
    for value in (f"3,{largest + 1}", [largest + 1]):
        with pytest.raises(UserError, match=f"name {largest + 1}, and the largest .* is {largest}"):
            read_seeds(value)


def test_a_count_of_seeds_is_bounded_before_they_are_listed():
    with pytest.raises(UserError, match=r"2000000000 is a count, and the most is 10000.*comma"):
        read_seeds("2000000000")


@pytest.mark.parametrize(
    ("value", "folds"), [("3", (0, 1, 2)), ("0,2,", (0, 2)), ([4], (4,)), ("all", "all")]
)
def test_folds_are_asked_for_as_seeds_are_or_all(value, folds):
    assert read_folds(value) == folds


@pytest.mark.parametrize("value", ["0", "x", "1,1", "", [None], "All"])
def test_folds_that_name_none_are_refused(value):
    with pytest.raises(UserError, match="folds"):
        read_folds(value)


def folded(folds, *methods, sets=(), dataset="digits"):
    chosen = tuple((m, {}) for m in methods or ["joint"])
    asked = Experiment((dataset,), chosen, (0, 1), folds=folds)
    return configure.specs(asked.with_settings(sets))


def test_every_fold_is_a_configuration_of_its_own_with_all_seeds():
    found = folded((0, 2), "unimodal", "joint")
    methods = ["unimodal-left", "unimodal-right", "joint"]
    assert [(s.method, fold_of(s.data), s.seed) for s in found] == [
        (method, fold, seed) for method in methods for fold in (0, 2) for seed in (0, 1)
    ]
    assert len({s.digest for s in found}) == 6 and len({s.unfolded for s in found}) == 3


def test_all_folds_are_those_of_the_split_and_fold_0_is_as_without_a_choice():
    found = folded("all")
    assert [fold_of(s.data) for s in found] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert found[:2] == folded(()) and found[0].data == {"split": "clean"}


@pytest.mark.parametrize(
    ("folds", "sets", "sentence"),
    [
        ("all", ["data.split=literature"], "of digits has no folds; leave it out, or choose"),
        ((0, 5), [], "digits has folds 0 to 4, and no fold 5; give --folds all"),
        ((0, 1), ["data.fold=1"], "--folds and data.fold=1 exclude each other"),
    ],
)
def test_folds_that_a_data_set_does_not_have_are_refused(folds, sets, sentence):
    with pytest.raises(UserError, match=sentence):
        folded(folds, sets=sets)


def test_a_data_set_without_folds_has_no_split_to_choose():
    with pytest.raises(UserError, match=r"has no folds; leave it out \(docs"):
        folded("all", dataset=SYNTHETIC)


def test_a_suite_may_ask_for_folds():
    text = "name: x\ndatasets: [digits]\nmethods: [joint]\nseeds: 1\nfolds: {}"
    assert parse(text.format("[1, 3]"), "x").experiment.folds == (1, 3)
    assert parse(text.format("all"), "x").experiment.folds == "all"
    with pytest.raises(UserError, match="folds 0 name no runs"):
        parse(text.format(0), "x")


def test_roots_are_named_where_there_are_several_data_sets(tmp_path):
    saved = {"b": "/saved"}
    assert read_roots([str(tmp_path)], ("a",), saved)["a"] == tmp_path
    assert str(read_roots([f"a={tmp_path}"], ("a", "b"), saved)["b"]) == "/saved"
    with pytest.raises(UserError, match="does not say whose it is"):
        read_roots([str(tmp_path)], ("a", "b"), {})
    with pytest.raises(UserError, match="'c' is not one of the data sets asked for"):
        read_roots([f"c={tmp_path}/none"], ("a", "b"), {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: x\ndatasets: [a]\nmethod: [b]", r"'method' is not a key of suite .* 'methods'\?"),
        ("name: x\ndatasets: [a]", "has no 'methods'"),
        ("name: runs\ndatasets: [a]\nmethods: [b]", "is named 'runs'"),
        ("name: x\ndatasets: a\nmethods: [b]", "'datasets' of suite .* is a list, not 'a'"),
        ("name: x\ndatasets: [a]\nmethods: [{nam: b}]", "a method of suite .* is a name or"),
        ("name: x\ndatasets: [a]\nmethods: [b]\nseeds: 0", "seeds 0 name no runs"),
        ("name: [", "is not YAML"),
        ("- a", "is not a mapping"),
    ],
)
def test_a_suite_that_is_not_one_is_refused(text, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(text, "mine.yaml")


def test_a_suite_sets_things_per_method_and_for_all():
    text = f"""
name: mine
datasets: ["{SYNTHETIC}"]
methods: [joint, {{name: dimml, set: {{temperature: 10}}}}]
seeds: 3,7
train: {{epochs: 4}}
"""
    found = configure.specs(parse(text, "mine").experiment)
    assert [(s.method, s.seed) for s in found] == [
        ("joint", 3),
        ("joint", 7),
        ("dimml", 3),
        ("dimml", 7),
    ]
    assert found[2].settings["temperature"] == 10.0 and found[0].train.epochs == 4


def test_a_spec_of_another_format_is_refused():
    (spec,) = specs("joint")
    with pytest.raises(UserError, match=f"format version 99, this code reads {FORMAT}"):
        from_json({**spec.to_json(), "format": 99}, "spec.json")
    with pytest.raises(UserError, match="is not a run's specification"):
        from_json({"format": FORMAT}, "spec.json")


def test_a_suites_data_set_may_have_settings_of_its_own():
    text = f"""
    name: x
    datasets:
      - {{name: "{SYNTHETIC}", set: {{modalities: 3}}}}
      - "{SYNTHETIC}"
    methods: [joint]
    seeds: 1
    data: {{modalities: 2, split: clean}}
    """
    made = configure.specs(parse(text, "x").experiment)
    assert [spec.data["modalities"] for spec in made] == [3, 2]
    assert {spec.data["split"] for spec in made} == {"clean"}
