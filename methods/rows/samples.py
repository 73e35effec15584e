"""Methods that choose the samples, or what of them is shown."""

from dataclasses import replace

from bench.registry import MethodEntry as Entry
from bench.registry import variants

RESAMPLING = "Choice of samples"
VALUATION = "bench.methods.valuation:Valuation"
VALUATION_PAPER = "Wei et al., CVPR 2024"
MIDAS, MIDAS_NO_MIX = variants(
    Entry(
        "midas",
        "bench.methods.midas:MIDAS",
        "MIDAS",
        RESAMPLING,
        "Hwang et al., NeurIPS 2025",
        more_than_two="each modality is swapped once, the others being of one sample",
    ),
    ("no-mix", "without mixes", {"weight": 0.0}, ""),
)

ROWS = (
    *variants(
        Entry(
            "remix",
            "bench.methods.remix:Remix",
            "Remix",
            RESAMPLING,
            "Ma et al., ICML 2025",
            more_than_two="one group for every modality, the last one's first",
        ),
        (
            "interleave",
            "batches interleaved",
            {"interleave": True},
            "one group for every modality",
        ),
        ("skip", "masked encoders skipped", {"skip_masked": True}),
    ),
    Entry(
        "valuation-sample",
        VALUATION,
        "Valuation, sample level",
        RESAMPLING,
        VALUATION_PAPER,
        {"level": "sample"},
    ),
    Entry(
        "valuation-modality",
        VALUATION,
        "Valuation, modality level",
        RESAMPLING,
        VALUATION_PAPER,
        {"level": "modality"},
        base="valuation-sample",
        more_than_two="samples are added for every modality whose gap is above the least",
    ),
    MIDAS,
    replace(
        MIDAS_NO_MIX,
        controls="`midas` without what it is named after: a warm-up of the own heads, then "
        "`joint-uni` with the mean of their losses. What `midas` has beyond it, mixing adds.",
    ),
)
