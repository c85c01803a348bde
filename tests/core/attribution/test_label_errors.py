"""What a model's probabilities say of labels whose error rate is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.attribution.label_errors import MAX_RATE, LabelErrors, label_errors, score_matrix
from mlflow_evalplus.core.confident_learning import flagged
from mlflow_evalplus.core.labels import label_quality_of
from mlflow_evalplus.core.predictions import Predictions, read

NAMES = ("a", "b", "c")


def rows(labels: np.ndarray, scores: np.ndarray, **columns: np.ndarray) -> Predictions:
    frame = pd.DataFrame(scores, columns=[f"score.{name}" for name in NAMES[: scores.shape[1]]])
    frame["label"] = np.array(NAMES)[labels]
    frame["prediction"] = np.array(NAMES)[scores.argmax(axis=1)]
    asked = {f"score.{name}" for name in NAMES}
    scored = {name.removeprefix("score."): name for name in frame if name in asked}
    return read(frame.assign(**columns), scores=scored, **{name: name for name in columns})


def judged(predictions: Predictions) -> LabelErrors | None:
    scores = score_matrix(predictions)
    assert scores is not None
    return label_errors(predictions, scores)


def blobs(n: int, distance: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.integers(0, 3, n)
    return truth, distance * np.eye(3)[truth] + rng.normal(size=(n, 3))


def flipped(truth: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(truth)) < rate, (truth + rng.integers(1, 3, len(truth))) % 3, truth)


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), KNeighborsClassifier(1)])
def test_probabilities_of_0_and_1_tell_nothing(model: ClassifierMixin) -> None:
    """All labels are right; the model errs in more than a tenth of the rows, and is as sure there as elsewhere."""
    truth, inputs = blobs(4000, 2.5, np.random.default_rng(0))
    scores = model.fit(inputs[:2000], truth[:2000]).predict_proba(inputs[2000:])
    assert set(np.unique(scores)) == {0.0, 1.0}
    found = rows(truth[2000:], scores)
    assert judged(found) is None
    quality = label_quality_of(found)
    assert quality is not None
    assert (quality.ceiling, quality.n_adjudicate) == (None, 0)


@pytest.mark.parametrize("copies", [1, 3, 30])
def test_an_overconfident_model_accuses_few_labels_or_none(copies: int) -> None:
    """Naive Bayes takes copies of one feature for so many witnesses. All labels are right."""
    rng = np.random.default_rng(1)
    truth, inputs = blobs(6000, 2.0, rng)
    noisy = np.repeat(inputs, copies, axis=1)
    scores = GaussianNB().fit(noisy[:3000], truth[:3000]).predict_proba(noisy[3000:])
    wrong = scores.argmax(axis=1) != truth[3000:]
    assert wrong.mean() > 0.13
    found = judged(rows(truth[3000:], scores))
    if found is not None:
        assert found.effect.gain.upper < 0.03
        assert found.suspects.mean() < 0.03


def test_a_model_that_is_sure_and_often_wrong_is_not_asked() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 3000)
    said = flipped(truth, MAX_RATE + 0.05, rng)
    sure = 0.97 + 0.02 * rng.random((3000, 1))
    scores = np.where(np.eye(3)[said] == 1, sure, (1 - sure) / 2)
    assert judged(rows(truth, scores)) is None
    assert judged(rows(flipped(said, MAX_RATE - 0.05, rng), scores)) is not None


@pytest.mark.parametrize("seed", range(5))
def test_5_percent_of_flipped_labels_are_counted_and_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, inputs = blobs(6000, 5.0, rng)
    labels = flipped(truth, 0.05, rng)
    scores = LogisticRegression().fit(inputs[:3000], labels[:3000]).predict_proba(inputs[3000:])
    predictions, wrong = rows(labels[3000:], scores), labels[3000:] != truth[3000:]
    found = judged(predictions)
    assert found is not None
    assert found.effect.gain.lower < 0.05 < found.effect.gain.upper
    assert (found.suspects & wrong).sum() > 0.8 * wrong.sum()
    assert (found.suspects & wrong).sum() > 0.6 * found.suspects.sum()


@pytest.mark.parametrize("distance", [1.0, 2.0, 3.0, 5.0])
def test_no_more_labels_are_suspected_than_can_be_wrong(distance: float) -> None:
    rng = np.random.default_rng(3)
    truth, inputs = blobs(6000, distance, rng)
    scores = LogisticRegression(C=1e4).fit(inputs[:3000], truth[:3000]).predict_proba(inputs[3000:])
    found = judged(rows(truth[3000:], scores))
    if found is None:
        assert distance < 3
        return
    assert found.suspects.sum() <= math.ceil(3000 * found.effect.gain.upper)
    told = flagged(truth[3000:], scores)
    assert (told | ~found.suspects).all()
    behind = scores.max(axis=1) - scores[np.arange(3000), truth[3000:]]
    if found.suspects.any() and (told & ~found.suspects).any():
        assert behind[found.suspects].min() >= behind[told & ~found.suspects].max()  # those it is surest of


def test_weights_and_clusters_are_respected() -> None:
    rng = np.random.default_rng(4)
    truth, inputs = blobs(4000, 5.0, rng)
    hard = np.arange(4000) % 2 == 0
    labels = np.where(hard, flipped(truth, 0.15, rng), truth)
    scores = LogisticRegression().fit(inputs, truth).predict_proba(inputs)
    plain, heavy = judged(rows(labels, scores)), judged(rows(labels, scores, weight=np.where(hard, 9.0, 1.0)))
    assert plain is not None
    assert heavy is not None
    assert plain.effect.gain.value == pytest.approx(0.075, abs=0.02)
    assert heavy.effect.gain.value == pytest.approx(0.135, abs=0.025)
    copied = rows(np.repeat(labels, 4), np.repeat(scores, 4, axis=0), cluster=np.repeat(np.arange(4000), 4).astype(str))
    same = judged(copied)
    assert same is not None
    assert same.effect.gain.upper == pytest.approx(plain.effect.gain.upper, abs=0.005)
    quality = label_quality_of(copied)
    assert quality is not None
    assert quality.ceiling is not None
    assert quality.ceiling.lower == pytest.approx(1 - same.effect.gain.upper)


def test_without_cleanlab_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confident_learning, "find_spec", lambda name: None)
    assert judged(rows(np.arange(90) % 3, np.eye(3)[np.arange(90) % 3])) is None
