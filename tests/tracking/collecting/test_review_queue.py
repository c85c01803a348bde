"""Review queues of MLflow on a real store; and what happens where there are none."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.entities import AssessmentSource
from mlflow.exceptions import MlflowException

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results.queue import Queue
from mlflow_evalplus.tracking.collecting import review_queue
from mlflow_evalplus.tracking.collecting.logs import read_log
from mlflow_evalplus.tracking.collecting.review_queue import make_review_queues, read_reviews, with_reviews
from tests.core.collecting.queues import small
from tests.tracking.collecting.test_traces import flush, trace

queues = pytest.importorskip("mlflow.genai.review_queues")
schemas = pytest.importorskip("mlflow.genai.label_schemas")
LABELS = ("negative", "neutral", "positive")


def experiment() -> str:
    return str(mlflow.get_experiment_by_name("tests").experiment_id)


def made(queue: Queue, **options: Any) -> review_queue.ReviewQueues:
    return make_review_queues(queue, "july", experiment(), **{"labels": LABELS, **options})


def items(name: str) -> list[Any]:
    found = queues.get_review_queue(name=name, experiment_id=experiment())
    return [mlflow.get_trace(item.item_id) for item in queues.list_review_queue_items(found.queue_id)]


@pytest.mark.slow
def test_each_annotator_gets_all_cases_without_what_the_model_said(store: str) -> None:
    queue = small(4)
    found = made(queue)
    assert found.names == ("july annotator_1", "july annotator_2")
    assert found.sentence == "4 cases are in the review queues july annotator_1, july annotator_2."
    for name, column in zip(found.names, ("annotator_1", "annotator_2"), strict=True):
        shown = items(name)
        assert {one.info.tags[names.TAG_CASE] for one in shown} == {case.case_id for case in queue.cases}
        assert {one.data.spans[0].inputs["text"] for one in shown} == {case.text for case in queue.cases}
        assert not any("negative" in str(one.to_dict()) for one in shown)
        (asked,) = queues.get_review_queue(name=name, experiment_id=experiment()).schema_ids
        schema = schemas.get_label_schema(schema_id=asked)
        assert (schema.name, schema.input.options, str(schema.type)) == (column, list(LABELS), "expectation")


@pytest.mark.slow
def test_the_same_again_adds_what_is_missing(store: str) -> None:
    made(small(3))
    made(small(5), labels=("negative", "mixed"))
    assert len(items("july annotator_1")) == 5
    assert len(mlflow.MlflowClient().search_traces([experiment()])) == 5
    schema = schemas.get_label_schema(name="annotator_1", experiment_id=experiment())
    assert schema.input.options == [*LABELS, "mixed"]


@pytest.mark.slow
def test_a_row_that_is_a_trace_is_taken_as_it_is(store: str) -> None:
    ids = [trace({"text": f"message {number}"}, "negative", at=number) for number in range(2)]
    trace({"model_input": ["message 2", "message 3"]}, ["negative", "positive"], at=2)
    flush()
    log = read_log("traces:tests")
    found = made(small(4), log=log)
    shown = items("july annotator_2")
    assert len(shown) == 4
    assert {one.info.trace_id for one in shown} > set(ids)
    assert "2 are traces of the log and show what the model said" in found.sentence
    again = read_log("traces:tests")
    assert (again.digest, len(again.frame)) == (log.digest, 4)


@pytest.mark.slow
def test_what_was_answered_comes_back_as_a_filled_queue(store: str) -> None:
    queue = small(3)
    made(queue)
    shown = {one.info.tags[names.TAG_CASE]: one.info.trace_id for one in items("july annotator_1")}
    first, second, _ = (shown[case.case_id] for case in queue.cases)
    for trace_id, name, value in [
        (first, "annotator_1", "neutral"), (first, "annotator_2", "neutral"), (second, "annotator_1", "negative"),
        (second, "annotator_1", "positive"), (second, "mood", "negative"),
    ]:  # fmt: skip
        mlflow.log_expectation(trace_id=trace_id, name=name, value=value, source=AssessmentSource("HUMAN", "anna"))
    mlflow.log_expectation(trace_id=second, name="annotator_2", value="negative", source=AssessmentSource("CODE", "x"))
    trace({"text": "another"}, None, **{names.TAG_CASE: "c_of_another_queue"})
    flush()
    frame = read_reviews(queue, "tests")
    assert list(frame.columns) == ["case_id", "text", "annotator_1", "annotator_2"]
    assert sorted(frame.fillna("").to_numpy().tolist()) == sorted(
        [case.case_id, case.text, *votes]
        for case, votes in zip(queue.cases, [["neutral", "neutral"], ["positive", ""], ["", ""]], strict=True)
    )
    assert with_reviews(queue, "reviews:tests")[0].equals(frame)
    found = ep.adjudicate(queue, frame)
    assert [(case.case_id, case.label) for case in found.accepted] == [(queue.cases[0].case_id, "neutral")]


@pytest.mark.slow
def test_more_labels_than_a_question_holds_become_a_free_text(store: str) -> None:
    for number, labels in enumerate([tuple(map(str, range(11))), ("x" * 65,), ()]):
        mlflow.set_experiment(f"many {number}")
        where = str(mlflow.get_experiment_by_name(f"many {number}").experiment_id)
        make_review_queues(small(1), "july", where, labels=labels)
        schema = schemas.get_label_schema(name="annotator_1", experiment_id=where)
        assert isinstance(schema.input, schemas.InputText)


@pytest.mark.parametrize("labels", [[f"new{n}" for n in range(6)], [f"new{n}" for n in range(11)]])
def test_labels_for_which_a_question_has_no_room_are_named_and_none_is_dropped(
    labels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Question(SimpleNamespace):
        name, schema_id, input = "annotator_1", "1", SimpleNamespace(options=[f"old{n}" for n in range(5)])

    monkeypatch.setattr(schemas, "list_label_schemas", lambda experiment: [Question()])
    monkeypatch.setattr(schemas, "update_label_schema", lambda *given, **named: pytest.fail("labels were dropped"))
    monkeypatch.setattr(review_queue.store, "client", lambda: None)
    said = make_review_queues(small(1), "july", "1", labels=labels)
    assert said.names == ()
    assert "not made: the question 'annotator_1' of this experiment asks for ['old0'" in said.sentence
    assert "so no room is left for ['new0'" in said.sentence


@pytest.mark.slow
def test_what_the_server_refuses_is_said(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise MlflowException("not on this server\nat all")

    monkeypatch.setattr(schemas, "create_label_schema", refuse)
    found = made(small(1))
    assert (found.names, found.link) == ((), "")
    assert "not made: MLflow answered: not on this server; the files" in found.sentence


def test_without_cases_or_a_client_that_knows_them_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said = make_review_queues(small(0), "july", "1", labels=LABELS).sentence
    assert "and not made: there is no case; the files and the run are whole" in said
    monkeypatch.setitem(sys.modules, "mlflow.genai.review_queues", None)
    said = make_review_queues(small(1), "july", "1", labels=LABELS).sentence
    assert f"not made: MLflow {mlflow.__version__} has none, it takes 3.14; the files" in said


def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match="does not answer"):
        make_review_queues(small(1), "july", "1", labels=LABELS)
