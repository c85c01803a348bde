"""A first requirements.yaml from a data file: labels, slices, customers, and columns that leak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mlflow_evalplus.core.columns import as_labels
from mlflow_evalplus.core.draft_yaml import Answers, write
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten
from mlflow_evalplus.requirements import parse

MAX_LABELS = 1_000
MANY = 50  # labels; where they are more, they must occur twice on average, else they are texts or ids
MAX_VALUES = 20
MIN_ROWS = 30
LEAK = 0.99
RARE = 0.5  # of an even share


@dataclass(frozen=True)
class Found:
    """What a data file holds.

    Attributes
    ----------
    n : int
        Rows.
    label : str
        Column of the labels.
    labels : mapping of str to int
        Rows of each label.
    text, cluster : str or None
        Columns of the texts, and of what rows belong together by.
    slices : mapping of str to mapping of str to int
        Of each likely slice column the rows of each value.
    annotators, leaks : tuple of str
        Columns of votes, and those that give the label away.
    unnamed : tuple
        Names of columns that are passed over, as a file cannot name them: numbers, and the empty text.
    """

    n: int
    label: str
    labels: Mapping[str, int]
    text: str | None
    slices: Mapping[str, Mapping[str, int]]
    cluster: str | None
    annotators: tuple[str, ...]
    leaks: tuple[str, ...]
    unnamed: tuple[object, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """Return what was found, in words."""
        most = [f"{name} {n}" for name, n in list(self.labels.items())[:MAX_VALUES]]
        more = [f"{len(self.labels) - len(most)} more"] if len(self.labels) > len(most) else []
        said = [f"labels: {', '.join(most + more)}"]
        said += [f"text: {self.text}"] if self.text else []
        said.append(f"slices: {', '.join(self.slices) or 'none found'}")
        said += [f"cluster: {self.cluster} (rows of one {self.cluster} are not independent)"] if self.cluster else []
        said += [f"annotators: {', '.join(self.annotators)}"] if self.annotators else []
        hidden = [column for column in self.leaks if column not in self.annotators]
        said += [f"leaks the label, keep it from the model: {column}" for column in hidden]
        names = f"{shorten(self.unnamed)} (rename them to texts to have them looked at)"
        return said + ([f"passed over, for their names: {names}"] if self.unnamed else [])

    @property
    def usual(self) -> Answers:
        """Return the answers that a draft takes unasked.

        The column that must hold in every part is the one whose smallest part is the largest. A class with less than
        half of an even share must be found too: accuracy alone would hardly notice it.
        """
        column = max(self.slices, key=lambda name: min(self.slices[name].values()), default=None)
        rarest = min(self.labels, key=lambda name: self.labels[name])
        rare = self.labels[rarest] < RARE * sum(self.labels.values()) / len(self.labels)
        return Answers(
            column=column, part=0.85 if column is not None else None,
            found=rarest if rare else None, recall=0.85 if rare else None,
        )  # fmt: skip


def draft(frame: pd.DataFrame, *, label: str, source: str) -> tuple[str, list[str]]:
    """Return the YAML text and remarks on what was found.

    Raises
    ------
    ColumnNotFound
        There is no such label column.
    DataError
        It does not look like labels.
    """
    found = look(frame, label=label)
    return write_draft(found, found.usual, source), found.remarks


def write_draft(found: Found, answers: Answers, source: str) -> str:
    """Return the requirements of these answers as YAML, each number with a comment that explains it.

    Raises
    ------
    RequirementsError
        These answers make no requirements, so there is nothing to write.
    """
    text = write(
        answers, source=source, label=found.label, labels=sorted(found.labels), text=found.text,
        slices=list(found.slices), cluster=found.cluster,
    )  # fmt: skip
    parse(text, "the draft")
    return text


def look(frame: pd.DataFrame, *, label: str) -> Found:
    """Return what a data frame holds.

    Raises
    ------
    ColumnNotFound
        There is no such label column.
    DataError
        It does not look like labels.
    """
    known = [column for column in frame.columns if isinstance(column, str) and column]
    unnamed = tuple(column for column in frame.columns if not (isinstance(column, str) and column))
    if label not in known:
        raise ColumnNotFound(
            f"label column {label!r} is not in the data; columns are {shorten(frame.columns, 30)}; name it "
            "with --label." + did_you_mean(label, known)
        )
    frame = frame.copy(deep=False)
    frame[label] = as_labels(frame, label)
    labels = _counted(frame[label])
    _check_labels(labels, label)
    plain = [column for column in known if frame[column].map(pd.api.types.is_hashable).all()]
    others = [column for column in plain if column != label]
    leaks = tuple(column for column in others if _leaks(frame, column, label))
    annotators = tuple(column for column in others if _annotates(frame[column], list(labels)))
    text = _text(frame, others)
    slices = [c for c in others if c not in (*leaks, *annotators, text) and _is_slice(frame[c])]
    cluster = next((c for c in others if c not in (text, *slices, *leaks) and _is_cluster(frame[c])), None)
    counted = {c: _counted(frame[c]) for c in slices}
    return Found(len(frame), label, labels, text, counted, cluster, annotators, leaks, unnamed)


def _check_labels(labels: Mapping[str, int], column: str) -> None:
    if "" in labels:
        raise DataError(f"{labels['']} rows have an empty label in {column!r}; label or remove them")
    n = sum(labels.values())
    if not 1 < len(labels) <= MAX_LABELS or len(labels) > max(MANY, n // 2):
        raise DataError(
            f"column {column!r} has {len(labels):,} different values in {n:,} rows; labels have 2 to {MAX_LABELS:,}, "
            f"and where they are more than {MANY}, two rows or more each on average. Name another with --label"
        )


def _counted(column: pd.Series) -> dict[str, int]:
    """Return value → rows, the most frequent first; of equals the first to come, whatever the version of pandas."""
    found = column.value_counts(sort=False).items()
    return {str(value): int(n) for value, n in sorted(found, key=lambda one: -one[1])}


def _is_slice(column: pd.Series) -> bool:
    counts = column.value_counts()
    return 2 <= len(counts) <= MAX_VALUES and bool((counts >= MIN_ROWS).sum() >= 2)


def _is_cluster(column: pd.Series) -> bool:
    distinct = column.nunique()
    return not pd.api.types.is_float_dtype(column) and 0.05 * len(column) < distinct < 0.98 * len(column)


def _annotates(column: pd.Series, labels: list[str]) -> bool:
    values = set(column.dropna().astype(str).unique())
    return bool(values) and values <= set(labels) and len(values) > 1


def _leaks(frame: pd.DataFrame, column: str, label: str) -> bool:
    """Say whether knowing the column's value gives the label away for nearly every row."""
    rows = frame[[column, label]].dropna()
    repeated = rows[rows.duplicated(column, keep=False)]
    if len(repeated) < MIN_ROWS:
        return False
    most = repeated.groupby(column)[label].agg(lambda values: values.value_counts().iloc[0])
    return bool(most.sum() / len(repeated) >= LEAK)


def _text(frame: pd.DataFrame, columns: list[str]) -> str | None:
    """Return the column with the longest texts, if it reads like text."""
    strings = [c for c in columns if pd.api.types.is_string_dtype(frame[c]) or frame[c].dtype == object]
    lengths = {c: float(frame[c].dropna().astype(str).str.len().mean()) for c in strings}
    longest = max(lengths, key=lambda c: lengths[c], default=None)
    return longest if longest and lengths[longest] >= 12 and frame[longest].nunique() > MANY else None
