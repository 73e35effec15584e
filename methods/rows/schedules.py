"""Methods that say who is trained when, matching of modalities among them."""

from dataclasses import replace

from bench.registry import MethodEntry as Entry
from bench.registry import variants

MATCHING = "Matching of modalities"
SCHEDULE = "Schedules"
ALTERNATING = "Alternating training"
# What is ours where there are more than two modalities.
AUG_BEYOND = "the least sure grows, where the surest is further ahead of it than a hundredth"
AUG, AUG_NO_GROWTH, AUG_RELEASED = variants(
    Entry(
        "aug",
        "bench.methods.aug:AUG",
        "AUG",
        SCHEDULE,
        "Jiang et al., NeurIPS 2025",
        more_than_two=AUG_BEYOND,
    ),
    ("no-growth", "without growth", {"most": 1}, ""),
    (
        "released",
        "released code",
        {"train_blocks": False, "merge": "released"},
        f"{AUG_BEYOND}; in the answer the first weighs 0.4, the others 0.6 together",
    ),
)

ROWS = (
    Entry(
        "relearning",
        "bench.methods.relearning:Relearning",
        "Diagnosing & Re-learning",
        SCHEDULE,
        "Wei et al., ECCV 2024",
    ),
    *variants(
        Entry(
            "reconboost",
            "bench.methods.reconboost:ReconBoost",
            "ReconBoost",
            SCHEDULE,
            "Hua et al., ICML 2024",
        ),
        # The released code detaches both sides of the term: it trains nothing.
        ("released", "as released", {"memory": 0.0}),
    ),
    Entry("mses", "bench.methods.mses:MSES", "MSES", SCHEDULE, "Fujimori et al., ACPR 2019"),
    *variants(
        Entry("mla", "bench.methods.mla:MLA", "MLA", ALTERNATING, "Zhang et al., CVPR 2024"),
        # What the released code does: it looks for another name.
        ("no-projection", "without projection", {"projection": False}),
    ),
    *variants(
        Entry(
            "lfm",
            "bench.methods.lfm:LFM",
            "LFM",
            MATCHING,
            "Yang et al., NeurIPS 2024",
            more_than_two="matching is the mean over all pairs",
        ),
        ("lb", "learned weight", {"weighting": "bilevel"}),
        # Of its main script.
        ("released", "as released", {"matching": "js", "weighting": "fitted"}),
    ),
    AUG,
    replace(
        AUG_NO_GROWTH,
        controls="`aug` with one block a modality: encoders that take turns, an output layer that "
        "they share, and late fusion. What `aug` has beyond it, growing adds.",
    ),
    AUG_RELEASED,
)
