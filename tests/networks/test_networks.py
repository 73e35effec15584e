"""Encoders and fusions: shapes, shares, seeds."""

import pytest
import torch
from torch import nn

from bench.config.spec import NetworkConfig
from bench.networks import DEFAULT_ENCODER, ENCODERS, FUSIONS, encoders
from bench.networks.task import CONTIGUOUS, Task
from bench.registry import load
from bench.types import DatasetSpec, Modality

SHAPES = {
    "vector": (7,),
    "image": (1, 28, 28),
    "spectrogram": (1, 112, 112),
    "frames": (3, 2, 64, 64),
    "flow": (2, 3, 64, 64),
    "sequence": (6, 5),
    "tokens": (6,),
}
WORDS = 11
DIMS = {"m0": 3, "m1": 5, "m2": 4}


def encoder(kind, name, dim=8, seed=0, **chosen):
    spec = DatasetSpec("made", 4, {"m0": Modality(kind, SHAPES[kind], vocabulary=WORDS)})
    return Task(spec, NetworkConfig(dim=dim, encoder={"m0": name}), seed, **chosen).encoder("m0")


def inputs(kind):
    if kind == "tokens":
        return torch.randint(1, WORDS, (2, *SHAPES[kind]))
    return torch.randn(2, *SHAPES[kind])


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n, entry in ENCODERS.items() for k in entry.kinds]
)
def test_encoders_give_features_of_their_width(name, kind):
    made = encoder(kind, name).eval()
    z = made(inputs(kind))
    assert z.shape == (2, made.dim)
    assert (made.dim == 8) == ENCODERS[name].free_width


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n, entry in ENCODERS.items() for k in entry.kinds]
)
def test_the_parts_of_an_encoder_are_the_whole(name, kind):
    made, whole = encoder(kind, name).eval(), inputs(kind)
    x, widths = whole, []
    for part in made.parts():
        x = part(x)
        widths.append(x.shape[1])
    assert tuple(widths) == made.widths
    assert torch.equal(x.view(2, -1, made.dim).mean(dim=1), made(whole))


@pytest.mark.parametrize("kind", DEFAULT_ENCODER)
def test_the_default_encoder_takes_its_kind(kind):
    assert kind in ENCODERS[DEFAULT_ENCODER[kind]].kinds


def test_frame_features_are_averaged_over_time():
    made = encoder("frames", "resnet18").eval()
    x = torch.randn(2, *SHAPES["frames"])
    single = [made(x[:, :, t : t + 1]) for t in range(2)]
    torch.testing.assert_close(made(x), torch.stack(single).mean(dim=0), rtol=1e-4, atol=1e-4)


def maps_of(made, kind):
    """The first block's maps of two samples, from the weights' layout and the input's."""
    maps = []
    hook = made.blocks[4].register_forward_hook(lambda *call: maps.append(call[2]))
    z = made(inputs(kind))
    hook.remove()
    return z, *maps


@pytest.mark.parametrize(("kind", "chosen"), [("spectrogram", True), ("image", False)])
def test_the_layout_of_spectrograms_is_a_choice_and_of_pictures_none(kind, chosen):
    usual = encoder(kind, "resnet18").eval()
    other = encoder(kind, "resnet18", layout=CONTIGUOUS).eval()
    torch.manual_seed(0)
    z, maps = maps_of(usual, kind)
    torch.manual_seed(0)
    same, others = maps_of(other, kind)
    torch.testing.assert_close(same, z, rtol=1e-4, atol=1e-4)
    assert maps.is_contiguous(memory_format=torch.channels_last)
    for x in (others, other.blocks[4][0].conv1.weight):
        assert x.is_contiguous() == chosen


def test_encoders_depend_on_seed_modality_and_stream_alone():
    spec = DatasetSpec("made", 4, {m: Modality("vector", (7,)) for m in ("m0", "m1")})
    task = Task(spec, NetworkConfig(), 0)
    weight = task.encoder("m0").blocks[1].weight
    assert torch.equal(task.encoder("m0").blocks[1].weight, weight)
    assert torch.equal(task.only("m0").encoder("m0").blocks[1].weight, weight)
    for other in (
        task.encoder("m1"),
        task.encoder("m0", stream="teacher"),
        Task(spec, NetworkConfig(), 1).encoder("m0"),
    ):
        assert not torch.equal(other.blocks[1].weight, weight)


def fusion(name, condition="m0", dims=DIMS):
    torch.manual_seed(0)
    head = load(FUSIONS[name].target)(dims, 6, condition)
    for p in head.parameters():
        nn.init.normal_(p)
    return head


def features(dims=DIMS):
    return {m: torch.randn(9, d) for m, d in dims.items()}


@pytest.mark.parametrize("name", FUSIONS)
def test_fusions_answer_for_two_and_three_modalities(name):
    for dims in (DIMS, {m: DIMS[m] for m in ("m0", "m1")}):
        assert fusion(name, dims=dims)(features(dims)).shape == (9, 6)


@pytest.mark.parametrize("name", FUSIONS)
def test_separable_fusions_and_no_others_have_shares(name):
    assert hasattr(fusion(name), "contributions") == FUSIONS[name].separable


@pytest.mark.parametrize("name", [n for n, f in FUSIONS.items() if f.separable])
def test_shares_sum_to_the_logits(name):
    head, z = fusion(name), features()
    torch.testing.assert_close(sum(head.contributions(z).values()), head(z))


@pytest.mark.parametrize("name", ["film", "gated"])
def test_the_conditioning_modality_is_a_setting(name):
    z = features()
    assert not torch.equal(fusion(name, "m0")(z), fusion(name, "m1")(z))


@pytest.mark.parametrize("name", FUSIONS)
def test_fusions_start_xavier_normal_with_zero_bias(name):
    torch.manual_seed(0)
    head = load(FUSIONS[name].target)({"m0": 300, "m1": 400}, 50, "m0")
    for layer in head.modules():
        if not isinstance(layer, nn.Linear):
            continue
        expected = (2 / (layer.in_features + layer.out_features)) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert (layer.bias == 0).all()


def test_film_and_gated_are_the_page_formulas():
    dims = {"m0": 3, "m1": 5}
    z = features(dims)
    film = fusion("film", dims=dims)
    gamma, beta = (z["m0"] @ film.films["m1"].weight.T + film.films["m1"].bias).split(5, dim=1)
    torch.testing.assert_close(film(z), film.heads["m1"](gamma * z["m1"] + beta))
    gated = fusion("gated", dims=dims)
    u = {m: gated.maps[m](z[m]) for m in dims}
    torch.testing.assert_close(gated(z), gated.heads["m1"](u["m0"].sigmoid() * u["m1"]))


def test_narrow_modalities_are_projected_to_the_widest():
    spec = DatasetSpec("made", 4, {m: Modality("vector", (7,)) for m in DIMS})
    made = Task(spec, NetworkConfig(), 0).projections(DIMS)
    assert {m: (p.in_features, p.out_features) for m, p in made.items()} == {
        "m0": (3, 5),
        "m2": (4, 5),
    }


def test_samples_that_are_looked_at_a_few_at_a_time_have_the_same_features(monkeypatch):
    one, x = encoder("image", "cnn").eval(), torch.randn(7, *SHAPES["image"])
    monkeypatch.setattr(encoders, "IN_CACHE", 3)
    with torch.no_grad():
        assert torch.equal(one(x), one.pool(one.blocks(x)))
        one.train()
        one(x)  # with statistics of all seven
    assert one.blocks[1].num_batches_tracked == 1
