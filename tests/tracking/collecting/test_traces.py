"""The traces of a real store as a production log: none is lost between the pages."""

from __future__ import annotations

from typing import Any

import mlflow
import pytest
from mlflow.entities import AssessmentSource

from mlflow_evalplus import names
from mlflow_evalplus.errors import DataError, TrackingError
from mlflow_evalplus.tracking.collecting import traces
from mlflow_evalplus.tracking.collecting.logs import read_log

START = 1_700_000_000_000
PERSON, PROGRAM, JUDGE = (AssessmentSource(kind, "x") for kind in ("HUMAN", "CODE", "LLM_JUDGE"))


def trace(request: Any, answer: Any, at: int = 0, **tags: str) -> str:
    """Log a trace `at` milliseconds after the first."""
    began = (START + at) * 10**6
    span = mlflow.start_span_no_context("predict", inputs=request, tags=tags, start_time_ns=began)
    span.end(outputs=answer, end_time_ns=began + 10**6)
    return str(span.trace_id)


def flush() -> None:
    mlflow.flush_trace_async_logging()


@pytest.mark.slow
def test_every_trace_is_read_once_over_several_pages(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PAGE", 3)
    ids = [trace({"text": f"m{number}"}, "bad", at=number // 4, channel="app") for number in range(10)]
    flush()
    steps: list[str] = []
    log = read_log("traces:tests", on_step=steps.append)
    assert sorted(log.frame["trace_id"]) == sorted(ids)
    assert sorted(log.frame["text"]) == sorted(f"m{number}" for number in range(10))
    assert log.frame["time"].tolist() == sorted(log.frame["time"])
    assert log.frame["time"].iloc[0] == "2023-11-14T22:13:20.000Z"
    assert (set(log.frame["prediction"]), set(log.frame["channel"])) == ({"bad"}, {"app"})
    assert not [name for name in log.frame.columns if str(name).startswith("mlflow.")]
    assert (log.kind, log.source, log.notes) == ("traces", "traces:tests", ())
    assert steps == [f"reading traces: {n}" for n in (0, 3, 6, 9)]
    assert read_log(f"traces:{log.experiment_id}").digest == log.digest


@pytest.mark.slow
def test_assessments_that_name_a_label_become_feedback(store: str) -> None:
    said = ["by a person", "by a program", "both", "changed", "by a judge", "no label", "nothing", "one of two votes"]
    ids = {text: trace({"text": text}, "bad" if number else "good", at=number) for number, text in enumerate(said)}
    flush()
    for text, source, value in [
        ("by a person", PERSON, " Good "), ("by a program", PROGRAM, "good"), ("both", PROGRAM, "bad"),
        ("both", PERSON, "good"), ("changed", PERSON, "bad"), ("by a judge", JUDGE, "good"), ("no label", PERSON, True),
    ]:  # fmt: skip
        mlflow.log_feedback(trace_id=ids[text], name="label", value=value, source=source)
    mlflow.log_expectation(trace_id=ids["changed"], name="label", value="good", source=PERSON)
    mlflow.log_expectation(trace_id=ids["one of two votes"], name="annotator_1", value="good", source=PERSON)
    mlflow.log_feedback(trace_id=ids["nothing"], name="mood", value="neutral", source=PERSON)
    log = read_log("traces:tests")
    assert log.frame.set_index("text")["label"].fillna("").to_dict() == {
        "by a person": "good", "by a program": "good", "both": "good", "changed": "good", "by a judge": "",
        "no label": "", "nothing": "", "one of two votes": "",
    }  # fmt: skip
    wider = read_log("traces:tests", labels=["neutral"]).frame.set_index("text")["label"]
    assert (wider["nothing"], wider["both"]) == ("neutral", "good")
    named = read_log("traces:tests", labels=["neutral"], feedback="mood").frame.set_index("text")["label"]
    assert named.dropna().to_dict() == {"nothing": "neutral"}
    assert "label" not in read_log("traces:tests", feedback="other").frame


@pytest.mark.slow
def test_what_cannot_be_read_is_counted_and_batches_are_rows(store: str) -> None:
    with pytest.raises(TrackingError, match=r"there is no experiment 'test'; experiments are .*Did you mean 'tests'\?"):
        read_log("traces:test")
    with pytest.raises(DataError, match="experiment 'tests' has no traces"):
        read_log("traces:tests")
    trace({"customer": 7}, "good")
    flush()
    with pytest.raises(DataError, match=r"no trace holds a text with its answer \(1 hold no text\); name their fields"):
        read_log("traces:tests")
    both = trace({"model_input": [{"text": "a", "lang": "en"}, {"text": "b"}]}, ["good", "bad"], at=1)
    trace({"text": "unanswered"}, None, at=2)
    trace({"text": "for review"}, None, at=3, **{names.TAG_CASE: "c0123"})
    flush()
    log = read_log("traces:tests")
    assert log.frame[["text", "prediction", "trace_id"]].to_numpy().tolist() == [
        ["a", "good", both], ["b", "bad", both],
    ]  # fmt: skip
    assert log.notes == (
        "1 of 4 traces hold no text; they are left out",
        "1 of 4 traces have no answer; they are left out",
        "1 of 4 traces were made of an earlier queue, for review; they are left out",
    )
