"""Words that push: contributions held against SHAP, the model's own decision, and a mean over rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder
from sklearn.svm import SVC, LinearSVC

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution import word_attribution
from mlflow_evalplus.core.attribution.linear_text import LinearText, linear_text, row_contributions
from mlflow_evalplus.core.attribution.pushes import MAX_EXAMPLES, MAX_WORDS
from mlflow_evalplus.core.attribution.word_attribution import attribute_words, words_of
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.word_attribution import WordAttribution, WordContribution
from tests.generated import inputs

WORDS = ["late", "refund", "great", "broken", "thanks", "fine", "app", "again", "slow", "order"]
LABELS = ("negative", "neutral", "positive")


def messages(n: int = 300, n_labels: int = 3, seed: int = 0) -> pd.DataFrame:
    """Return texts whose labels follow some words, not always."""
    rng = np.random.default_rng(seed)
    held = rng.integers(0, len(WORDS), (n, 6))
    lean = (held % n_labels)[:, :3].sum(axis=1) // 3
    label = np.where(rng.random(n) < 0.3, rng.integers(0, n_labels, n), np.minimum(lean, n_labels - 1))
    texts = [" ".join(WORDS[word] for word in row) for row in held]
    return pd.DataFrame({"text": texts, "label": np.array(LABELS)[label], "channel": np.resize(["app", "web"], n)})


def answered(pipeline: Any, frame: pd.DataFrame, inputs: Any = None) -> Predictions:
    return read(frame.assign(prediction=pipeline.predict(frame["text"] if inputs is None else inputs)), text="text")


def fitted(classifier: Any, n_labels: int = 3) -> tuple[Any, pd.DataFrame]:
    frame = messages(n_labels=n_labels)
    return make_pipeline(TfidfVectorizer(), classifier).fit(frame["text"], frame["label"]), frame


def linear(pipeline: Any) -> LinearText:
    model = linear_text(pipeline)
    assert model is not None
    return model


def attributed(*arguments: Any, **options: Any) -> WordAttribution:
    found = attribute_words(*arguments, **options)
    assert found is not None
    return found


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("classifier", [LogisticRegression(), LinearSVC()], ids=lambda c: type(c).__name__)
def test_contributions_of_a_row_are_shap_values(classifier: Any, n_labels: int) -> None:
    shap = pytest.importorskip("shap")
    pipeline, frame = fitted(classifier, n_labels)
    features = pipeline[:-1].transform(frame["text"]).toarray()
    masker = shap.maskers.Independent(features, max_samples=len(features))
    values = shap.LinearExplainer(pipeline[-1], masker).shap_values(features)
    pushes, expected, _ = row_contributions(linear(pipeline), frame["text"], *pipeline.classes_[[0, 1]])
    of_pair = values if n_labels == 2 else values[:, :, 1] - values[:, :, 0]
    np.testing.assert_allclose(pushes.toarray() - expected, of_pair, atol=1e-12)


def difference(pipeline: Any, inputs: Any, label: str, prediction: str) -> Any:
    """Return the decision difference of a fitted pipeline as scikit-learn computes it."""
    own, other = (pipeline.classes_.tolist().index(name) for name in (label, prediction))
    if hasattr(pipeline, "predict_joint_log_proba"):
        scores = pipeline[-1].predict_joint_log_proba(pipeline[:-1].transform(inputs))
    else:
        scores = pipeline.decision_function(inputs)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    return scores[:, other] - scores[:, own]


CLASSIFIERS = {
    "multinomial": LogisticRegression(),
    "without intercept": LinearSVC(fit_intercept=False),
    "sgd": SGDClassifier(random_state=0),
    "ridge": RidgeClassifier(),
    "multinomial naive Bayes": MultinomialNB(),
    "complement naive Bayes": ComplementNB(),
}


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_base_and_contributions_make_the_decision(classifier: Any, n_labels: int) -> None:
    frame = messages(n_labels=n_labels)
    pipeline = make_pipeline(CountVectorizer(), classifier).fit(frame["text"], frame["label"])
    label, prediction = pipeline.classes_[[1, 0]]
    pushes, expected, base = row_contributions(linear(pipeline), frame["text"], label, prediction)
    if isinstance(classifier, MultinomialNB | ComplementNB):
        scores = pipeline[-1].predict_joint_log_proba(pipeline[:-1].transform(frame["text"]))
        wanted = scores[:, 0] - scores[:, 1]
    else:
        wanted = difference(pipeline, frame["text"], label, prediction)
    np.testing.assert_allclose((pushes.toarray() - expected).sum(axis=1) + base, wanted, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=inputs(30), deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), st.sampled_from(LABELS)), min_size=3)
    .filter(lambda rows: len({label for _, label in rows}) > 1)
)  # fmt: skip
def test_sums_hold_for_any_training_data(rows: list[tuple[list[str], str]]) -> None:
    texts, labels = [" ".join(words) for words, _ in rows], [label for _, label in rows]
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10)).fit(texts, labels)
    label, prediction = pipeline.classes_[[0, -1]]
    pushes, expected, base = row_contributions(linear(pipeline), texts, label, prediction)
    wanted = difference(pipeline, texts, label, prediction)
    np.testing.assert_allclose((pushes.toarray() - expected).sum(axis=1) + base, wanted, atol=1e-9)


def brute_force(pipeline: Any, frame: pd.DataFrame, given: Any) -> dict[tuple[str, str], dict[str, tuple[Any, ...]]]:
    """Return pair → word → (errors with it, mean contribution, the same of right rows), row by row."""
    model, found = linear(pipeline), {}
    label = frame["label"].to_numpy()
    for own, other in {(a, b) for a, b in zip(label, given, strict=True) if a != b}:
        pushes, expected, _ = row_contributions(model, frame["text"], own, other)
        contributions = pushes.toarray() - expected
        wrong, right = (label == own) & (given == other), (label == own) & (given == own)
        enough = 2 if wrong.sum() >= 5 else 1
        of_pair = {}
        for word, name in enumerate(model.features):
            n, mean = int((pushes.toarray()[wrong, word] != 0).sum()), contributions[wrong, word].mean()
            if n >= enough and mean > 0 and pushes.toarray()[wrong, word].sum() > 0:
                of_pair[str(name)] = (n, mean, contributions[right, word].mean() if right.any() else np.nan)
        found[own, other] = dict(sorted(of_pair.items(), key=lambda item: -item[1][1])[:MAX_WORDS])
    return found


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_table_holds_means_of_row_contributions(n_labels: int) -> None:
    pipeline, frame = fitted(LogisticRegression(), n_labels)
    predictions = answered(pipeline, frame)
    found = attributed(predictions, linear(pipeline))
    wanted = brute_force(pipeline, frame, pipeline.predict(frame["text"]))
    assert {(row.label, row.prediction) for row in found.rows} == {pair for pair, words in wanted.items() if words}
    for pair, words in wanted.items():
        rows = [row for row in found.rows if (row.label, row.prediction) == pair]
        assert [row.word for row in rows] == list(words)
        for row in rows:
            np.testing.assert_allclose((row.n, row.contribution, row.contribution_right), words[row.word])
    wrong = int((pipeline.predict(frame["text"]) != frame["label"]).sum())
    assert (found.method, found.n_explained, found.n_errors, found.n_predictions) == ("exact", wrong, wrong, 0)


def test_examples_are_the_errors_in_which_the_word_pushes_most() -> None:
    pipeline, frame = fitted(LogisticRegression())
    frame["id"] = [f"r{i}" for i in range(len(frame))]
    given = pipeline.predict(frame["text"])
    found = attributed(read(frame.assign(prediction=given), text="text", example_id="id"), linear(pipeline))
    for row in found.rows:
        pushes, _, _ = row_contributions(linear(pipeline), frame["text"], row.label, row.prediction)
        column = pushes.toarray()[:, pipeline[0].vocabulary_[row.word]]
        of_pair = np.flatnonzero((frame["label"] == row.label) & (given == row.prediction) & (column > 0))
        best = np.sort(column[of_pair])[::-1][:MAX_EXAMPLES]
        shown = [column[int(name[1:])] for name in row.examples]
        np.testing.assert_allclose(shown, best)
        assert {int(name[1:]) for name in row.examples} <= set(of_pair)


def test_pairs_come_by_their_errors_and_every_value_is_builtin() -> None:
    pipeline, frame = fitted(LogisticRegression())
    found = attributed(answered(pipeline, frame), linear(pipeline))
    given = pipeline.predict(frame["text"])
    errors = frame.assign(given=given)[frame["label"] != given].value_counts(["label", "given"])
    sizes = [errors[pair] for pair in dict.fromkeys((row.label, row.prediction) for row in found.rows)]
    assert sizes == sorted(sizes, reverse=True)
    for row in found.rows:
        kinds = [type(getattr(row, name)) for name in WordContribution.__slots__]
        assert kinds == [str, str, str, int, float, float, tuple]
    table = found.frame()
    assert tuple(table.columns) == names.WORD_COLUMNS
    assert table["key"].is_unique
    assert table["key"][0] == f"{found.rows[0].label} → {found.rows[0].prediction}: {found.rows[0].word}"


PIPELINES: dict[str, Callable[[], Any]] = {
    "counts, then TF-IDF, chosen and scaled": lambda: make_pipeline(
        CountVectorizer(), TfidfTransformer(), SelectKBest(chi2, k=5), MaxAbsScaler(), LogisticRegression()
    ),
    "inside each other": lambda: make_pipeline(make_pipeline(CountVectorizer(), "passthrough"), LogisticRegression()),
    "found by a search": lambda: GridSearchCV(
        make_pipeline(CountVectorizer(), LogisticRegression()), {"logisticregression__C": [1, 2]}, cv=2
    ),
    "sparse coefficients": lambda: make_pipeline(CountVectorizer(), SGDClassifier(random_state=0)),
}


@pytest.mark.parametrize("make", PIPELINES.values(), ids=PIPELINES)
def test_pipelines_of_many_shapes_are_read(make: Callable[[], Any]) -> None:
    frame = messages()
    pipeline = make().fit(frame["text"], frame["label"])
    getattr(getattr(pipeline, "steps", [(0, 0)])[-1][1], "sparsify", lambda: None)()
    pushes, expected, base = row_contributions(linear(pipeline), frame["text"], "neutral", "positive")
    wanted = difference(pipeline, frame["text"], "neutral", "positive")
    np.testing.assert_allclose((pushes.toarray() - expected).sum(axis=1) + base, wanted, atol=1e-9)
    assert {row.word for row in attributed(answered(pipeline, frame), linear(pipeline)).rows} <= set(WORDS)


NOT_LINEAR: dict[str, Callable[[], Any]] = {
    "coefficients of pairs of classes": lambda: make_pipeline(CountVectorizer(), SVC(kernel="linear")),
    "absent words count": lambda: make_pipeline(CountVectorizer(), BernoulliNB()),
    "nameless features": lambda: make_pipeline(HashingVectorizer(n_features=16), LogisticRegression()),
    "a nameless step": lambda: make_pipeline(CountVectorizer(), FunctionTransformer(), LogisticRegression()),
    "mixed features": lambda: make_pipeline(CountVectorizer(), TruncatedSVD(3), LogisticRegression()),
}


@pytest.mark.parametrize("make", NOT_LINEAR.values(), ids=NOT_LINEAR)
def test_what_is_not_linear_in_named_words_is_left_to_occlusion(make: Callable[[], Any]) -> None:
    frame = messages()
    assert linear_text(make().fit(frame["text"], frame["label"])) is None


@pytest.mark.parametrize("other", [LogisticRegression(), make_pipeline(CountVectorizer(), LogisticRegression()), None])
def test_what_is_not_fitted_or_no_text_model_is_none(other: Any) -> None:
    assert linear_text(other) is None


def test_a_pipeline_that_takes_a_data_frame_is_given_one() -> None:
    frame = messages()
    columns = ColumnTransformer([("words", CountVectorizer(), "text"), ("place", OneHotEncoder(), ["channel"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, frame["label"])
    model = linear(pipeline)
    assert model.reads_columns
    found = attributed(answered(pipeline, frame, frame), model, inputs=frame)
    assert {row.word for row in found.rows} <= {*WORDS, "place: channel_app", "place: channel_web"}
    assert {row.word for row in found.rows} & set(WORDS)
    matrix = sparse.csr_matrix(pipeline[:-1].transform(frame))
    again = attributed(answered(pipeline, frame, frame), model, inputs=matrix)
    assert repr(again) == repr(found)  # nan is not equal to nan


def test_names_tell_words_from_characters_and_columns_from_each_other() -> None:
    def named(**vectorisers: Any) -> list[str]:
        union = FeatureUnion(list(vectorisers.items()))
        pipeline = Pipeline([("features", union), ("classifier", LogisticRegression())]).fit(
            ["no go", "ok"], ["a", "b"]
        )
        model = linear(pipeline)
        return [model.word(feature) for feature in range(len(model.features))]

    words = CountVectorizer(ngram_range=(1, 2))
    assert named(words=words) == ["go", "no", "no go", "ok"]
    characters = CountVectorizer(analyzer="char_wb", ngram_range=(4, 4))
    assert named(words=words, characters=characters) == ["go", "no", "no go", "ok", "“go”", "“no”", "“ok”"]
    assert named(title=words, body=words)[2:6] == ["title: no go", "title: ok", "body: go", "body: no"]
    across = CountVectorizer(analyzer="char", ngram_range=(3, 3))
    assert named(characters=across) == ["go…", "…no", "…o g…"]


def test_fragments_of_one_word_are_listed_once() -> None:
    frame = pd.DataFrame({"text": ["broken", "broken again", "lovely", "lovely again"], "label": ["a", "a", "b", "b"]})
    union = FeatureUnion([("w", CountVectorizer()), ("c", CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)))])
    pipeline = make_pipeline(union, LogisticRegression()).fit(frame["text"], frame["label"])
    wrong = pd.DataFrame({"text": ["broken", "lovely"], "label": ["b", "b"], "prediction": ["a", "b"]})
    found = attributed(read(wrong, text="text"), linear(pipeline))
    assert [row.word for row in found.rows] == ["broken"]


def test_inputs_that_do_not_fit_are_refused() -> None:
    pipeline, frame = fitted(LogisticRegression())
    predictions, model = answered(pipeline, frame), linear(pipeline)
    with pytest.raises(DataError, match=r"2 inputs for 300 predictions"):
        attribute_words(predictions, model, inputs=["a", "b"])
    with pytest.raises(DataError, match=r"have 3 features; the model was fitted to 10"):
        attribute_words(predictions, model, inputs=pipeline[:-1].transform(frame["text"])[:, :3])
    with pytest.raises(DataError, match=r"does not know 'positve'; .* Did you mean 'positive'\?"):
        row_contributions(model, frame["text"], "negative", "positve")


def test_where_there_is_nothing_to_tell_it_is_none() -> None:
    pipeline, frame = fitted(LogisticRegression())
    model = linear(pipeline)
    right = frame.assign(prediction=frame["label"])
    assert attribute_words(read(right, text="text"), model) is None  # no error
    wrong = frame.assign(prediction=np.roll(frame["label"], 1))
    assert attribute_words(read(wrong), model) is None  # no text
    assert attribute_words(read(wrong), model, inputs=frame["text"]) is not None
    empty = wrong.assign(text=pa.nulls(len(wrong), pa.string()).to_pandas(), prediction=pipeline.predict([""])[0])
    assert attribute_words(read(empty, text="text"), model) is None  # no words
    assert attribute_words(read(empty, text="text"), lambda texts, rows: 1 / 0) is None
    unknown = wrong.assign(label="angry", prediction="sad")
    assert attribute_words(read(unknown, text="text"), model) is None  # labels that the model does not know


def test_of_very_many_rows_evenly_spread_ones_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, frame = fitted(LogisticRegression())
    predictions, model = answered(pipeline, frame), linear(pipeline)
    monkeypatch.setattr(word_attribution, "MAX_ROWS", 100)
    found = attributed(predictions, model)
    rows = np.linspace(0, 299, 100).round().astype(int)
    wrong = (pipeline.predict(frame["text"]) != frame["label"]).to_numpy()
    assert (found.n_explained, found.n_errors) == (wrong[rows].sum(), wrong.sum())
    for texts in (frame["text"], pipeline[:-1].transform(frame["text"])):
        assert repr(attribute_words(predictions, model, inputs=texts)) == repr(found)


@pytest.mark.parametrize(("n_errors", "listed"), [(4, {"great", "once"}), (5, {"great"})])
def test_a_word_of_a_single_error_is_listed_only_where_there_are_few(n_errors: int, listed: set[str]) -> None:
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression())
    pipeline.fit(["great", "once", "late"], ["positive", "positive", "negative"])
    texts = ["once", *["great"] * (n_errors - 1), "late"]
    frame = pd.DataFrame({"text": texts, "label": "negative", "prediction": [*["positive"] * n_errors, "negative"]})
    found = attributed(read(frame, text="text"), linear(pipeline))
    assert {row.word for row in found.rows} == listed


def test_only_errors_that_the_model_makes_itself_are_explained() -> None:
    """Keyword rules on top of the model decide some rows, whatever the coefficients say."""
    pipeline, frame = fitted(LogisticRegression())
    own = pipeline.predict(frame["text"])
    given = np.where(frame["text"].str.contains("late late|great app"), "neutral", own)
    label, reproduced = frame["label"].to_numpy(), own == given
    assert (~reproduced & (label == given)).sum() > 0
    found = attributed(read(frame.assign(prediction=given), text="text"), linear(pipeline))
    wrong = label != given
    assert found.n_errors == wrong.sum()
    assert found.n_explained == (wrong & reproduced).sum()
    assert found.n_not_reproduced == (wrong & ~reproduced).sum() > 0
    for row in found.rows:
        pushes, expected, _ = row_contributions(linear(pipeline), frame["text"], row.label, row.prediction)
        of_word = (pushes.toarray() - expected)[:, pipeline[0].vocabulary_[row.word]]
        of_pair, right = (reproduced & (label == row.label) & (given == name) for name in (row.prediction, row.label))
        np.testing.assert_allclose(row.contribution, of_word[of_pair].mean())
        np.testing.assert_allclose(row.contribution_right, of_word[right].mean() if right.any() else np.nan)
    assert any(row.contribution_right == row.contribution_right for row in found.rows)  # is not nan


def test_a_model_that_made_none_of_the_errors_explains_none() -> None:
    pipeline, frame = fitted(LogisticRegression())
    other = pd.Series(pipeline.predict(frame["text"])).map(dict(zip(LABELS, [*LABELS[1:], LABELS[0]], strict=True)))
    wrong = int((other != frame["label"]).sum())
    found = attributed(read(frame.assign(prediction=other), text="text"), linear(pipeline))
    assert (found.n_explained, found.n_not_reproduced, found.n_errors, found.rows) == (0, wrong, wrong, ())


def test_answers_that_are_not_declared_are_not_said_to_be_another_models() -> None:
    pipeline, frame = fitted(LogisticRegression())
    frame = frame[frame["label"] != "neutral"]
    given = pipeline.predict(frame["text"])
    assert (given == "neutral").any()
    rows = read(frame.assign(prediction=given), text="text", labels=["negative", "positive"])
    found = attributed(rows, linear(pipeline))
    assert (found.n_not_reproduced, found.n_explained) == (0, ((given != "neutral") & (given != frame["label"])).sum())


class Broken(CountVectorizer):
    def transform(self, texts: Any) -> Any:
        raise ZeroDivisionError("division by zero")


def test_inputs_that_the_model_cannot_read_are_asked_for() -> None:
    frame = messages()
    columns = ColumnTransformer([("words", CountVectorizer(), "text"), ("place", OneHotEncoder(), ["channel"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, frame["label"])
    predictions = answered(pipeline, frame, frame)
    wanted = r"give inputs=…, a data frame: the model reads the columns \['text', 'channel'\]"
    with pytest.raises(DataError, match=rf"cannot read its inputs: ValueError: Expected 2D array.*; {wanted}"):
        words_of(predictions, pipeline)
    with pytest.raises(DataError, match=rf"cannot read its inputs: ValueError: .*channel.*; {wanted}"):
        words_of(predictions, pipeline, inputs=frame[["text"]])
    with pytest.raises(DataError, match=r"inputs is generator; give a sequence of texts, a data frame"):
        words_of(predictions, pipeline, inputs=(text for text in frame["text"]))
    texts, _ = fitted(LogisticRegression())
    texts.steps[0] = ("broken", Broken(vocabulary=texts[0].vocabulary_).fit(["late"]))
    with pytest.raises(DataError, match=r"ZeroDivisionError: division by zero; give inputs=…, a row of what"):
        words_of(predictions, texts)


class NamesNothing(FunctionTransformer):
    def get_feature_names_out(self) -> Any:
        return ["?"]


def test_a_step_that_names_its_features_otherwise_leaves_the_model_to_occlusion() -> None:
    frame = messages()
    pipeline = make_pipeline(CountVectorizer(), NamesNothing(), LogisticRegression()).fit(frame["text"], frame["label"])
    assert linear_text(pipeline) is None
    assert attributed_by(pipeline, frame).method == "occlusion"


def attributed_by(pipeline: Any, frame: pd.DataFrame) -> WordAttribution:
    found = words_of(answered(pipeline, frame), pipeline, max_predictions=200)
    assert found is not None
    return found


PROBABLE = {
    **CLASSIFIERS,
    "sgd of log-odds": SGDClassifier(loss="log_loss", random_state=0),
    "sgd of another loss": SGDClassifier(loss="modified_huber", random_state=0),
}


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("classifier", PROBABLE.values(), ids=PROBABLE)
def test_pushes_are_called_log_odds_only_where_probabilities_say_so(classifier: Any, n_labels: int) -> None:
    frame = messages(n_labels=n_labels)
    pipeline = make_pipeline(CountVectorizer(), classifier).fit(frame["text"], frame["label"])
    log_odds = False
    if hasattr(pipeline, "predict_proba"):
        scores = np.clip(pipeline.predict_proba(frame["text"]), 1e-12, None)
        pushes, expected, base = row_contributions(linear(pipeline), frame["text"], *pipeline.classes_[[0, 1]])
        decision = (pushes.toarray() - expected).sum(axis=1) + base
        log_odds = np.allclose(np.log(scores[:, 1] / scores[:, 0]), decision)
    assert linear(pipeline).in_log_odds == log_odds
    assert attributed(answered(pipeline, frame), linear(pipeline)).unit == ("log-odds" if log_odds else "decision")
