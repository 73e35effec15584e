"""The table of methods, in the order of the tables."""

from dataclasses import replace

from bench.registry import MethodEntry as Entry

BASELINE, MODULATION, DETACHED = "Baselines", "Gradient modulation", "Detached training"
TEACHERS, OBJECTIVE, FORWARD = "Teachers", "Objectives", "Forward modulation"
MATCHING = "Matching of modalities"
SCHEDULE, ALTERNATING = "Schedules", "Alternating training"
RESAMPLING = "Choice of samples"
OGM, OGM_PAPER = "bench.methods.ogm:OGM", "Peng et al., CVPR 2022"
MSLR_PAPER = "Yao, Mihalcea, Findings of ACL 2022"
VALUATION, VALUATION_PAPER = "bench.methods.valuation:Valuation", "Wei et al., CVPR 2024"
# What is ours where there are more than two modalities, of several rows.
OGM_BEYOND = "a modality's ratio is to the mean score of the others"
MBSD_BEYOND = "distillation is the mean over all pairs"
DIMML_BEYOND = "DUC is summed over ordered pairs and divided by M - 1"
DIMML = Entry(
    "dimml",
    "bench.methods.dimml:DIMML",
    "DI-MML",
    DETACHED,
    "Fan et al., ACM MM 2024",
    more_than_two=DIMML_BEYOND,
)


def variants(entry: Entry, *others: tuple) -> tuple[Entry, ...]:
    """The row, and rows of other settings: ends of their names and titles, their settings, and what
    is ours for more than two modalities where that is not as in the row."""
    return entry, *(
        replace(
            entry,
            name=f"{entry.name}-{end}",
            title=f"{entry.title}, {what}",
            settings=settings,
            base=entry.name,
            more_than_two=beyond[0] if beyond else entry.more_than_two,
        )
        for end, what, settings, *beyond in others
    )


def ablation(end: str, what: str, **settings: object) -> tuple:
    """A variant of `dimml`."""
    return end, what, settings, "" if settings.get("duc_weight") == 0 else DIMML_BEYOND


ENTRIES = (
    Entry(
        "unimodal", "bench.methods.unimodal:Unimodal", "Uni-modal", BASELINE, "-", expand="modality"
    ),
    Entry("joint", "bench.methods.joint:Joint", "Joint training", BASELINE, "-"),
    Entry(
        "joint-uni", "bench.methods.joint_uni:JointUni", "Joint + uni-modal losses", BASELINE, "-"
    ),
    Entry("ensemble", "bench.methods.ensemble:Ensemble", "Uni-modal ensemble", BASELINE, "-"),
    Entry("ogm", OGM, "OGM", MODULATION, OGM_PAPER, {"noise_scale": 0.0}, more_than_two=OGM_BEYOND),
    Entry("ogm_ge", OGM, "OGM-GE", MODULATION, OGM_PAPER, more_than_two=OGM_BEYOND),
    Entry("agm", "bench.methods.agm:AGM", "AGM", MODULATION, "Li et al., ICCV 2023"),
    *variants(
        Entry(
            "mmpareto",
            "bench.methods.mmpareto:MMPareto",
            "MMPareto",
            MODULATION,
            "Wei and Hu, ICML 2024",
        ),
        ("encoder", "rescaled by encoder", {"rescaled": "encoder"}),
    ),
    *variants(
        Entry("mslr", "bench.methods.mslr:MSLR", "MSLR", MODULATION, MSLR_PAPER),
        ("keep", "keep", {"dynamic": False}),
        ("dynamic", "dynamic", {"search": False}),
    ),
    *variants(
        Entry(
            "pmr",
            "bench.methods.pmr:PMR",
            "PMR",
            MODULATION,
            "Fan et al., CVPR 2023",
            more_than_two="a slow modality's lag is to the best one, "
            "whose entropy weight is the others' mean",
        ),
        (
            "released",
            "released code",
            # The commands of its README end after 70 of 100 epochs and keep no old prototype.
            {"mu": 0.0, "acceleration": "hard", "old_weight": 0.0, "draw": "batches", "end": 0.7},
            "all but the best modality get the prototype loss",
        ),
    ),
    *variants(
        Entry(
            "inforeg",
            "bench.methods.inforeg:InfoReg",
            "InfoReg",
            MODULATION,
            "Huang et al., CVPR 2025",
        ),
        ("uni", "with uni-modal losses", {"unimodal_loss": True}),
        (
            "released",
            "released code",
            {"unimodal_loss": True, "form": "released", "beta": 1.0, "threshold": 0.05},
            "the pull on all modalities but the first is that on the second",
        ),
    ),
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
