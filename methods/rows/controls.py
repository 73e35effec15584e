"""Trainings that tell what in a method's gain is its own; beside them, rows of other subjects that
have `controls`."""

from bench.registry import MethodEntry as Entry

CONTROL = "Controls"
PRETRAINED = "bench.methods.pretrained:Pretrained"

ROWS = (
    Entry(
        "pretrained-frozen",
        PRETRAINED,
        "Encoders trained alone, frozen",
        CONTROL,
        "-",
        {"frozen": True},
        controls="Whether encoders need each other at all: each is trained alone and selected on "
        "validation, then a fusion head learns from their features. What a method has beyond this "
        "its encoders learnt together.",
    ),
    Entry(
        "pretrained-finetuned",
        PRETRAINED,
        "Encoders trained alone, fine-tuned",
        CONTROL,
        "-",
        {"frozen": False},
        controls="The first stage of methods with teachers or pre-trained encoders, by itself: "
        "encoders trained alone and selected on validation, then joint training from there. What "
        "such a method has beyond this is not its head start.",
    ),
)
