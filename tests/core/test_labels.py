"""Label quality of whole data sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from mlflow_evalplus import names
from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.labels import MAX_STORED, label_quality, label_quality_of
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import ColumnNotFound, DataError


@pytest.fixture(scope="module")
def votes() -> pd.DataFrame:
    """Return 900 messages that two annotators labelled, worse on 'web'; 5 % of the labels are flipped."""
    rng = np.random.default_rng(0)
    labels = np.array(["差", "一般", "好"])
    truth, channel = rng.integers(0, 3, 900), rng.choice(["app", "web"], 900)

    def noisy(rate: np.ndarray | float) -> np.ndarray:
        return labels[np.where(rng.random(900) < rate, (truth + rng.integers(1, 3, 900)) % 3, truth)]

    rate = np.where(channel == "web", 0.2, 0.04)
    frame = pd.DataFrame({"id": [f"m{i}" for i in range(900)], "label": noisy(0.05), "channel": channel})
    frame["annotator_a"], frame["annotator_b"] = noisy(rate), noisy(rate)
    frame.loc[::50, "annotator_b"] = None
    return frame


def test_every_figure_of_two_annotators(votes: pd.DataFrame) -> None:
    found = label_quality(votes, ["annotator_a", "annotator_b"], label="label", slices=["channel"], example_id="id")
    both = votes.dropna()
    a, b = both["annotator_a"], both["annotator_b"]
    assert found.of("all", "percent_agreement")[""].value == pytest.approx((a == b).mean())
    (kappa,) = found.of("pair", "cohen_kappa").values()
    assert kappa.value == pytest.approx(cohen_kappa_score(a, b))
    assert found.confusion == tuple(map(tuple, confusion_matrix(a, b, labels=list(found.labels)).tolist()))
    parts = {f"channel={value}": part for value, part in both.groupby("channel")}
    binary = {label: both[["annotator_a", "annotator_b"]] == label for label in ("差", "一般", "好")}
    for level, expected in (("slice", parts), ("class", binary)):
        for measure in ("percent_agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha"):
            assert set(found.of(level, measure)) == set(expected)
        for key, part in expected.items():
            one, other = part["annotator_a"], part["annotator_b"]
            assert found.of(level, "percent_agreement")[key].value == pytest.approx((one == other).mean())
            assert found.of(level, "cohen_kappa")[key].value == pytest.approx(cohen_kappa_score(one, other))
    assert (found.n, found.n_agreed, found.n_majority) == (900, (a == b).sum(), 0)
    assert found.n_split == (a != b).sum()
    contradicted = both.loc[(a == b) & (a != both["label"]), "id"]
    queue = {row.example_id: row.suggested for row in found.adjudicate}
    assert set(queue) == set(both.loc[a != b, "id"]) | set(contradicted)
    assert found.n_adjudicate == len(found.adjudicate) == len(queue)
    assert [votes["id"][row.row] for row in found.adjudicate] == list(queue)
    assert {name for name, suggested in queue.items() if suggested} == set(contradicted)
    assert all(queue[votes["id"][row]] == votes["annotator_a"][row] for row in contradicted.index)
    assert found.of("ceiling", "accuracy_ceiling")[""] == found.ceiling
    frame = found.frame()
    assert tuple(frame.columns) == names.LABEL_COLUMNS
    assert frame["key"].is_unique
    assert frame["key"].tolist()[-1] == "accuracy_ceiling"


def test_a_run_and_a_frame_say_the_same(votes: pd.DataFrame) -> None:
    annotators = ["annotator_a", "annotator_b"]
    rows = read(votes, prediction="annotator_a", slices=["channel"], annotators=annotators, example_id="id")
    of_frame = label_quality(votes, annotators, label="label", slices=["channel"], example_id="id")
    assert label_quality_of(rows) == of_frame


def test_weights_and_clusters_count_as_in_the_run(votes: pd.DataFrame) -> None:
    """A model that is never wrong, on labels that are wrong where rows weigh most: no more than the ceiling."""
    rng = np.random.default_rng(3)
    truth, customer = rng.integers(0, 3, 3000), rng.integers(0, 400, 3000)
    weight = np.where(customer % 4 == 0, 8.0, 1.0)
    rates = {"label": np.where(weight > 1, 0.25, 0.02), "a": 0.08, "b": 0.08, "truth": 0.0}
    frame = pd.DataFrame(
        {
            name: np.array(["x", "y", "z"])[
                np.where(rng.random(3000) < rate, (truth + rng.integers(1, 3, 3000)) % 3, truth)
            ]
            for name, rate in rates.items()
        }
    ).assign(weight=weight, customer=customer, id=np.arange(3000))
    rows = read(
        frame, prediction="truth", weight="weight", cluster="customer", annotators=["a", "b"], example_id="id"
    )  # fmt: skip
    found = label_quality_of(rows)
    assert found is not None
    assert found.ceiling is not None
    accuracy = evaluate(frame, prediction="truth", weight="weight", cluster="customer").metrics["accuracy"]
    assert accuracy.value < 0.86
    assert found.ceiling.lower < accuracy.value < found.ceiling.upper
    assert found.ceiling.value == pytest.approx(accuracy.value, abs=0.03)
    plain = label_quality(frame, ["a", "b"], label="label")
    assert plain.ceiling is not None
    assert plain.ceiling.lower > accuracy.value  # what was said before
    same = label_quality(frame, ["a", "b"], label="label", example_id="id", weight="weight", cluster="customer")
    assert same == found


def test_rows_copied_within_clusters_leave_every_interval_alone(votes: pd.DataFrame) -> None:
    frame = votes.assign(annotator_c=votes["label"].where(votes.index % 3 > 0), customer=votes["id"])
    asked = ["annotator_a", "annotator_b", "annotator_c"]
    once = label_quality(frame, asked, slices=["channel"], cluster="customer").frame()
    copied = label_quality(pd.concat([frame] * 20), asked, slices=["channel"], cluster="customer").frame()
    assert copied["key"].tolist() == once["key"].tolist()
    for column in ("value", "lower", "upper"):
        np.testing.assert_allclose(copied[column], once[column], atol=0.006)


def test_columns_that_hold_no_labels_are_named(votes: pd.DataFrame) -> None:
    found = label_quality(votes, ["annotator_a", "id"], label="label")
    assert found.warning.startswith("The labels of 'id' are in no other column: ['m0', 'm1', 'm10', ")
    assert found.labels == ("一般", "好", "差", "(any of id)")
    assert found.ceiling is None
    capital = votes.assign(annotator_b=votes["annotator_b"].map({"差": "Bad", "好": "Good", "一般": "Fair"}))
    found = label_quality(capital, ["annotator_a", "annotator_b"], label="label")
    assert found.warning.startswith("The labels of 'annotator_b' are in no other column: ['Bad', 'Fair', 'Good'].")
    assert len(found.labels) == 6
    both = capital.assign(annotator_a=capital["annotator_b"])
    found = label_quality(both, ["annotator_a", "annotator_b"], label="label")
    assert found.warning.startswith("No annotator gave a label of the label column: ['一般', ")
    rows = read(votes, prediction="label", annotators=["annotator_a", "channel"])
    quality = label_quality_of(rows)
    assert quality is not None
    assert "'channel' are in no other column: ['app', 'web']." in quality.warning
    assert not label_quality(votes, ["annotator_a", "annotator_b"], label="label").warning


def test_the_most_disputed_rows_come_first_and_votes_may_know_more_labels() -> None:
    frame = pd.DataFrame(
        {"y": ["n", "n", "p", "p"], "a": ["n", "n", "p", "n"], "b": ["n", "p", "p", "n"], "c": ["n", "mixed", "n", "n"]}
    )
    found = label_quality(frame, ["a", "b", "c"], label="y")
    assert found.labels == ("n", "p", "mixed")
    assert (found.n_agreed, found.n_majority, found.n_split) == (2, 1, 1)
    assert [row.example_id for row in found.adjudicate] == ["1", "3"]  # three ways; all against the label
    assert found.adjudicate[1].suggested == "n"
    assert np.trace(np.array(found.confusion)) == 6 + 2 + 6
    assert np.sum(found.confusion) == 4 * 6
    assert set(found.of("annotator", "accuracy")) == {"a", "b", "c"}


def test_the_queue_is_capped_and_its_length_kept() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 1000, "b": ["x"] * 2000})
    found = label_quality(frame, ["a", "b"])
    assert (found.n_adjudicate, len(found.adjudicate)) == (1000, 1000)
    frame = pd.DataFrame({"a": ["x", "y"] * 1100, "b": ["x"] * 2200})
    found = label_quality(frame, ["a", "b"])
    assert (found.n_adjudicate, len(found.adjudicate)) == (1100, MAX_STORED)
    assert len(label_quality(frame, ["a", "b"], max_adjudicate=2000).adjudicate) == 1100


def test_without_annotators_the_scores_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 2000)
    wrong = rng.random(2000) < 0.05
    positive = np.where(truth == 1, 0.97, 0.03) + rng.uniform(-0.02, 0.02, 2000)
    frame = pd.DataFrame({"label": np.array(["n", "p"])[truth ^ wrong], "n": 1 - positive, "p": positive})
    rows = read(frame, prediction="label", scores={"n": "n", "p": "p"})
    found = label_quality_of(rows)
    assert found is not None
    assert found.ceiling is not None
    assert found.ceiling.lower < 1 - wrong.mean() < found.ceiling.upper
    assert found.ceiling.n == 667  # a third of the rows of each prediction
    assert found.ceiling_from == "the model's own probabilities, an estimate"
    ids = rows.with_ids().table["example_id"].to_pylist()
    assert {row.example_id for row in found.adjudicate} == {ids[row] for row in np.flatnonzero(wrong)}
    assert all(row.suggested == "np"[truth[row.row]] for row in found.adjudicate)
    assert label_quality_of(read(frame, prediction="label")) is None
    monkeypatch.setattr(confident_learning, "find_spec", lambda name: None)
    assert label_quality_of(rows) is None


def test_a_run_whose_annotators_have_not_begun_is_no_error() -> None:
    frame = pd.DataFrame({"label": ["x", "y"], "a": [None, None], "b": ["x", None]})
    assert label_quality_of(read(frame, prediction="label", annotators=["a", "b"])) is None
    weighted = label_quality(frame.assign(w=[1.0, 2.0]), ["a", "b"], weight="w", cluster="label", slices=["label"])
    assert weighted.ceiling is None
    found = label_quality(frame, ["a", "b"], label="label")
    assert found.ceiling is None
    assert not found.of("all", "fleiss_kappa")[""].defined
    assert found.n_agreed + found.n_majority + found.n_split == 0


def test_the_reliable_annotator_overrules_the_majority() -> None:
    """Four of five annotators are wrong four times in ten: where two or three of them err alike, the fifth is right."""
    rng = np.random.default_rng(2)
    truth, wrong = rng.integers(0, 3, 3000), np.array([0.02, 0.4, 0.4, 0.4, 0.4])
    codes = np.where(
        rng.random((3000, 5)) < wrong, (truth[:, None] + rng.integers(1, 3, (3000, 5))) % 3, truth[:, None]
    )
    frame = pd.DataFrame(np.array(["x", "y", "z"])[codes], columns=list("abcde"))
    found = label_quality(frame, list("abcde"))
    assert found.n_overruled > 100
    right = {name: estimate.value for name, estimate in found.of("annotator", "accuracy").items()}
    np.testing.assert_allclose(list(right.values()), 1 - wrong, atol=0.04)
    split = [row for row in found.adjudicate if row.suggested]
    assert len(split) == len(found.adjudicate)
    assert np.mean(["xyz".index(row.suggested) == truth[row.row] for row in split]) > 0.9


def test_bad_input_is_one_clear_error(votes: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="give a list of two or more different columns"):
        label_quality(votes, ["annotator_a", "annotator_a"])
    with pytest.raises(DataError, match="annotators is 'annotator_a'; give a list"):
        label_quality(votes, "annotator_a")
    with pytest.raises(DataError, match=r"slices=\['channel'\]"):
        label_quality(votes, ["annotator_a", "annotator_b"], slices="channel")
    with pytest.raises(ColumnNotFound, match="Did you mean 'annotator_a'"):
        label_quality(votes, ["anotator_a", "annotator_b"])
    with pytest.raises(DataError, match="no row has a vote"):
        label_quality(pd.DataFrame({"a": [None], "b": [None]}), ["a", "b"])
    with pytest.raises(DataError, match="have no label"):
        label_quality(pd.DataFrame({"y": ["x", None], "a": list("xx"), "b": list("xx")}), ["a", "b"], label="y")
