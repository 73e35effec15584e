"""Names of the encoders and fusions, as strings, so that they can be checked without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderEntry:
    """kinds: the kinds of modality that the encoder takes. free_width: whether `network.dim` sets
    its width."""

    target: str
    kinds: tuple[str, ...]
    free_width: bool


@dataclass(frozen=True)
class FusionEntry:
    """separable: whether the logits split into shares of the modalities that sum to them."""

    target: str
    separable: bool


ENCODERS = {
    "mlp": EncoderEntry("bench.networks.encoders:MLP", ("vector",), free_width=True),
    "cnn": EncoderEntry(
        "bench.networks.encoders:SmallCNN", ("image", "spectrogram"), free_width=True
    ),
    "resnet18": EncoderEntry(
        "bench.networks.encoders:ResNet18",
        ("frames", "flow", "spectrogram", "image"),
        free_width=False,
    ),
    "transformer": EncoderEntry(
        "bench.networks.sequences:Transformer", ("sequence", "tokens"), free_width=True
    ),
}

# What a modality of a kind gets when neither its data set nor the user names an encoder.
DEFAULT_ENCODER = {
    "vector": "mlp",
    "image": "cnn",
    "spectrogram": "resnet18",
    "frames": "resnet18",
    "flow": "resnet18",
    "sequence": "transformer",
    "tokens": "transformer",
}

FUSIONS = {
    "concat": FusionEntry("bench.networks.fusion:ConcatHead", separable=True),
    "sum": FusionEntry("bench.networks.fusion:SumHead", separable=True),
    "film": FusionEntry("bench.networks.fusion:FiLMHead", separable=False),
    "gated": FusionEntry("bench.networks.fusion:GatedHead", separable=False),
}
