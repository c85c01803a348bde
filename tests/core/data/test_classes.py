from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

import mlflow_evalplus as ep
from mlflow_evalplus.results.data_checks import DataChecks, DataFinding


def rows(**n: int) -> pd.DataFrame:
    label = np.repeat(list(n), list(n.values()))
    return pd.DataFrame({"label": label, "n": np.arange(len(label))})


def only(found: DataChecks, check: str) -> DataFinding:
    (finding,) = found.of(check)
    return finding


def test_a_small_class_is_told_with_what_its_interval_would_be() -> None:
    found = only(ep.check_data(rows(a=200, b=40, c=5), rows(a=100, b=50, c=10)), "class_support")
    lower, upper = proportion_confint(8, 10, method="wilson")
    assert found.level.value == "warning"
    assert "1 class has fewer than 30 test rows ('c' 10)" in found.sentence
    assert f"a recall of 0.8 would be known as {lower:.2f} to {upper:.2f}" in found.sentence
    assert "1 class has fewer than 10 training rows ('c' 5)" in found.sentence


def test_a_class_without_test_rows_has_no_recall() -> None:
    found = ep.check_data(rows(a=200, b=40), rows(a=100))
    assert "('b' 0): a recall of it is undefined" in only(found, "class_support").sentence
    assert only(found, "unseen_labels").level.value == "ok"


def test_a_label_that_training_never_saw_is_an_error_unless_it_is_rare() -> None:
    found = only(ep.check_data(rows(a=200), rows(a=100, b=40)), "unseen_labels")
    assert (found.level.value, found.n) == ("error", 40)
    assert "40 of 140 (28.6 %) test rows have a label that no training row has" in found.sentence
    assert found.sentence.endswith("'b'.")
    assert only(ep.check_data(rows(a=200), rows(a=1000, b=2)), "unseen_labels").level.value == "warning"


@pytest.mark.parametrize(("n", "level"), [(90, "warning"), (70, "ok")])
def test_one_sided_labels_make_accuracy_say_little(n: int, level: str) -> None:
    found = only(ep.check_data(rows(a=50, b=50), rows(a=n, b=100 - n)), "class_imbalance")
    assert (found.level.value, found.effect) == (level, n / 100)
    assert ("F1 macro" in found.action) == (level == "warning")


def test_missing_labels_are_counted_and_are_no_class() -> None:
    train, test = rows(a=60, b=60), rows(a=40, b=40)
    train.loc[:2, "label"], test.loc[79, "label"] = " ", None
    found = ep.check_data(train, test)
    missing = only(found, "missing_labels")
    assert (missing.level.value, missing.n) == ("error", 4)
    assert "3 of 120 (2.5 %) train rows and 1 of 80 (1.2 %) test rows" in missing.sentence
    assert [row.name for row in missing.examples] == ["train:0", "train:1", "train:2", "test:79"]
    assert only(found, "unseen_labels").level.value == "ok"
    assert only(ep.check_data(train, rows(a=40, b=40)), "missing_labels").level.value == "warning"


def test_labels_that_differ_in_case_and_spaces_are_one_class_in_two() -> None:
    found = ep.check_data(rows(Good=50, bad=50), rows(**{"good ": 40, "bad": 40}))
    spelling = only(found, "label_spelling")
    assert (spelling.level.value, spelling.n) == ("error", 90)
    assert "'Good' and 'good '" in spelling.sentence


def test_data_without_any_label_are_not_judged_by_label() -> None:
    found = ep.check_data(pd.DataFrame({"label": [None] * 40, "n": range(40)}))
    assert [only(found, check).level.value for check in ("missing_labels", "class_support", "class_imbalance")] == [
        "warning", "not applicable", "not applicable",
    ]  # fmt: skip
