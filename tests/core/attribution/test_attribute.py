"""`attribute`: what it is given and refuses, and what it adds to an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import mlflow_evalplus as ep
from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.attribution.linear_text import linear_text
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.results.word_attribution import WordAttribution


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    """Return messages of which those that say "refund" are answered wrongly when they are negative."""
    rng = np.random.default_rng(0)
    label = rng.choice(["negative", "positive"], 300)
    text = [
        f"{'sorry bad' if y == 'negative' else 'good thanks'} {'refund' * (i % 5 == 0)}" for i, y in enumerate(label)
    ]
    wrong = (label == "negative") & (np.arange(300) % 5 == 0)
    frame = pd.DataFrame({"text": text, "label": label, "prediction": np.where(wrong, "positive", label)})
    return frame.assign(channel=rng.choice(["app", "web"], 300), score_n=0.2, score_p=0.8)


def words(messages: pd.DataFrame, model: Any, **options: Any) -> WordAttribution | None:
    found = ep.attribute(ep.evaluate(messages), model=model, **options).attribution
    assert found is not None
    return found.words


def pipeline(messages: pd.DataFrame, last: Any) -> Any:
    """Return a model that has learnt that refunds are good news."""
    learnt = np.where(messages["text"].str.contains("refund"), "positive", messages["label"])
    return make_pipeline(CountVectorizer(), last).fit(messages["text"], learnt)


def test_a_linear_pipeline_is_read_and_another_model_is_asked(messages: pd.DataFrame) -> None:
    linear = pipeline(messages, LogisticRegression())
    exact = words(messages, linear)
    assert exact is not None
    assert (exact.method, exact.rows[0].word) == ("exact", "refund")
    assert words(messages, linear_text(linear)) == exact
    forest = pipeline(messages, RandomForestClassifier(20, random_state=0))
    asked = words(messages, forest)
    assert asked is not None
    assert (asked.method, asked.rows[0].word) == ("occlusion", "refund")
    assert words(messages, forest, max_predictions=0) is None
    assert words(messages.drop(columns="text"), forest) is None
    # a function is what the classifier is asked as
    by_function = words(messages, lambda texts, rows: forest.predict_proba(list(texts)))
    assert by_function == asked


def test_the_classes_of_a_model_are_matched_to_the_labels_by_name(messages: pd.DataFrame) -> None:
    """A model may know other classes, in another order, and as numbers; the scores must not change places."""
    forest = pipeline(messages, RandomForestClassifier(20, random_state=0))
    numbers = {"negative": "1", "positive": "0", "other": "2"}
    renamed = messages.replace({"label": numbers, "prediction": numbers})
    asked, again = words(messages, forest), words(renamed, Renamed(forest))
    assert asked is not None
    assert again is not None
    assert [(row.word, row.contribution) for row in again.rows] == [(row.word, row.contribution) for row in asked.rows]


class Renamed:
    classes_ = np.array([2.0, 1.0, 0.0])

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.column_stack([np.zeros(len(texts)), self.model.predict_proba(texts)])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("logistic", "model is str; give a fitted scikit-learn classifier of texts, or a function"),
        (7, "model is int; give a fitted"),
        (make_pipeline(CountVectorizer(), LogisticRegression()), "Pipeline without classes_, so it is not fitted"),
        (LogisticRegression().fit([[0.0], [1.0]], [0, 1]), "LogisticRegression cannot read a list of texts: Exp"),
        (lambda texts, rows: np.zeros(3), "scores of shape"),
    ],
    ids=["text", "number", "not fitted", "not of texts", "function of another shape"],
)  # fmt: skip
def test_what_is_no_model_of_texts_is_refused(messages: pd.DataFrame, model: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        words(messages, model)


def test_rows_that_are_not_at_hand_are_asked_for(messages: pd.DataFrame) -> None:
    lazy = ep.evaluate(pl.from_pandas(messages).lazy())
    with pytest.raises(DataError, match=r"rows of this evaluation are not at hand; collect the frame, or load it"):
        ep.attribute(lazy)


@pytest.mark.parametrize("of", [pl.from_pandas, lambda frame: pl.from_pandas(frame).lazy()], ids=["polars", "lazy"])
def test_training_rows_may_be_any_frame(messages: pd.DataFrame, of: Any) -> None:
    evaluation = ep.evaluate(messages, slices=["channel"])
    learnt = messages[~messages["text"].str.contains("refund")]
    found = ep.attribute(evaluation, training=of(learnt)).attribution
    # from Python 3.13 on, data classes that hold nan are not equal
    assert repr(found) == repr(ep.attribute(evaluation, training=learnt).attribution)
    assert found is not None
    assert [cause.name for cause in found.causes.rows] == ["unknown_vocabulary"]


def test_the_text_of_training_rows_may_have_another_name(messages: pd.DataFrame) -> None:
    learnt = messages[~messages["text"].str.contains("refund")].rename(columns={"text": "message"})
    evaluation = ep.evaluate(messages)
    named = ep.attribute(evaluation, training=learnt, text="message").attribution
    by_task = ep.evaluate(messages.rename(columns={"text": "message"}), requirements={"task": {"text": "message"}})
    unnamed = ep.attribute(evaluation, training=learnt).attribution
    for found, expected in (
        (named, True),
        (ep.attribute(by_task, training=learnt).attribution, True),
        (unnamed, False),
    ):
        assert found is not None
        assert (found.causes.rows[0].name == "unknown_vocabulary") == expected


def test_without_errors_there_is_nothing_to_attribute(messages: pd.DataFrame) -> None:
    right = messages.assign(prediction=messages["label"])
    scores = {"negative": "score_n", "positive": "score_p"}
    found = ep.attribute(ep.evaluate(right, scores=scores), rules={"refund": "negative"}, training=right)
    assert found.attribution is not None
    assert (found.attribution.n, found.attribution.n_errors, found.attribution.sources) == (300, 0, ())
    assert (found.attribution.causes.rows, found.attribution.actions.rows, found.attribution.cases.rows) == ((), (), ())
    assert found.label_quality is not None
    # a wrong rule is wrong even where no rule is needed
    with pytest.raises(DataError, match="no regular expression"):
        ep.attribute(ep.evaluate(right), rules={"(": "negative"})


def test_the_evaluation_is_the_same_but_for_what_was_added(messages: pd.DataFrame) -> None:
    before = ep.evaluate(messages, slices=["channel"], requirements={"prices": {"label": 0.1, "currency": "EUR"}})
    after = ep.attribute(before)
    assert (before.attribution, before.label_quality, after.label_quality) == (None, None, None)
    assert (after.metrics, after.slices, after.verdict) == (before.metrics, before.slices, before.verdict)
    assert after.predictions is before.predictions
    assert ep.attribute(after) == after


def test_wider_intervals_for_a_higher_confidence(messages: pd.DataFrame) -> None:
    learnt = messages[~messages["text"].str.contains("refund")]
    widths = []
    for confidence in (0.9, 0.99):
        found = ep.attribute(ep.evaluate(messages, confidence=confidence), training=learnt).attribution
        assert found is not None
        gain = next(action.gain for action in found.actions.rows if action.kind == "collect")
        widths.append(gain.upper - gain.lower)
    assert widths[1] > 1.2 * widths[0]


def test_a_loaded_run_is_attributed_as_before_it_was_logged(store: str, messages: pd.DataFrame, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {pattern: refund, label: negative}\n", "utf-8")
    noisy = messages.assign(x=messages["label"], y=messages["prediction"])
    options: dict[str, Any] = {"slices": ["channel", "text_negation"], "annotators": ["x", "y"],
                               "scores": {"negative": "score_n", "positive": "score_p"}}  # fmt: skip
    evaluation = ep.evaluate(noisy, **options, requirements={"prices": {"label": 0.08}})
    with mlflow.start_run() as run:
        ep.log(evaluation)
    run_id = run.info.run_id
    why = {"training": messages, "rules": rules}
    loaded = ep.load(run_id)
    assert loaded == ep.attribute(evaluation)  # `log` looks where nobody has
    assert ep.attribute(loaded, **why) == ep.attribute(evaluation, **why)
    with pytest.raises(DataError, match="not at hand"):
        ep.attribute(ep.load(run_id, predictions=False))


def test_a_text_column_that_the_training_rows_lack_is_named() -> None:
    rows = pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "a"], "text": ["late", "fine"]})
    with pytest.raises(ColumnNotFound, match=r"column 'txt' is not in the data.* Did you mean 'text'\?"):
        ep.attribute(ep.evaluate(rows), training=rows, text="txt")


def test_what_was_given_and_could_not_be_used_is_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.DataFrame({"label": ["a", "b"] * 50, "prediction": ["a", "a"] * 50, "text": "late", "p": 0.7, "q": 0.3})
    plain = ep.evaluate(rows, text="text", scores={"a": "p", "b": "q"})
    assert ep.attribute(plain).notes == ()
    monkeypatch.setattr(confident_learning, "find_spec", lambda name: None)
    given = {"training": rows[["label"]], "rules": {"late": "a", "fine": "c"}}
    noted = ep.attribute(plain, **given)
    assert [note.split(" ")[0] for note in noted.notes] == ["The", "Labels", "1"]
    assert "no column 'text'" in noted.notes[0]
    assert "pip install 'mlflow-evalplus[labels]'" in noted.notes[1]
    assert noted.notes[2] == "1 of 2 keyword rules are for labels that do not occur; left out."
    assert ep.attribute(noted, **given).notes == noted.notes
