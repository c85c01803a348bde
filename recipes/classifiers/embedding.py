"""Frozen embeddings of a transformer with a logistic regression on top: no training of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from threadpoolctl import threadpool_limits

from recipes.classifiers import serving
from recipes.classifiers.checkpoint import Checkpoint, find, require
from recipes.classifiers.files import check_tokenizer, loading, writing
from recipes.classifiers.job import Job, write_model
from recipes.classifiers.tuning import settings

STRENGTHS = (0.25, 1.0, 4.0, 16.0)  # inverse strengths of the L2 penalty among which one is chosen
FOLDS = 4
MAX_KEPT = 200_000  # vectors kept in memory, by checkpoint and text

_kept: dict[tuple[str, int], dict[str, np.ndarray]] = {}


def fit(job: Job, checkpoint: str = "") -> None:
    """Fit a logistic regression on the texts' embeddings, and write it into the job's folder.

    The network's files go once into ``encoders/`` of the job's root, where all models of one tree share them. A
    text is encoded once in a process, however often a classifier is fitted on it.

    Parameters
    ----------
    job : Job
        Of its settings only ``max_length`` is read.
    checkpoint : str
        As for `transformer.fit`.

    Raises
    ------
    DataError
        A package is missing, a setting is wrong, or the checkpoint is not usable.
    """
    max_length = settings(job.settings).max_length
    require("torch", "transformers")
    found = find(checkpoint)
    vectors = embeddings(found, job.texts, max_length)
    classifier = _fitted(vectors, np.asarray(job.labels, dtype=object), job.seed)
    place = f"encoders/{found.digest}"
    found.copy(job.root / place)
    weights, intercept = _as_softmax(classifier)
    labels = [str(label) for label in classifier.classes_]
    with writing(job.folder):
        np.savez(job.folder / "head.npz", weights=weights, intercept=intercept)
        write_model(job.folder, "embedding", labels, encoder=place, max_length=max_length, strength=float(classifier.C))


def embeddings(checkpoint: Checkpoint, texts: Sequence[str], max_length: int) -> np.ndarray:
    """Return the embedding of each text, of length 1, as float64 [texts, dimensions].

    Those that this process has made before are not made again.
    """
    kept = _kept.setdefault((checkpoint.digest, max_length), {})
    new = [text for text in dict.fromkeys(texts) if text not in kept]
    if new:
        if sum(map(len, _kept.values())) + len(new) > MAX_KEPT:
            _kept.clear()
            kept, new = _kept.setdefault((checkpoint.digest, max_length), {}), list(dict.fromkeys(texts))
        with loading(f"checkpoint {checkpoint.name!r} cannot encode texts"):
            encoder = serving.encoder(str(checkpoint.folder), max_length)
            check_tokenizer(encoder.tokenizer, repr(checkpoint.name))
            kept.update(zip(new, serving.embed(encoder, new).astype(np.float32), strict=True))
    return np.array([kept[text] for text in texts], dtype=np.float64)


def _fitted(vectors: np.ndarray, labels: np.ndarray, seed: int) -> LogisticRegression:
    """Return the regression whose penalty has the best log-loss in cross-validation.

    With a label of fewer than four rows there is none, and the penalty is that of scikit-learn, 1.
    """
    strength = STRENGTHS[1]
    with threadpool_limits(1, "blas"):
        if min(np.unique(labels, return_counts=True)[1]) >= FOLDS:
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
            scores = [
                cross_val_score(_regression(C), vectors, labels, cv=folds, scoring="neg_log_loss").mean()
                for C in STRENGTHS
            ]
            strength = STRENGTHS[int(np.argmax(scores))]
        return _regression(strength).fit(vectors, labels)


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000)


def _as_softmax(classifier: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and intercept of each label; a regression of two labels has only those of the second."""
    if len(classifier.classes_) > 2:
        return classifier.coef_, classifier.intercept_
    return np.vstack([0 * classifier.coef_, classifier.coef_]), np.array([0.0, classifier.intercept_[0]])
