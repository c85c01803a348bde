from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.monitoring.log import Columns, LogRows, read_log
from mlflow_evalplus.errors import ColumnNotFound, DataError

LOG = pd.DataFrame(
    {
        "label": ["a", None, "b", None], "prediction": ["a", "b", None, "a"], "channel": ["app", None, "web", "app"],
        "age": [1.0, 2.0, 3.0, 4.0], "text": ["x", "y", None, "z"], "p_a": [0.9, 0.2, 0.5, None],
        "p_b": [0.1, 0.8, 0.5, 0.4], "who": ["u", "v", "u", "w"], "audit": [True, False, True, None],
        "weight": [2.0, None, 3.0, None],
    }
)  # fmt: skip
REFERENCE = pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "a"], "channel": ["app", "web"]})


def loaded(log: Any = LOG, reference: Any = None, labels: tuple[str, ...] = (), **columns: Any) -> LogRows:
    return read_log(log, reference, Columns("label", "prediction", **columns), labels)


def test_rows_without_a_label_are_read_but_not_known() -> None:
    found = loaded(slices=("channel",))
    assert found.known.tolist() == [True, False, True, False]
    assert found.rows.labels == ("a", "b")
    assert found.rows.label_codes("prediction").tolist() == [0, 1, 2, 0]
    assert found.rows.codes("slice.channel")[1] == ["(missing)", "app", "web"]


@pytest.mark.parametrize("blank", ["", " ", "\u3000\t"])
def test_a_blank_label_or_answer_is_none_in_log_and_reference(blank: str) -> None:
    log = LOG.assign(label=["a", blank, "b", blank], prediction=["a", "b", blank, "a"])
    reference = pd.DataFrame({"label": ["a", blank, "b"], "prediction": ["a", "a", blank]})
    found = loaded(log, reference)
    assert found.known.tolist() == [True, False, True, True, False, True, False]
    assert found.rows.labels == ("a", "b")
    assert found.rows.label_codes("prediction").tolist() == [0, 0, 2, 0, 1, 2, 0]


def test_labels_of_an_audit_are_weighted_where_the_log_has_weights_and_a_note_says_so() -> None:
    found = loaded(audit="audit")
    assert found.rows.floats("weight").tolist() == [2, 1, 3, 1]  # type: ignore[union-attr]
    assert found.notes == ("Labels of the audit are weighted by the column 'weight'.",)
    (note,) = loaded(LOG.drop(columns="weight"), audit="audit").notes
    assert "have no weights: that is right only where each row was as likely to be drawn" in note
    assert loaded().rows.floats("weight") is None


def test_rows_in_the_future_are_left_out_and_named_unless_all_are() -> None:
    typed = LOG.assign(at=["2025-01-01", "2205-02-01", "2025-01-03", "2025-01-04"])
    found = loaded(typed, REFERENCE, time="at")
    assert len(found.rows) == 5
    assert found.rows.label_codes("prediction").tolist() == [0, 0, 0, 2, 0]
    assert found.times is not None
    assert found.times.astype("datetime64[D]").astype(str).tolist() == ["2025-01-01", "2025-01-03", "2025-01-04"]
    assert found.notes == (
        "Left out: 1 of 4 rows of the log, whose time is in the future (rows [1], from 0: ['2205-02-01']). Correct or "
        "remove them.",
    )
    simulated = loaded(LOG.assign(at="2205-02"), time="at")
    assert len(simulated.rows) == 4


@pytest.mark.parametrize("role", ["text", "cluster"])
def test_the_column_of_the_time_may_have_another_part_too(role: str) -> None:
    found = loaded(LOG.assign(at="2025-01-01"), time="at", **{role: "at"})
    assert set(found.rows.table[role].to_pylist()) == {"2025-01-01"}
    with pytest.raises(DataError, match="4 rows have no time in 'text' that can be read"):
        loaded(LOG.assign(text="hello"), time="text", text="text")


def test_a_log_without_any_label_is_read() -> None:
    found = loaded(LOG.drop(columns="label"))
    assert not found.known.any()
    assert found.rows.labels == ("a", "b")
    assert not loaded(LOG.assign(label=None)).known.any()


def test_only_audited_labels_count_and_only_they_need_a_weight() -> None:
    found = loaded(audit="audit", weight="weight")
    assert found.known.tolist() == [True, False, True, False]
    assert found.rows.floats("weight").tolist() == [2, 1, 3, 1]  # type: ignore[union-attr]
    partly = loaded(LOG.assign(audit=["yes", "no", "No", ""]), audit="audit")
    assert partly.known.tolist() == [True, False, False, False]
    with pytest.raises(DataError, match=r"column 'audit' must hold truth values, but holds \['perhaps'\]"):
        loaded(LOG.assign(audit="perhaps"), audit="audit")
    with pytest.raises(DataError, match="number above 0"):
        loaded(LOG.assign(weight=[None, 1, 1, 1]), audit="audit", weight="weight")


def test_the_confidence_is_the_score_of_the_answer() -> None:
    found = loaded(scores={"a": "p_a", "b": "p_b"})
    assert found.confidence is not None
    assert found.confidence.tolist()[:3] == [0.9, 0.8, 0.0]  # no answer is surely wrong
    assert np.isnan(found.confidence[3])
    assert found.notes == ("1 of 4 rows have no score of their answer: the estimated accuracy leaves them out.",)
    one = loaded(scores={"a": "p_a"})
    assert one.confidence is not None
    assert one.confidence[:2].tolist() == [0.9, 0.8]  # of two labels, one score tells the other
    with pytest.raises(DataError, match=r"column 'p_a' must hold a probability from 0 to 1; 4 rows do not"):
        loaded(LOG.assign(p_a=9.0), scores={"a": "p_a"})
    with pytest.raises(DataError, match="'channel' must hold a probability"):
        loaded(scores={"a": "channel"})


def test_log_and_reference_are_coded_alike_whatever_their_types_and_engines() -> None:
    many = pd.DataFrame({"label": ["1"] * 40, "prediction": ["1"] * 40, "age": [str(i) for i in range(40)]})
    numbers = pl.DataFrame({"label": [1] * 40, "prediction": [0] * 40, "age": range(40)})
    found = read_log(numbers, many, Columns("label", "prediction", slices=("age",)), ())
    assert found.n_reference == 40
    assert found.rows.labels == ("0", "1")
    codes = found.rows.codes("slice.age")[0]
    assert codes[:40].tolist() == codes[40:].tolist()


def test_numbers_are_cut_where_the_evaluation_cut_its_own() -> None:
    ages = pd.DataFrame({"label": "a", "prediction": "a", "age": np.arange(100.0)})
    later = ages.assign(age=ages["age"] + 60).iloc[:, [2, 0, 1]]
    found = loaded(later, evaluate(ages, slices=["age"]), slices=("age",))
    codes, values = found.rows.codes("slice.age")
    named = np.array(values)[codes]
    assert sorted(values) == ["24.75 to 49.5", "49.5 to 74.25", "above 74.25", "up to 24.75"]
    expected = np.where(later["age"] > 74.25, "above 74.25", "49.5 to 74.25")
    assert named[100:].tolist() == expected.tolist()


def test_an_evaluation_is_a_reference() -> None:
    evaluated = evaluate(REFERENCE.assign(text="t", p_a=0.7, p_b=0.3), scores={"a": "p_a", "b": "p_b"},
                         slices=["channel"])  # fmt: skip
    found = loaded(LOG, evaluated, scores={"a": "p_a", "b": "p_b"}, slices=("channel",), text="text", cluster="who")
    assert found.n_reference == 2
    assert found.known.tolist() == [True, True, True, False, True, False]
    assert found.confidence is not None
    assert found.confidence[:2].tolist() == [0.7, 0.7]
    assert len(set(found.rows.codes("cluster")[0][:2].tolist())) == 2


def test_what_the_reference_lacks_is_left_out_with_a_note() -> None:
    found = loaded(LOG, REFERENCE, slices=("channel", "age"), text="text", scores={"a": "p_a", "b": "p_b"},
                   weight="weight", audit="audit")  # fmt: skip
    assert found.rows.slice_columns == ("channel",)
    assert found.confidence is None
    assert "text" not in found.rows.table.column_names
    assert found.known[:2].all()
    assert "".join(found.notes).count("the reference lacks") == 3


@pytest.mark.parametrize(
    ("log", "reference", "columns", "says"),
    [
        (LOG, None, {"slices": ("chanel",)}, "'chanel' is not in the data.*Did you mean 'channel'"),
        (LOG, None, {"time": "at"}, "'at' is not in the data"),
        (LOG.iloc[:0], None, {}, "the log has no rows"),
        (LOG, REFERENCE.iloc[:0], {}, "the reference has no rows"),
        (LOG, REFERENCE.drop(columns="label"), {}, "'label' is not in the reference"),
        (LOG.drop(columns="text"), None, {"slices": ("text_length",)}, "comes from the texts"),
        ([1, 2], None, {}, "not a data frame"),
    ],
)
def test_what_cannot_be_read_is_named(log: Any, reference: Any, columns: dict[str, Any], says: str) -> None:
    with pytest.raises((DataError, ColumnNotFound), match=says):
        loaded(log, reference, **columns)


def test_a_label_that_is_not_declared_is_refused() -> None:
    with pytest.raises(DataError, match="not declared"):
        loaded(labels=("a", "c"))
    assert loaded(LOG.drop(columns="label"), labels=("c", "d")).rows.labels == ("c", "d")
