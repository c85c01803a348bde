"""Which label a cell means."""

from __future__ import annotations

import pytest

from mlflow_evalplus.core.adjudicating.spelling import CANNOT_TELL, UNSURE, Spelling


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("negative", "negative"), (" NEGATIVE\u00a0", "negative"), ("Ｎｅｇａｔｉｖｅ", "negative"),
        ("very  Good", "very good"), ("'-1", "-1"), ("-1", "-1"), ("-1.0", "-1"), ("好", "好"), ("TRUE", "true"),
        ("STRASSE", "straße"), ("？", UNSURE), ("Skip ", UNSURE), ("neg", None), ("negative positive", None),
        ("1", None), ("", None), ("-1,0", "-1"), ("-1.00", "-1"), ("-1,000", None), ("-1.000", None),
    ],
)  # fmt: skip
def test_case_width_and_spaces_do_not_matter_and_all_else_does(cell: str, meant: str | None) -> None:
    assert Spelling(["negative", "very good", "-1", "好", "true", "straße"]).meant(cell) == meant


def test_labels_that_differ_in_case_only_must_be_spelled_out() -> None:
    spelling = Spelling(["A", "a", "b"])
    assert [spelling.meant(cell) for cell in ("A", "a", "Ａ", "B")] == ["A", "a", None, "b"]


def test_a_label_that_reads_like_a_doubt_is_a_label() -> None:
    assert Spelling(["unclear", "clear"]).meant("Unclear") == "unclear"
    assert all(Spelling(["x"]).meant(word.upper()) == UNSURE for word in CANNOT_TELL)


def test_without_labels_every_word_is_one_and_the_order_of_the_words_leaves_no_trace() -> None:
    words = ["Neg", "pos", "neg", " POS", "?", "neg  "]
    spelling = Spelling([], words)
    assert spelling.labels == Spelling([], words[::-1]).labels == ("Neg", "POS")
    assert not spelling.given
    assert [spelling.meant(word) for word in words] == ["Neg", "POS", "Neg", "POS", UNSURE, "Neg"]


def test_the_nearest_label_is_suggested() -> None:
    spelling = Spelling(["Negative", "Positive"])
    assert spelling.instead("NEGATVE").endswith("Did you mean 'Negative'?")
    assert spelling.instead("xyz") == "; permitted are ['Negative', 'Positive']."
