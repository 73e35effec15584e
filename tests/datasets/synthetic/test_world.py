"""The synthetic world: its best accuracies and posteriors are what they are said to be."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bench import configure, metrics, suites
from bench.config.experiment import Experiment
from bench.datasets.synthetic.adapter import TEST, Synthetic
from bench.datasets.synthetic.settings import WORLDS, SyntheticSettings, world_of
from bench.datasets.synthetic.world import DRAWS, LOUD, accuracy_alone, bend, distance
from bench.errors import UserError
from bench.metrics import calibration
from bench.report.quantities import QUANTITIES
from bench.report.read.predictions import predictions
from bench.report.read.results import read
from tests.helpers import oracle
from tests.helpers.kills import finish, start

SHUFFLED = "tests.helpers.oracle:Shuffled"
ERROR = 5 * 0.5 / np.sqrt(DRAWS)  # of a best accuracy, at most: five standard errors


def opened(**settings):
    return Synthetic(SyntheticSettings(**settings), None).open(None)


def drawn(world, count=20_000, seed=3):
    """Labels, latents and what is observed."""
    draws = np.random.default_rng(seed)
    states = draws.integers(len(world.classes), size=count)
    shown = world.latents(states, draws)
    return np.array(world.classes)[states], shown, world.observe(shown, draws)


@pytest.mark.parametrize("size", [2, 9])
@pytest.mark.parametrize("strength", [0.6, 0.95])
def test_a_strength_is_the_accuracy_of_the_modality_alone(size, strength):
    assert accuracy_alone(distance(strength, size), size) == pytest.approx(strength, abs=1e-9)


def test_what_is_no_better_than_chance_has_no_distance():
    assert distance(1 / 9, 9) == 0.0


@pytest.mark.parametrize("setting", ["balanced", "fast-weak", "redundant", "three"])
def test_best_accuracies_are_those_of_one_stronger_modality(setting):
    """Independent evidence adds up; that with a common noise as its covariance says."""
    world = WORLDS[setting]
    for size in range(1, len(world.parts) + 1):
        covariance = world.shared + (1 - world.shared) * np.eye(size)
        s = world.distances[:size]
        exact = accuracy_alone(np.sqrt(s @ np.linalg.inv(covariance) @ s), 9)
        assert world.best_accuracy(range(size)) == pytest.approx(exact, abs=1e-6)
    assert world.drawn_accuracy(range(size)) == pytest.approx(exact, abs=ERROR)


def test_in_complementary_each_modality_tells_a_part_and_both_tell_all():
    world = WORLDS["complementary"]
    assert world.best_accuracy([0]) == pytest.approx(0.9 / 3, abs=ERROR)
    assert world.best_accuracy([1]) == pytest.approx(0.9 / 3, abs=ERROR)
    assert world.best_accuracy([0, 1]) == pytest.approx(0.9**2, abs=ERROR)


def test_in_synergy_no_modality_tells_anything_alone():
    world = WORLDS["synergy"]
    for shown in ([0], [1]):
        assert world.best_accuracy(shown) == pytest.approx(1 / 9, abs=1e-6)
    both = world.best_accuracy([0, 1])
    assert 0.95**2 < both < 0.95  # both parts right, or two errors that cancel


@pytest.mark.parametrize(
    ("setting", "told"),
    [("three", [0, 1, 2]), ("three", [0, 2]), ("redundant", [0, 1]), ("redundant", [1])],
)
def test_the_posterior_is_that_of_the_densities(setting, told):
    world = WORLDS[setting]
    _, shown, _ = drawn(world, 20)
    count = len(told)
    covariance = world.shared + (1 - world.shared) * np.eye(count)
    logs = np.zeros((20, 9))
    for c in range(9):
        for k in range(9):  # of every latent, one dimension after another
            mean = world.distances[told] * (k == c)
            at = np.stack([shown[m][:, k] for m in told], axis=1)
            logs[:, c] += multivariate_normal(mean, covariance).logpdf(at)
    assert world.posterior(shown, told) == pytest.approx(metrics.softmax(logs), abs=1e-9)


@pytest.mark.parametrize("setting", WORLDS)
def test_an_observation_loses_nothing(setting):
    world = WORLDS[setting]
    _, shown, observed = drawn(world, 200)
    for u, undone in zip(shown, oracle.latents(world, observed), strict=True):
        assert np.abs(u - undone).max() < 0.05  # the grid, over the slope and the least speed


@pytest.mark.parametrize("setting", ["three", "complementary"])
def test_a_picture_shows_what_the_numbers_are(setting):
    world = WORLDS[setting]
    vectors, images = (opened(setting=setting, samples=200, render=r) for r in ("vector", "image"))
    assert images.parts["test"].inputs["x1"].shape[1:] == (1, 32, 8)
    both = (
        [x.double().numpy() for x in d.parts["test"].inputs.values()] for d in (vectors, images)
    )
    for x, pixels in zip(*both, strict=True):
        assert (pixels**2).mean() == pytest.approx((x**2).mean(), rel=1e-4)
    for u, undone in zip(*(oracle.latents(world, x) for x in both), strict=True):
        assert np.abs(u - undone).max() < 0.05
    assert (images.truth.posterior == vectors.truth.posterior).all()
    assert images.hash != vectors.hash and images.split == f"{setting}, image"


def test_pictures_are_read_by_convolutions():
    (spec,) = configure.specs(
        Experiment(("synthetic",), (("joint", {}),), (0,), data={"render": "image"})
    )
    assert set(spec.network.encoder.values()) == {"cnn"}


def test_bending_is_monotone():
    assert (np.diff(bend(np.linspace(-9, 9, 10_000))) > 0).all()


@pytest.mark.parametrize("setting", WORLDS)
def test_the_oracle_reaches_the_best_accuracies_in_the_ordinary_evaluation(setting, tmp_path):
    method = ("tests.helpers.oracle:Oracle", {"setting": setting})
    data = {"setting": setting, "samples": 200}
    (spec,) = configure.specs(Experiment(("synthetic",), (method,), (0,), data=data))
    run = start(tmp_path, spec)
    finish(run)
    found = read(run)
    best = found.evaluated.best
    shown = {tuple(one["modalities"]): one["mask"] for one in found.evaluated.subsets}
    assert set(shown) - {()} == set(best)
    for modalities, accuracy in best.items():
        error = 4 * np.sqrt(accuracy * (1 - accuracy) / TEST)
        assert shown[modalities] == pytest.approx(accuracy, abs=error)
    whole, chance = max(best, key=len), found.evaluated.chance
    share = (shown[whole] - chance) / (best[whole] - chance)
    assert QUANTITIES["attained"].value(found, "val") == pytest.approx(share, abs=1e-9)
    assert QUANTITIES["posterior_kl"].value(found, "val") < 1e-3
    probs = predictions(run, "val").probs
    bins = calibration.equal_mass(probs, predictions(run, "val").labels)
    assert calibration.expected_error(bins) < 0.03


def ended(folder, spec):
    run = start(folder, spec)
    finish(run)
    return read(run)


def trained(folder, dataset, **data):
    train = {"lr": 0.05, "epochs": 3}
    (spec,) = configure.specs(
        Experiment((dataset,), (("joint", {}),), (0,), train=train, data=data)
    )
    return ended(folder, spec)


def test_labels_in_another_order_leave_chance(tmp_path):
    """Through the whole of training, selection and evaluation, over four draws."""
    means = {}
    for dataset in ("synthetic", SHUFFLED):
        runs = [
            trained(tmp_path / dataset, dataset, setting="balanced", samples=1000, fold=fold)
            for fold in range(4)
        ]
        found = [(run.accuracy["val"], *run.probe.values()) for run in runs]
        means[dataset] = np.mean(found, axis=0)
    assert (means["synthetic"] > 0.5).all()
    assert means[SHUFFLED] == pytest.approx(1 / 9, abs=0.03)


@pytest.mark.slow
def test_in_synergy_an_ensemble_fails_and_joint_training_need_not(tmp_path):
    """As docs/known-task.md says."""
    suite = replace(suites.read("synergy").experiment, seeds=(0,))
    found = {
        spec.method: ended(tmp_path, spec).accuracy["val"]
        for spec in configure.specs(suite)
        if spec.method in ("joint", "ensemble")
    }
    assert found["joint"] > 0.7
    assert found["ensemble"] == pytest.approx(1 / 9, abs=0.03)


# Of the data by the setting, as vectors and as pictures, and the best accuracy.
DIGESTS = {
    "balanced": ("29f02b846edeff75", "07e4024ac100da11", 0.89089),
    "fast-weak": ("d37ecbba80c5ede7", "76ce1334a09bcd45", 0.903018),
    "fast-strong": ("074fbf951cc56017", "c69fa86043ca60d9", 0.903018),
    "redundant": ("5999520d01a93b50", "1cb01a83499e7581", 0.731484),
    "complementary": ("9e87a91bf1be9fc4", "7a8993842d87fd14", 0.810212),
    "synergy": ("c29b24825d689375", "1d76ae986284353c", 0.903343),
    "three": ("1e8f82d25f8228c5", "476348e54d3e00f9", 0.904595),
}


@pytest.mark.parametrize("setting", WORLDS)
def test_every_machine_draws_the_same_bytes(setting):
    vectors, images = (opened(setting=setting, samples=200, render=r) for r in ("vector", "image"))
    found = (vectors.hash[:16], images.hash[:16], max(vectors.truth.best.values()))
    assert found == DIGESTS[setting]


def test_a_slow_modality_is_quieter_in_all_but_few_directions():
    world = replace(WORLDS["balanced"], speeds=(1.0, 0.1))
    _, _, observed = drawn(world)
    fast, slow = (np.sqrt(np.linalg.eigvalsh(np.cov(x.T))[::-1]) for x in observed)
    assert slow[LOUD:].max() < 0.3 * fast[LOUD:].min()
    assert slow[:LOUD].min() > 0.9


def test_a_fold_is_another_draw_of_the_same_world():
    one, two = (opened(setting="three", samples=200, fold=fold) for fold in (0, 1))
    assert not set(one.parts["test"].ids) & set(two.parts["test"].ids)
    assert one.truth.best == two.truth.best and one.hash != two.hash


def test_another_number_of_training_samples_leaves_those_that_test():
    few, many = (opened(samples=n) for n in (200, 400))
    x, y = (d.parts["test"].inputs["x0"][d.parts["test"].rows] for d in (few, many))
    assert (x == y).all() and len(many.parts["train"]) == 2 * len(few.parts["train"])


def test_classes_are_as_frequent_as_each_other():
    labels = opened(setting="synergy", samples=900).parts["train"].labels
    assert set(np.bincount(labels).tolist()) <= {99, 100, 101}


def test_the_users_numbers_take_the_places_of_the_settings():
    world = world_of(SyntheticSettings(strength={"x1": "0.5"}, speed={"x0": "0.3"}))
    assert world.strengths == (WORLDS["fast-weak"].strengths[0], 0.5)
    assert world.speeds == (0.3, WORLDS["fast-weak"].speeds[1])
    assert "x0 speed 0.3" in opened(speed={"x0": "0.3"}, samples=200).split


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strength": {"x7": "0.5"}}, "x7"),
        ({"strength": {"x0": "half"}}, "takes a number, not 'half'"),
        ({"strength": {"x0": "0.05"}}, "is between 0.111 and 0.999"),
        ({"speed": {"x1": "0"}}, "is between 0.01 and 10"),
    ],
)
def test_a_wrong_number_is_refused_in_a_sentence(settings, words):
    with pytest.raises(UserError, match=words):
        Synthetic.complete(settings, None)
