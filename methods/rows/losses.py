"""Methods that add to the loss, or weigh its terms; with teachers too."""

from bench.registry import MethodEntry as Entry
from bench.registry import variants

TEACHERS = "Teachers"
OBJECTIVE = "Objectives"
# What is ours where there are more than two modalities, of several rows.
MBSD_BEYOND = "distillation is the mean over all pairs"

ROWS = (
    Entry("umt", "bench.methods.umt:UMT", "UMT", TEACHERS, "Du et al., ICML 2023"),
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
)
