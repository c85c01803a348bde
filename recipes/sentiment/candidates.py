"""The iterations: from the majority class to word and character features with keyword rules, and further if asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mlflow_evalplus.errors import DataError
from recipes.classifiers.candidate import Candidate, parse

RULES = Path(__file__).with_name("rules.yaml")
# Names of this recipe's own.
PRESETS = {"words_chars_rules": "words_chars+rules", "consensus": "words_chars+rules+consensus"}
DEFAULT = ("majority", "words", "words_chars", "words_chars_rules", "consensus")


def choose(names: str, columns: Sequence[str] = ()) -> list[Candidate]:
    """Return the candidates of a comma-separated list; those that need no more than a minute for an empty one.

    Raises
    ------
    DataError
        A name is not known.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()] or DEFAULT
    return [parse(name, PRESETS, columns) for name in dict.fromkeys(wanted)]


def training_rows(candidate: Candidate, train: pd.DataFrame, annotators: Sequence[str]) -> pd.DataFrame:
    """Return the rows that a candidate learns from.

    Raises
    ------
    DataError
        Consensus was asked of data without two annotators.
    """
    if not candidate.consensus:
        return train
    if len(annotators) < 2:
        raise DataError(f"candidate {candidate.name!r} needs the votes of two annotators; leave it out of candidates")
    votes = train[list(annotators)].astype(str)
    return train[votes.eq(votes.iloc[:, 0], axis=0).all(axis=1)]
