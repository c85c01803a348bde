"""`check_data`: training rows against test rows, before any model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.columns import column_names, require_columns
from mlflow_evalplus.core.data import classes, duplicates, overlap, texts
from mlflow_evalplus.core.data.drift import drift
from mlflow_evalplus.core.data.leaks import leaks
from mlflow_evalplus.core.data.near_duplicates import near_duplicates
from mlflow_evalplus.core.data.parts import part_by
from mlflow_evalplus.core.data.rows import Rows, read_rows
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.core.tokens import Tokens, tokenise
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results.data_checks import DataChecks, DataFinding, Level

ALPHA = 0.05  # of false discoveries, over all columns


NO_LABEL = "no column of labels is known"
NO_TEXT = "no column of texts is known"
NO_TEST = "there are no test rows"
ONLY_TEXT = "there is no column besides that the model is known to see"
MAX_LEFT_OUT = 20


@dataclass(frozen=True)
class Columns:
    """Which column is what; `features` None means that the model may see all.

    Attributes
    ----------
    text, label, cluster : str or None
    slices : tuple of str
    features : sequence of str or None
    """

    text: str | None
    label: str | None
    slices: tuple[str, ...] = ()
    cluster: str | None = None
    features: Sequence[str] | None = None


def check_data(
    train: Any,
    test: Any = None,
    *,
    text: str | None = None,
    label: str | None = None,
    slices: Sequence[str] | None = None,
    cluster: str | None = None,
    features: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    split: str | None = None,
    parts: tuple[str, str] | None = None,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
) -> DataChecks:
    """Check labelled data: duplicates, conflicting labels, few examples, leaks, drift between training and test.

    Parameters
    ----------
    train, test : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        Training rows and test rows; a lazy one is collected. Without test rows only what one part tells is checked.
    text, label : str, optional
        Columns; those of the requirements by default, and the text only where both parts have it.
    slices : sequence of str, optional
        Slice columns, whose values the training rows should know; those of the requirements by default.
    cluster : str, optional
        Column of what rows belong together by, such as a customer. Tests take one row of each.
    features : sequence of str, optional
        What the model sees besides the text; only these are looked at for leaks. By default all columns, and a leak is
        a warning only, as the model may not see it.
    ignore : sequence of str
        Columns that nothing is asked of, such as annotators' votes and ids; one of the parts must have each.
    split : str, optional
        Column of `train` that names each row's part, where `test` is not given.
    parts : tuple of str, optional
        The values of `split` of the training and the test rows; by default ``train`` or ``training``, and the first
        that occurs of ``test``, ``validation``, ``valid``, ``val``, ``dev``.
    requirements : path, mapping or Requirements, optional
        What is not named above is taken from it.

    Returns
    -------
    DataChecks

    Raises
    ------
    ColumnNotFound
        A named column is not in one of the parts.
    DataError
        A part has no rows; the split column does not name both parts.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"text": [f"message {i}" for i in range(200)], "label": ["good", "bad"] * 100})
    >>> found = check_data(rows[:150], rows[140:], text="text", label="label")
    >>> [finding.check for finding in found.errors]
    ['duplicates_across']
    >>> print(found.errors[0].sentence[:47])
    10 of 60 (16.7 %) test texts are training texts
    """
    for name, given in (("slices", slices), ("features", features), ("ignore", ignore)):
        if isinstance(given, str):
            raise DataError(f"{name} is one text, {given!r}; give a list of columns: {name}=[{given!r}]")
    if split:
        if test is not None:
            raise DataError("give test rows or a split column, not both")
        train, test = part_by(train, split, parts)
        ignore = [*ignore, split]
    wanted = asked.load(requirements)
    frames = [frame for frame in (train, test) if frame is not None]
    default = wanted.task.text_column
    if text is None and all(default in column_names(frame) for frame in frames):
        text = default
    label = label or wanted.task.label
    chosen = wanted.slices if slices is None else tuple(slices)
    derived = derived_slices(chosen, column_names(train))
    own = tuple(column for column in chosen if column not in derived)
    columns = Columns(text, label, own, cluster or wanted.cluster, features)
    for frame in frames:
        require_columns(frame, [c for c in (text, label, columns.cluster, *columns.slices, *(features or ())) if c])
    nowhere = [c for c in ignore if not any(c in column_names(frame) for frame in frames)]
    require_columns(train, nowhere)
    return check_known(train, test, columns, ignore)


def check_known(train: Any, test: Any, columns: Columns, ignore: Sequence[str] = ()) -> DataChecks:
    """Check data whose columns are known to be there."""
    roles = (columns.text, columns.label, columns.cluster)
    rows = read_rows(
        train, test, text=columns.text, label=columns.label, cluster=columns.cluster,
        ignore=[c for c in ignore if c not in roles],
    )  # fmt: skip
    found = list(_findings(rows, columns))
    (share,) = [row.effect for row in found if row.check == "duplicates_across"]
    return DataChecks(rows.n_train, rows.n_test, tuple(found), share)


def _findings(rows: Rows, columns: Columns) -> Iterator[DataFinding]:
    """Yield the findings of every check, in the order of ``names.DATA_CHECKS``."""
    tokens = tokenise(rows.texts) if rows.texts is not None and rows.n_test else None
    yield from _of_labels(rows)
    yield from _of_texts(rows, tokens)
    why = NO_LABEL if rows.labels is None else ""
    seen = [c for c in rows.columns if columns.features is None or c in columns.features]
    yield from _not("leaks", why or (ONLY_TEXT if not seen else "")) or leaks(
        rows, seen, ALPHA, seen=columns.features is not None
    )
    if rows.clusters is None or not rows.n_test:
        yield from _not("cluster_overlap", NO_TEST if not rows.n_test else "no cluster column is known")
    else:
        yield overlap.cluster_overlap(rows, str(columns.cluster))
    slices = [column for column in columns.slices if column in rows.columns]
    if not slices or not rows.n_test:
        yield from _not("unseen_slices", NO_TEST if not rows.n_test else "no slice column is known")
    else:
        yield from overlap.unseen_slices(rows, slices)
    yield from _not("drift", "" if rows.n_test else NO_TEST) or drift(
        rows, tokens, label=columns.label, text=columns.text, alpha=ALPHA
    )
    yield from _not_read(rows.left_out)


def _not_read(columns: Sequence[str]) -> Iterator[DataFinding]:
    """Yield which columns nothing is known of; those beyond the twentieth are counted with it."""
    for place, column in enumerate(columns[:MAX_LEFT_OUT]):
        more = len(columns) - MAX_LEFT_OUT if place == MAX_LEFT_OUT - 1 else 0
        said = "Not compared, nor looked at as a leak: it does not hold one plain value per row"
        after = f"; nor do {more:,} more columns." if more > 0 else "."
        yield DataFinding("drift", Level.NOT_APPLICABLE, said + after, column=column)


def _of_labels(rows: Rows) -> Iterator[DataFinding]:
    why = "" if rows.labels is not None else NO_LABEL
    yield from _not("missing_labels", why) or [classes.missing_labels(rows)]
    yield from _not("label_spelling", why) or [classes.label_spelling(rows)]
    yield from _not("unseen_labels", why or ("" if rows.n_test else NO_TEST)) or [classes.unseen_labels(rows)]
    yield from _not("class_support", why) or [classes.class_support(rows)]
    yield from _not("class_imbalance", why) or [classes.class_imbalance(rows)]


def _of_texts(rows: Rows, tokens: Tokens | None) -> Iterator[DataFinding]:
    if rows.texts is None:
        for check in ("empty_texts", "not_texts", "duplicates_across", "near_duplicates", "duplicates_within"):
            yield from _not(check, NO_TEXT)
        yield from _not("conflicting_labels", NO_TEXT)
        return
    yield texts.empty_texts(rows)
    yield texts.not_texts(rows)
    twins = duplicates.Twins.of(rows, rows.texts)
    if tokens is None:
        yield from _not("duplicates_across", NO_TEST)
        yield from _not("near_duplicates", NO_TEST)
    else:
        yield duplicates.across_splits(rows, twins)
        yield near_duplicates(rows, tokens, twins.across)
    yield from duplicates.within_splits(rows, twins)
    why = "" if rows.labels is not None else NO_LABEL
    yield from _not("conflicting_labels", why) or [duplicates.conflicting_labels(rows, twins)]


def _not(check: str, why: str) -> list[DataFinding]:
    """Return that a check does not apply, and why; nothing where it does."""
    return [DataFinding(check, Level.NOT_APPLICABLE, f"Not checked: {why}.")] if why else []
