"""Keyword rules: those that are given, and words of the data that would make good ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.pattern_search import in_time
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.tokens import term_entries
from mlflow_evalplus.errors import DataError, RequirementsError, did_you_mean, shorten
from mlflow_evalplus.requirements.safe_yaml import read_yaml, safe_content

MAX_P = 0.001  # of a word's fixes against its breaks, one-sided, in the rows that propose it
MAX_TERMS = 30_000
MAX_WEIGHT = 1e6  # log-odds of 1,000 are certainty already
MIN_ROWS = 6
STREAM = 93_510  # of the folds, apart from that of data simulated with the same seed
N_FOLDS = 10
KEYS = ("pattern", "label", "weight", "note")
SPACES = "\t\n\r"

Rules = str | Path | Mapping[str, str] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Rule:
    """Where the pattern matches, whatever the case, the label is meant.

    Attributes
    ----------
    pattern : re.Pattern
    label : str
    weight : float or None
        What a rule on top of a model adds to the label's log-odds; None where it decides the label. Rules that explain
        errors need none.
    """

    pattern: re.Pattern[str]
    label: str
    weight: float | None = None


def load_rules(source: Rules | None) -> tuple[Rule, ...]:
    r"""Return the rules of a YAML file, of a list of mappings with ``pattern`` and ``label``, or of pattern → label.

    A mapping may have a ``weight`` too, see `Rule`, and a ``note`` for people, which does nothing.

    Raises
    ------
    DataError
        The file cannot be read, or a rule has no pattern or label, a key that is unknown, a pattern that is no regular
        expression or holds a control character, or a weight that is no number.

    Examples
    --------
    >>> load_rules({r"\brefund\b": "negative"})[0].pattern.search("a REFUND?") is not None
    True
    """
    if source is None:
        return ()
    rows: Any = source
    if isinstance(source, (str, Path)):
        try:
            rows = safe_content(read_yaml(source), str(source))
        except (OSError, UnicodeDecodeError, RequirementsError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"the keyword rules {str(source)!r} cannot be read: {reason}") from None
    if isinstance(rows, Mapping) and {"pattern", "label"} <= set(rows):
        rows = [rows]  # one rule, of a list that was forgotten
    elif isinstance(rows, Mapping):
        rows = [{"pattern": pattern, "label": label} for pattern, label in rows.items()]
    if not isinstance(rows, (list, tuple)):
        raise DataError(f"keyword rules are {type(rows).__name__}; give a list of {{pattern: …, label: …}}")
    return tuple(_rule(number, row) for number, row in enumerate(rows, 1))


def _rule(number: int, row: Any) -> Rule:
    known = list(row) if isinstance(row, Mapping) else []
    for key in ("pattern", "label"):
        if key not in known:
            raise DataError(f"keyword rule {number} is {row!r}; it needs {key!r}.{did_you_mean(key, map(str, known))}")
        if row[key] in (None, ""):  # an empty pattern would match every text
            raise DataError(f"keyword rule {number} is {row!r}; its {key!r} is empty")
    unknown = next((str(key) for key in known if key not in KEYS), None)
    if unknown is not None:  # a mistyped weight would make a rule that decides
        raise DataError(f"keyword rule {number} has the unknown key {unknown!r}; keys are {list(KEYS)}."
                        + did_you_mean(unknown, KEYS))  # fmt: skip
    return Rule(_pattern(number, str(row["pattern"])), _label(number, row["label"]), _weight(number, row.get("weight")))


def _pattern(number: int, pattern: str) -> re.Pattern[str]:
    control = next((c for c in pattern if unicodedata.category(c) == "Cc" and c not in SPACES), None)
    if control:
        raise DataError(
            f"keyword rule {number} has the pattern {pattern!r}, with the control character {control!r}: in double "
            r"quotes YAML reads '\b' so; use single quotes (in Python a raw string, r'\b')"
        )
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"keyword rule {number}: {pattern!r} is no regular expression: {error}") from None


def _weight(number: int, weight: Any) -> float | None:
    if weight is None:
        return None
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not abs(weight) <= MAX_WEIGHT:
        raise DataError(
            f"keyword rule {number} has the weight {weight!r}; give what it adds to the log-odds of its label, such as "
            "1.5, or leave it out: then the rule decides"
        )
    return float(weight)


def _label(number: int, label: Any) -> str:
    if isinstance(label, bool):
        raise DataError(f"keyword rule {number} has the label {label}; YAML reads yes and no so; put it in quotes")
    if not isinstance(label, (str, int, float)):
        raise DataError(f"keyword rule {number} has the label {label!r}; give one label, a text or a number")
    return str(int(label) if isinstance(label, float) and label.is_integer() else label)


def for_labels(rules: Sequence[Rule], labels: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules for labels that occur.

    Raises
    ------
    DataError
        There are rules, but none of them is.
    """
    kept = tuple(rule for rule in rules if rule.label in labels)
    if rules and not kept:
        given = rules[0].label
        raise DataError(f"no keyword rule is for one of the labels {shorten(labels)}; the first is for {given!r}."
                        + did_you_mean(given, labels))  # fmt: skip
    return kept


def first_matches(rules: Sequence[Rule], texts: Iterable[str | None]) -> IntArray:
    """Return the place of the first rule that matches each text, -1 where none does."""
    held = list(texts)
    found = (next((place for place, rule in enumerate(rules) if rule.pattern.search(text or "")), -1) for text in held)
    n_characters = sum(len(text) for text in held if text)
    with in_time("one of the keyword rules", len(held) * len(rules), n_characters * len(rules)):
        return np.fromiter(found, dtype=np.int64)


@dataclass(frozen=True)
class Proposal:
    """Words that would make keyword rules.

    Attributes
    ----------
    words : tuple of (str, str)
        Word and label, those that most surely fix more than they break first.
    answers : int array, [rows]
        Each row's prediction with the rules that the rows of the other folds propose.
    """

    words: tuple[tuple[str, str], ...]
    answers: IntArray


def propose(predictions: Predictions, answers: IntArray | None = None) -> Proposal | None:
    """Return words whose texts nearly all carry one label that the model misses; None where there is no such word.

    `answers` are the codes of the predictions with the rules on top that there are already; else the predictions'.

    Words are proposed by nine tenths of the rows (split by cluster where there is one) and tried on the last tenth, ten
    times over: what `answers` gain is not what the search made them gain. Those listed are what all rows propose.

    Notes
    -----
    A word is proposed for the label of most of its texts, where the answers that it fixes outnumber those that it
    breaks with p < 0.001 (sign test).
    """
    if "text" not in predictions.table.column_names:
        return None
    rows, terms, vocabulary = term_entries(
        predictions.table["text"], min_rows=MIN_ROWS, min_phrase_rows=3 * MIN_ROWS, max_terms=MAX_TERMS
    )
    label = predictions.label_codes("label")
    answers = predictions.label_codes("prediction") if answers is None else answers
    fold, answered, k = _folds(predictions), answers.copy(), len(predictions.labels)
    for place in range(N_FOLDS):
        inside = fold[rows] == place
        proposed, meant = _propose(rows[~inside], terms[~inside], len(vocabulary), label, answers, k)
        _apply(answered, rows[inside], terms[inside], proposed, meant)
    proposed, meant = _propose(rows, terms, len(vocabulary), label, answers, k)
    pairs = zip(proposed.tolist(), meant.tolist(), strict=True)
    words = _shortest([(vocabulary[term], predictions.labels[code]) for term, code in pairs])
    return Proposal(words, answered) if words else None


def _shortest(words: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Leave out the phrases that hold a word proposed for the same label."""
    known = set(words)
    return tuple(
        (phrase, label) for phrase, label in words
        if " " not in phrase or not any((word, label) in known for word in phrase.split(" "))
    )  # fmt: skip


def _folds(predictions: Predictions) -> IntArray:
    rng = np.random.default_rng(STREAM)
    if "cluster" not in predictions.table.column_names:
        return rng.integers(0, N_FOLDS, len(predictions))
    codes, values = predictions.codes("cluster")
    return rng.integers(0, N_FOLDS, len(values))[codes]


def _propose(
    rows: IntArray, terms: IntArray, n_terms: int, label: IntArray, answers: IntArray, k: int
) -> tuple[IntArray, IntArray]:
    """Return the words to propose, the most telling first, and the label of each."""
    n_labels = np.bincount(terms * k + label[rows], minlength=n_terms * k).reshape(n_terms, k)
    meant = n_labels.argmax(axis=1)
    right, would_be = answers[rows] == label[rows], meant[terms] == label[rows]
    fixed, broken = (np.bincount(terms[mask], minlength=n_terms) for mask in (would_be & ~right, right & ~would_be))
    p_values = stats.binom.sf(fixed - 1, fixed + broken, 0.5)
    good = np.flatnonzero((p_values < MAX_P) & (fixed > broken))
    order = good[np.argsort(p_values[good], kind="stable")]
    return order, meant[order]


def _apply(answers: IntArray, rows: IntArray, terms: IntArray, proposed: IntArray, meant: IntArray) -> None:
    """Write the label of the first proposed word that a row holds into its answer."""
    if not len(proposed):
        return
    place = np.full(max(int(terms.max(initial=0)), int(proposed.max())) + 1, len(proposed))
    place[proposed] = np.arange(len(proposed))
    first = np.full(len(answers), len(proposed))
    np.minimum.at(first, rows, place[terms])
    held = first < len(proposed)
    answers[held] = meant[first[held]]
