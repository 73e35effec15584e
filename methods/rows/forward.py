"""Methods that change the way forward."""

from bench.registry import MethodEntry as Entry
from bench.registry import variants

FORWARD = "Forward modulation"

ROWS = (
    Entry(
        "mmcosine",
        "bench.methods.mmcosine:MMCosine",
        "MMCosine",
        FORWARD,
        "Xu et al., ICASSP 2023",
    ),
    *variants(
        Entry(
            "opm",
            "bench.methods.opm:OPM",
            "OPM",
            FORWARD,
            "Wei et al., IEEE TPAMI 2024",
            more_than_two="a modality's ratio is the mean of its ratios to each of the others",
        ),
        # The paper, as others read it.
        ("no-rescaling", "without rescaling", {"rescale": False}),
    ),
    *variants(
        Entry(
            "greedy",
            "bench.methods.greedy:Greedy",
            "Greedy",
            FORWARD,
            "Wu et al., ICML 2022",
            more_than_two="the fastest is cut off where it and the slowest differ; "
            "the gates join all",
        ),
        (
            "random",
            "balanced at random",
            {"balance": "random"},
            "the gates join all modalities, each of which is cut off in turn",
        ),
        ("never", "never balanced", {"balance": "never"}, "the gates join all modalities"),
    ),
    *variants(
        Entry(
            "amco",
            "bench.methods.amco:AMCo",
            "AMCo",
            FORWARD,
            "Zhou et al., ICASSP 2023",
            more_than_two="a modality is masked from a share of 1 / M + 0.1 of the answer, "
            "one at most",
        ),
        ("no-masks", "without masks", {"most": 0.0}, ""),
    ),
)
