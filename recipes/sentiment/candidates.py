"""The iterations: from the majority class to word and character features with keyword rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from mlflow_evalplus.errors import DataError, did_you_mean

RULES = Path(__file__).with_name("rules.yaml")
# Chinese is not split at spaces: each ideograph is a token, and word pairs make two-character words of them.
TOKEN = r"(?u)[㐀-鿿]|[^\W㐀-鿿]+(?:['’][^\W㐀-鿿]+)?|[!?！？]"


@dataclass(frozen=True)
class Candidate:
    """One iteration: how its classifier is made, and what else sets it apart."""

    name: str
    note: str
    make: Callable[[int], Pipeline]
    rules: bool = False
    consensus_only: bool = False


def _majority(seed: int) -> Pipeline:
    return Pipeline([("features", _words()), ("classifier", DummyClassifier(strategy="prior"))])


def _word_model(seed: int) -> Pipeline:
    return Pipeline([("features", _words()), ("classifier", _regression(seed))])


def _word_character_model(seed: int) -> Pipeline:
    union = FeatureUnion([("words", _words()), ("characters", _characters())])
    return Pipeline([("features", union), ("classifier", _regression(seed))])


def _words() -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=TOKEN, ngram_range=(1, 2), sublinear_tf=True)


def _characters() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)


def _regression(seed: int) -> LogisticRegression:
    return LogisticRegression(C=8.0, max_iter=1000, random_state=seed)


CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate("majority", "always the most frequent label: the floor", _majority),
        Candidate("words", "word TF-IDF + logistic regression", _word_model),
        Candidate("words_chars", "word and character TF-IDF + logistic regression", _word_character_model),
        Candidate("words_chars_rules", "the same with keyword rules on top", _word_character_model, rules=True),
        Candidate("consensus", "the same, trained only on rows whose annotators agree", _word_character_model,
                  rules=True, consensus_only=True),
    )
}  # fmt: skip


def choose(names: str) -> list[Candidate]:
    """Return the candidates of a comma-separated list; all for an empty one.

    Raises
    ------
    DataError
        A name is not known.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(CANDIDATES)
    for name in wanted:
        if name not in CANDIDATES:
            raise DataError(f"unknown candidate {name!r}; candidates are {list(CANDIDATES)}."
                            + did_you_mean(name, CANDIDATES))  # fmt: skip
    return [CANDIDATES[name] for name in dict.fromkeys(wanted)]


def training_rows(candidate: Candidate, train: pd.DataFrame, annotators: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows that a candidate learns from.

    Raises
    ------
    DataError
        Consensus was asked of data without two annotators.
    """
    if not candidate.consensus_only:
        return train
    if len(annotators) < 2:
        raise DataError(f"candidate {candidate.name!r} needs the votes of two annotators; leave it out of candidates")
    votes = train[list(annotators)].astype(str)
    return train[votes.eq(votes.iloc[:, 0], axis=0).all(axis=1)]
