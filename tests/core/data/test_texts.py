from __future__ import annotations

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.results.data_checks import DataChecks


def checked(*texts: object) -> DataChecks:
    good = [f"message number {'x' * i}" for i in range(40)]
    train = pd.DataFrame({"text": good, "label": ["a", "b"] * 20})
    test = pd.DataFrame({"text": [*good[::-1], *texts], "label": "a"})
    return ep.check_data(train, test, text="text")


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u00a0", None, float("nan"), "\x00"])
def test_a_text_that_nobody_sees_is_empty(text: object) -> None:
    (finding,) = checked(text).of("empty_texts")
    assert (finding.level.value, finding.n) == ("warning", 1)
    assert [row.name for row in finding.examples] == ["test:40"]
    assert "1 of 41 (2.4 %) test texts are empty" in finding.sentence


@pytest.mark.parametrize(
    "text", ["nan", "NULL", "N/A", "[deleted]", "--", "CafÃ© is good", "donâ€™t", "a \ufffd b", "12/10", "?!"]
)
def test_a_text_that_is_none_is_found(text: str) -> None:
    (finding,) = checked(text).of("not_texts")
    assert (finding.level.value, finding.n) == ("warning", 1)
    assert finding.examples[0].shown == text


@pytest.mark.parametrize("text", ["nananana", "no", ":-)", "👍", "很好", "Ãngela", "Âge", "é", "na ja", "ok 5"])
def test_a_short_text_is_a_text(text: str) -> None:
    found = checked(text)
    assert [found.of(check)[0].n for check in ("not_texts", "empty_texts")] == [0, 0]


def test_a_column_of_numbers_holds_no_texts() -> None:
    rows = pd.DataFrame({"text": range(100), "label": ["a", "b"] * 50})
    (finding,) = ep.check_data(rows).of("not_texts")
    assert (finding.level.value, finding.effect) == ("warning", 1.0)
