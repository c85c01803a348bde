from __future__ import annotations

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.monitoring.spelling import compare_spelling
from mlflow_evalplus.errors import DataError

LOG = pd.DataFrame({"label": ["negative", "positive"] * 100, "prediction": ["negative", "positive"] * 100})


def test_labels_that_no_answer_is_by_their_case_alone_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"every answer would count as wrong: 'negative' \(label 'NEGATIVE'\), 'positive'"
    ):
        ep.monitor(LOG.assign(label=LOG["label"].str.upper()), window=100)
    with pytest.raises(DataError, match="'negative ' "):
        ep.monitor(LOG.assign(prediction=LOG["prediction"] + " "), window=100)


def test_some_answers_in_another_case_or_no_answer_that_is_a_label_are_noted() -> None:
    some = LOG["prediction"].where(LOG.index % 10 > 0, "Negative")
    (note,) = [n for n in ep.monitor(LOG.assign(prediction=some), window=100).notes if "case" in n]
    assert "'Negative' (label 'negative')" in note
    coded = LOG["label"].map({"negative": "0", "positive": "1"})
    notes = ep.monitor(LOG.assign(label=coded), window=100).notes
    assert notes[0].startswith("No answer is ever a label, so that all count as wrong: labels are ['0', '1']")
    assert not [note for note in ep.monitor(LOG, window=100).notes if "wrong" in note]


def test_a_right_answer_or_a_declared_one_is_no_matter_of_spelling() -> None:
    assert compare_spelling(["a"], ["b"], ["a", "b"]) == ()
    assert compare_spelling(["US", "us"], ["US", "us"], []) == ()
    assert compare_spelling([], ["b"], []) == ()
    with pytest.raises(DataError, match="differ in case"):
        compare_spelling([], ["B"], ["b"])
