"""AMSS: entropies, information and shares of both forms, and which rows of a gradient stay. What
is drawn by its size alone, `*_top_*`, is the draw without chance. `ref_*` are of the authors'
routine, which is in single precision."""

import pytest
import torch

from bench.methods.amss import (
    feature_entropy,
    importance,
    information,
    label_entropy,
    plus_weights,
    rates,
    released_entropy,
    smallest,
    update_shares,
)
from tests.golden.files import close, nearly

FILE = "amss.npz"
FORMS = [("", label_entropy), ("released_", released_entropy)]


@pytest.mark.parametrize(("form", "entropy"), FORMS)
def test_shares(golden, form, entropy):
    for case in golden.names("", "_temperature"):
        names = golden.names(f"{case}_features_")
        features = golden.each(f"{case}_features_", names)
        logits, label, classes, temperature, content = golden.need(
            *(f"{case}_{k}" for k in ("logits", "labels", "classes", "temperature")),
            f"{case}_feature_entropy",
        )
        known, told, ratio, share = golden.need(
            *(f"{case}_{form}{k}" for k in ("label_entropy", "information", "ratio", "share"))
        )
        close(entropy(label, classes.item()), known)
        close(torch.stack([feature_entropy(z) for z in features.values()]), content)
        close(information(known, dict(zip(names, logits, strict=True)), label), told)
        defined = ratio.isfinite()
        close(rates(told, content, temperature.item())[defined], ratio[defined])
        assert torch.equal(defined, (told > 0).all().expand_as(defined))
        close(update_shares(told, content, temperature.item()), share)


def test_the_authors_routine_agrees(golden):
    for case in golden.names("", "_ref_share"):
        label, classes, expected, share = golden.need(
            *(f"{case}_{k}" for k in ("labels", "classes", "ref_label_entropy", "ref_share"))
        )
        nearly(released_entropy(label, classes.item()), expected)
        nearly(golden[f"{case}_released_share"], share)


def test_units(golden):
    for case in golden.names("", "_gradient"):
        if not case.endswith(("top", "drawn", "plus")):
            check_units(golden, case)


def check_units(golden, case):
    gradient, share, size, kept, top, p, drawn, weight = golden.need(
        *(f"{case}_{k}" for k in ("gradient", "share", "importance", "kept", "top_mask")),
        *(f"{case}_{k}" for k in ("probability", "drawn", "plus_weight")),
    )
    close(importance(gradient), size)
    close(size / size.sum(), p)
    count = (len(size) * share).ceil()
    assert count == kept == len(drawn)
    largest = smallest(1 / size, count).double()
    close(largest, top)
    mask = torch.zeros_like(size).index_fill(0, drawn, 1.0)
    close(mask * plus_weights(size), weight)
    for key, factor in (("top", largest), ("drawn", mask), ("plus", mask * plus_weights(size))):
        rows = [k * row for k, row in zip(factor, gradient, strict=True)]
        close(torch.stack(rows), golden[f"{case}_{key}_gradient"])
