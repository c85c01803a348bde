"""Words and characters of texts, weighted by TF-IDF, and a linear classifier over them; or none at all."""

from __future__ import annotations

from collections.abc import Callable

import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from threadpoolctl import threadpool_limits

from mlflow_evalplus.errors import DataError
from recipes.classifiers.job import Job, write_model

# Chinese is not split at spaces: each ideograph is a token, and word pairs make two-character words of them.
TOKEN = r"(?u)[㐀-鿿]|[^\W㐀-鿿]+(?:['’][^\W㐀-鿿]+)?|[!?！？]"


def majority(seed: int) -> Pipeline:
    """Return what always answers the most frequent label."""
    return Pipeline([("features", _words()), ("classifier", DummyClassifier(strategy="prior"))])


def words(seed: int) -> Pipeline:
    """Return a classifier of words and pairs of words."""
    return Pipeline([("features", _words()), ("classifier", _regression(seed))])


def words_chars(seed: int) -> Pipeline:
    """Return a classifier of words, pairs of words and the characters within words."""
    union = FeatureUnion([("words", _words()), ("characters", _characters())])
    return Pipeline([("features", union), ("classifier", _regression(seed))])


PIPELINES: dict[str, Callable[[int], Pipeline]] = {"majority": majority, "words": words, "words_chars": words_chars}


def fit(job: Job, make: Callable[[int], Pipeline]) -> None:
    """Fit a pipeline and write it into the job's folder.

    Raises
    ------
    DataError
        No text holds a word.
    """
    try:
        with threadpool_limits(1, "blas"):  # on small matrices its threads only wait for each other: 40 times slower
            pipeline = make(job.seed).fit(list(job.texts), list(job.labels))
    except ValueError as error:
        if "empty vocabulary" in str(error) or "no terms remain" in str(error).lower():
            raise DataError(f"none of the {len(job.texts)} training texts holds a word to learn from") from None
        raise
    skops.io.dump(pipeline, job.folder / "pipeline.skops")
    write_model(job.folder, "linear", [str(label) for label in pipeline.classes_])


def _words() -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=TOKEN, ngram_range=(1, 2), sublinear_tf=True)


def _characters() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)


def _regression(seed: int) -> LogisticRegression:
    return LogisticRegression(C=8.0, max_iter=1000, random_state=seed)
