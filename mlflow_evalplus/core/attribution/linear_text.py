"""Linear text models: what each feature adds to the decision, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from mlflow_evalplus.core.attribution.occlusion import reason
from mlflow_evalplus.core.columns import FloatArray, IntArray, strings
from mlflow_evalplus.errors import DataError, did_you_mean, shorten


@dataclass(frozen=True)
class LinearText:
    """A classifier whose decision for a label is ``coefficients[label] · x + intercepts[label]``.

    Attributes
    ----------
    steps : tuple of scikit-learn transformers
        They make the features x of the model's inputs, one after another.
    coefficients : float array, shape (n_labels, n_features)
    intercepts : float array, shape (n_labels,)
    labels : tuple of str
        As `predictions.read` writes them.
    features : array of str, shape (n_features,)
        As ``get_feature_names_out`` names them.
    analysers : mapping
        Beginning of a feature's name, such as ``words__``, → the analyser of the vectoriser that made it.
    in_log_odds : bool
        Differences of its decision values are log-odds of its probabilities; else they are only that, differences.
    """

    steps: tuple[Any, ...]
    coefficients: FloatArray
    intercepts: FloatArray
    labels: tuple[str, ...]
    features: Sequence[str]
    analysers: Mapping[str, Any]
    in_log_odds: bool

    @property
    def reads_columns(self) -> bool:
        """Whether its input is a data frame of which it chooses the text, not a list of texts."""
        return hasattr(self.steps[0], "transformers_")

    def transform(self, inputs: Any) -> sparse.csr_matrix:
        """Return the features of each input, shape (n_inputs, n_features); a sparse matrix holds them already.

        Raises
        ------
        DataError
            A step cannot read the inputs, or there are too few or too many features.
        """
        matrix = inputs
        try:
            for step in () if sparse.issparse(inputs) else self.steps:
                matrix = step.transform(matrix)
        except Exception as error:  # a step may fail in any way
            wanted = "a row of what the model is fitted to for each prediction"
            if self.reads_columns:
                wanted = f"a data frame: the model reads the columns {shorten(self._columns())}"
            raise DataError(f"the model cannot read its inputs: {reason(error)}; give inputs=…, {wanted}") from error
        matrix = sparse.csr_matrix(matrix, dtype=np.float64)
        if matrix.shape[1] != len(self.features):
            raise DataError(f"the inputs have {matrix.shape[1]} features; the model was fitted to {len(self.features)}")
        matrix.sum_duplicates()
        return matrix

    def decide(self, features: sparse.csr_matrix) -> IntArray:
        """Return the place in `labels` of each row's highest decision value."""
        decision: FloatArray = features @ self.coefficients.T + self.intercepts
        places: IntArray = decision.argmax(axis=1)
        return places

    def _columns(self) -> list[Any]:
        chosen = [columns for _, step, columns in self.steps[0].transformers_ if not isinstance(step, str)]
        return list(dict.fromkeys(c for columns in chosen for c in np.ravel(columns).tolist()))

    def word(self, feature: int) -> str:
        """Return the name of a feature for readers.

        Examples
        --------
        >>> from sklearn.feature_extraction.text import CountVectorizer
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline, make_union
        >>> union = make_union(CountVectorizer(), CountVectorizer(analyzer="char_wb", ngram_range=(3, 3)))
        >>> model = linear_text(make_pipeline(union, LogisticRegression()).fit(["bad", "nice"], ["no", "yes"]))
        >>> [model.word(feature) for feature in range(8)]
        ['bad', 'nice', 'ba…', 'ni…', '…ad', '…bad…', '…ce', '…ice…']
        """
        prefix, own = self._split(feature)
        if prefix is None:
            return own.replace("__", ": ", 1)
        of_characters = _of_characters(self.analysers[prefix])
        shown = _characters(own) if of_characters else own
        alike = sum(_of_characters(analyser) == of_characters for analyser in self.analysers.values())
        return f"{prefix.removesuffix('__')}: {shown}" if alike > 1 else shown

    def is_fragment(self, feature: int) -> bool:
        """Whether the feature is some characters, perhaps of a word, and not a word."""
        prefix, _ = self._split(feature)
        return prefix is not None and _of_characters(self.analysers[prefix])

    def _split(self, feature: int) -> tuple[str | None, str]:
        """Return how the names of its vectoriser's features begin, None if it is of none, and the rest of its name."""
        name = str(self.features[feature])
        prefix = max((prefix for prefix in self.analysers if name.startswith(prefix)), key=len, default=None)
        return prefix, name.removeprefix(prefix or "")


def _of_characters(analyser: Any) -> bool:
    return analyser in ("char", "char_wb")


def _characters(text: str) -> str:
    inside = text.strip(" ")
    first, last = text.startswith(" "), text.endswith(" ")
    if not inside or (first and last):
        return f"“{inside or text}”"
    return f"{'' if first else '…'}{inside}{'' if last else '…'}"


def linear_text(estimator: Any) -> LinearText | None:
    """Return how a fitted scikit-learn text classifier decides; None where it is not linear in named text features.

    Parameters
    ----------
    estimator : scikit-learn Pipeline, or a search over pipelines
        Its last step has ``coef_`` and ``classes_``, or is a multinomial or complement naive Bayes; steps before it
        name their features. Features that are mixed from words, as of `TruncatedSVD`, name none.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> pipeline = make_pipeline(CountVectorizer(), LogisticRegression())
    >>> model = linear_text(pipeline.fit(["good one", "bad one"], ["yes", "no"]))
    >>> model.labels, model.coefficients.round(2).tolist(), model.features.tolist()
    (('no', 'yes'), [[0.0, 0.0, 0.0], [-0.4, 0.4, 0.0]], ['bad', 'good', 'one'])
    """
    *steps, last = _steps(estimator)
    steps = [step for step in steps if step not in (None, "passthrough")]
    decision = _decision(last)
    analysers = dict(_analysers(steps, ""))
    if decision is None or not analysers:
        return None
    try:
        features = _feature_names(steps)
    except (AttributeError, TypeError, ValueError):  # a step does not name its features
        return None
    coefficients, intercepts = decision
    if len(features) != coefficients.shape[1]:
        return None
    labels = strings(pa.chunked_array([pa.array(last.classes_.tolist())])).to_pylist()
    return LinearText(tuple(steps), coefficients, intercepts, tuple(labels), features, analysers, _gives_log_odds(last))


def row_contributions(
    model: LinearText, inputs: Any, label: str, prediction: str
) -> tuple[sparse.csr_matrix, FloatArray, float]:
    """Return what each feature of each row pushes from a label to a prediction.

    Parameters
    ----------
    model : LinearText
    inputs : sequence of str, data frame or sparse matrix of features
        As the model takes them; their mean is what contributions are measured against.
    label, prediction : str
        The decision's difference between them is explained: for a multinomial or binary logistic regression the
        log-odds of the prediction over the label.

    Returns
    -------
    pushes : scipy.sparse.csr_matrix, shape (n_inputs, n_features)
        ``(coefficients[prediction] - coefficients[label]) * x``.
    expected : float array, shape (n_features,)
        Their mean: ``pushes - expected`` are the contributions. They are SHAP values under independent features
        (Štrumbelj and Kononenko 2014, doi:10.1007/s10115-013-0679-x; Lundberg and Lee 2017, arXiv:1705.07874).
    base : float
        The mean decision difference: with all contributions of a row it makes that row's difference.

    Raises
    ------
    DataError
        The model does not know the label or the prediction.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> texts = ["good one", "bad one"]
    >>> pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, ["yes", "no"])
    >>> pushes, expected, base = row_contributions(linear_text(pipeline), texts, "no", "yes")
    >>> (pushes.toarray() - expected).round(2).tolist()  # of bad, good, one
    [[0.2, 0.2, 0.0], [-0.2, -0.2, 0.0]]
    """
    for name in (label, prediction):
        if name not in model.labels:
            raise DataError(f"the model does not know {name!r}; labels are {list(model.labels)}."
                            + did_you_mean(name, model.labels))  # fmt: skip
    own, other = model.labels.index(label), model.labels.index(prediction)
    slopes = model.coefficients[other] - model.coefficients[own]
    pushes = sparse.csr_matrix(model.transform(inputs).multiply(slopes))
    expected = np.asarray(pushes.mean(axis=0)).ravel()
    return pushes, expected, float(expected.sum() + model.intercepts[other] - model.intercepts[own])


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of pipelines and searches, those inside each other in one row."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(getattr(estimator, "steps", None), list):
        return [estimator]
    before, last = estimator.steps[:-1], estimator.steps[-1][1]
    return [*(inner for _, step in before for inner in _steps(step)), *_steps(last)]


def _decision(classifier: Any) -> tuple[FloatArray, FloatArray] | None:
    """Return coefficients and intercepts with one row per class; None where there are none."""
    from sklearn.naive_bayes import ComplementNB, MultinomialNB

    n_classes = len(getattr(classifier, "classes_", ()))
    if isinstance(classifier, ComplementNB | MultinomialNB) and n_classes > 1:
        prior = classifier.class_log_prior_ if isinstance(classifier, MultinomialNB) else np.zeros(n_classes)
        return classifier.feature_log_prob_, prior
    coefficients = getattr(classifier, "coef_", None)
    if coefficients is None or hasattr(classifier, "support_vectors_"):  # whose coefficients are of pairs of classes
        return None
    if sparse.issparse(coefficients):
        coefficients = coefficients.toarray()
    coefficients = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    intercepts = np.broadcast_to(np.asarray(classifier.intercept_, dtype=np.float64), len(coefficients))
    if n_classes == 2 and len(coefficients) == 1:
        return np.vstack([np.zeros_like(coefficients), coefficients]), np.append(0.0, intercepts)
    return (coefficients, intercepts) if n_classes == len(coefficients) else None


def _gives_log_odds(classifier: Any) -> bool:
    """Whether it has probabilities, and they are the logistic or softmax function of the decision."""
    from sklearn.linear_model import SGDClassifier

    if isinstance(classifier, SGDClassifier):  # which scales one-against-rest probabilities to sum to 1
        return classifier.loss == "log_loss" and len(classifier.classes_) == 2
    return hasattr(classifier, "predict_proba")


def _analysers(steps: Sequence[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the vectorisers of these steps, one after another: how their features' names begin, and their analyser."""
    from sklearn.base import ClassNamePrefixFeaturesOutMixin

    if any(isinstance(step, ClassNamePrefixFeaturesOutMixin) for step in steps):
        return
    for step in steps:
        if hasattr(step, "vocabulary_"):
            yield prefix, step.analyzer if isinstance(getattr(step, "analyzer", None), str) else "word"
        branches = getattr(step, "transformers_", ()) or getattr(step, "transformer_list", ())
        named = getattr(step, "verbose_feature_names_out", True) is not False
        for name, inner, *_ in branches:
            if not isinstance(inner, str):
                yield from _analysers(_steps(inner), f"{prefix}{name}__" if named else prefix)


def _feature_names(steps: Sequence[Any]) -> Any:
    """Return the names of the last step's features, from the first step on that makes words."""
    first = next(place for place, step in enumerate(steps) if dict(_analysers([step], "")))
    names = None
    for step in steps[first:]:
        names = step.get_feature_names_out(names)
    return names
