"""DI-MML: selection of dimensions, the DUC loss and its gradients, certainty weights."""

from itertools import permutations
from types import SimpleNamespace

import torch

from bench.config.spec import NetworkConfig
from bench.methods.dimml import (
    DIMML,
    certainty_weights,
    class_centroids,
    duc_loss,
    effective_dimensions,
    hit_rates,
)
from bench.networks.task import Task
from bench.types import DatasetSpec, Modality, Prediction
from tests.golden.files import close

FILE = "dimml.npz"


def features_of(golden):
    return golden.each("features_", golden.names("features_"))


def classes_of(golden, modality):
    return len(golden[f"centroids_{modality}"])


def test_centroids(golden):
    labels = golden["labels"]
    for m, z in features_of(golden).items():
        classes = classes_of(golden, m)
        seen = labels.bincount(minlength=classes) > 0  # the others have no centroid
        ours = class_centroids(z, labels, classes)
        close(ours[seen], golden[f"centroids_{m}"][seen])


def test_hit_rates(golden):
    labels = golden["labels"]
    for m, z in features_of(golden).items():
        close(hit_rates(z, labels, classes_of(golden, m)), golden[f"hit_rate_{m}"])


def test_effective_dimensions(golden):
    for m, expected in golden.each("effective_", golden.names("effective_")).items():
        ours = effective_dimensions(golden[f"hit_rate_{m}"])
        assert torch.equal(ours.nonzero()[:, 0], expected)


def method_of(golden):
    """A DIMML that has the file's effective sets. Its encoders and heads are of no use."""
    features = features_of(golden)
    sets = golden.each("effective_", list(features))
    spec = DatasetSpec("toy", 2, dict.fromkeys(features, Modality("vector", (1,))))
    width = next(iter(features.values())).shape[1]
    method = DIMML(Task(spec, NetworkConfig(dim=width), 0), DIMML.Config())
    for i, dimensions in enumerate(sets.values()):
        method.effective[i, dimensions] = True
    return method


def test_exclusive_dimensions(golden):
    """`<t>_only` names teacher t's among two modalities, `<t>_not_<s>` among more."""
    names = golden.names("features_")
    dimensions = method_of(golden).taught_dimensions()
    for t, s in permutations(range(len(names)), 2):
        key = f"{names[t]}_only" if len(names) == 2 else f"{names[t]}_not_{names[s]}"
        assert torch.equal(dimensions[t, s].nonzero()[:, 0], golden[key]), key


def duc(golden):
    """The loss on the file's batch, and the batch's features, which have gradients."""
    batch, temperature = golden.need("duc_batch", "duc_temperature")
    features = {m: z[batch].requires_grad_() for m, z in features_of(golden).items()}
    taught = method_of(golden).taught_dimensions()
    loss = duc_loss(list(features.values()), taught, temperature.item(), detach=True)
    return loss, features


def test_duc_loss(golden):
    close(duc(golden)[0].detach(), golden["duc_loss"])


def test_duc_gradients(golden):
    loss, features = duc(golden)
    loss.backward()
    for m, z in features.items():
        close(z.grad, golden[f"duc_grad_{m}"])


def test_certainty_weights(golden):
    logits, temperature = golden.need("clw_logits", "clw_temperature")
    close(certainty_weights(logits, temperature.item()), golden["clw_weights"])


def test_certainty_weighted_logits(golden):
    logits, temperature = golden.need("clw_logits", "clw_temperature")
    heads = Prediction(logits[-1], dict(enumerate(logits[:-1])), {})
    config = DIMML.Config(certainty_temperature=temperature.item())
    stand_in = SimpleNamespace(config=config, with_own_heads=lambda batch: heads)
    close(DIMML.predict(stand_in, None).logits, golden["clw_fused_logits"])
