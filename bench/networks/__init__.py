"""Names of the encoders and fusions, and those that no modality can have, as strings, so that they
can be checked without torch."""

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

# Attributes of torch.nn.ModuleDict, beside those that begin with _: it keeps modules by modality.
RESERVED = set(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu
    cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu items keys load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters pop register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train
    training type update values xpu zero_grad
    """.split()  # noqa: SIM905 (a line each, otherwise)
)
