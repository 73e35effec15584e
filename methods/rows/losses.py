"""Methods that add to the loss, or weigh its terms; with teachers too."""

from dataclasses import replace

from bench.registry import MethodEntry as Entry
from bench.registry import variants

TEACHERS = "Teachers"
OBJECTIVE = "Objectives"
G2D = "bench.methods.g2d:G2D"
G2D_PAPER = "Rakib, Bagavathi, ICCV 2025"
# What is ours where there are more than two modalities, of several rows.
MBSD_BEYOND = "distillation is the mean over all pairs"
G2D_BEYOND = "every encoder but the strongest learns alone for an equal part of the epochs"
MCR = Entry(
    "mcr",
    "bench.methods.mcr:MCR",
    "MCR",
    OBJECTIVE,
    "Kontras et al., NeurIPS 2025",
    more_than_two="a player lowers the mean of the others' importances",
)

ROWS = (
    Entry("umt", "bench.methods.umt:UMT", "UMT", TEACHERS, "Du et al., ICML 2023"),
    *variants(
        Entry("g2d", G2D, "G2D", TEACHERS, G2D_PAPER, more_than_two=G2D_BEYOND),
        ("no-smp", "all encoders learn throughout", {"prioritized": 0.0}, ""),
    ),
    Entry(
        "smp",
        G2D,
        "SMP without distillation",
        TEACHERS,
        G2D_PAPER,
        {"alpha": 0.0, "beta": 0.0},
        base="g2d",
        more_than_two=G2D_BEYOND,
        controls="G2D's order of learning by itself: joint training of the mean of the modalities' "
        "own heads, in which the weaker encoder learns alone first and the teachers only say which "
        "that is. What G2D has beyond it is distillation.",
    ),
    *variants(
        Entry(
            "gblend", "bench.methods.gblend:GBlend", "G-Blend", OBJECTIVE, "Wang et al., CVPR 2020"
        ),
        ("offline", "offline", {"block": 1.0}),
    ),
    *variants(
        Entry(
            "mbsd",
            "bench.methods.mbsd:MBSD",
            "MBSD",
            OBJECTIVE,
            "Liu et al., WSDM 2023",
            more_than_two=MBSD_BEYOND,
        ),
        (
            "released",
            "released code",
            {"form": "released"},
            f"{MBSD_BEYOND}; probabilities in place of logits are drawn together",
        ),
    ),
    *variants(
        Entry("cml", "bench.methods.cml:CML", "CML", OBJECTIVE, "Ma et al., ICML 2023"),
        ("released", "as in BalanceBenchmark", {"form": "released"}),
    ),
    MCR,
    replace(
        MCR,
        name="mcr-released",
        title="MCR, as released: without the game",
        settings={"weight": 0.0, "contrast": 0.0},
        base="mcr",
        more_than_two="",
        controls="The encoders of MCR, trained alone first, and fine-tuned together with their own "
        "heads, without the game and the contrastive loss. The stored pipeline computes both and "
        "trains neither. What MCR has beyond it is its own.",
    ),
)
