"""DI-MML and its ablations."""

from dataclasses import replace

from bench.registry import MethodEntry as Entry
from bench.registry import variants

DETACHED = "Detached training"
# What is ours where there are more than two modalities.
DIMML_BEYOND = "DUC is summed over ordered pairs and divided by M - 1"
DIMML = Entry(
    "dimml",
    "bench.methods.dimml:DIMML",
    "DI-MML",
    DETACHED,
    "Fan et al., ACM MM 2024",
    more_than_two=DIMML_BEYOND,
)


def ablation(end: str, what: str, **settings: object) -> tuple:
    """A variant of `dimml`."""
    return end, what, settings, "" if settings.get("duc_weight") == 0 else DIMML_BEYOND


ROWS = (
    DIMML,
    *(
        replace(entry, family="Ablations of DI-MML")
        for entry in variants(
            DIMML,
            ablation("no-shared", "without the shared head", shared_weight=0.0),
            ablation("no-duc", "without DUC", duc_weight=0.0),
            ablation("no-clw", "mean instead of certainty weights", answer="mean"),
            ablation("fused-only", "the fusion head alone answers", answer="fused"),
            ablation("all-dims", "DUC over all dimensions", duc_dims="all"),
            ablation("bidirectional", "DUC with gradients to both sides", duc_detach=False),
            ablation("detached", "neither shared head nor DUC", shared_weight=0.0, duc_weight=0.0),
        )[1:]
    ),
)
