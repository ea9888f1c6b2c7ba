import re

import pytest

from labelprep.loss_terms import COMPATS, LOSSES, check_compat, parse_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ce", {"ce": 1.0}),
        ("0.5*ce + dice+2*focal", {"ce": 0.5, "dice": 1.0, "focal": 2.0}),
        (".25*lovasz+1e-2*topk", {"lovasz": 0.25, "topk": 0.01}),
        ("+".join(LOSSES), dict.fromkeys(LOSSES, 1.0)),
    ],
)
def test_a_sum_is_factors_by_name(text, terms):
    assert parse_terms(text) == terms
    assert list(parse_terms(text)) == list(terms)


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("dise", "'dice'"),
        ("ce+jacard", "'jaccard'"),
        ("Dice", "'dice'"),
        ("ohem", "'topk'"),
        ("cross_entropy", "'ce'"),
        ("DiceCE", "'ce+dice'"),
        ("0.5*tversk", "'tversky'"),
    ],
)
def test_what_was_probably_meant_is_said(text, guess):
    with pytest.raises(ValueError, match=re.escape(f"did you mean {guess}?")):
        parse_terms(text)


@pytest.mark.parametrize("text", ["", "ce+", "0*ce", "ce*0.5", "ce+ce", "-1*ce", "nan*ce", "1e999*ce", "zzz"])
def test_the_rest_is_refused_without_a_guess(text):
    with pytest.raises(ValueError, match="expected a sum of ce") as refused:
        parse_terms(text)
    assert "did you mean" not in str(refused.value)


def test_a_compat_word_goes_with_the_losses_that_it_concerns():
    for compat, concerned in COMPATS.items():
        for name in LOSSES:
            if name in concerned:
                check_compat(compat, f"0.5*{name}")
            else:
                with pytest.raises(ValueError, match=f"the loss '{name}' has none of them"):
                    check_compat(compat, name)
    check_compat("smp", "ce+dice")
    with pytest.raises(ValueError, match="compat must be one of none, deeplab, keras, monai, smp"):
        check_compat("mmseg", "ce")
