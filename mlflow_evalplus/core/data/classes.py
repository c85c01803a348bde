"""Labels of both parts: missing, unseen, spelt in two ways, too few."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.data.phrases import graded, quoted, several, share
from mlflow_evalplus.core.data.rows import Rows
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.results.data_checks import DataFinding, Level

MIN_TEST = 30  # examples of a class, below which the house calls any figure of it small
MIN_TRAIN = 10
MANY = 0.01
ONE_SIDED = 0.8  # share of the most frequent label from which accuracy says little
GOOD_RECALL = 0.8  # at which the width of an interval is told
MAX_NAMED = 5


def missing_labels(rows: Rows) -> DataFinding:
    """Find rows without a label."""
    missing = rows.given < 0
    counts = {part: n for part, n in rows.count(missing).items() if n[0]}
    if not counts:
        return DataFinding("missing_labels", Level.OK, "Every row has a label.", effect=0.0)
    said = " and ".join(f"{share(n, size)} {part} rows" for part, (n, size) in counts.items())
    return DataFinding(
        "missing_labels", Level.ERROR if "test" in counts else Level.WARNING, f"{said} have no label.",
        int(missing.sum()), effect=max(n / size for n, size in counts.values()),
        action="Label these rows or take them out; an evaluation refuses them.",
        examples=rows.examples(np.flatnonzero(missing)),
    )  # fmt: skip


def label_spelling(rows: Rows) -> DataFinding:
    """Find labels that differ in case and spaces only."""
    spelt: dict[str, list[str]] = {}
    for name in rows.names_of_labels:
        spelt.setdefault(" ".join(name.casefold().split()), []).append(name)
    groups = [group for group in spelt.values() if len(group) > 1]
    if not groups:
        return DataFinding("label_spelling", Level.OK, "No label is spelt in two ways.")
    named = "; ".join(" and ".join(map(quoted, group[:3])) for group in groups[:MAX_NAMED])
    places = [rows.names_of_labels.index(name) for group in groups for name in group]
    return DataFinding(
        "label_spelling", Level.ERROR, f"Labels are spelt in several ways, and counted as several classes: {named}.",
        int(np.isin(rows.given, places).sum()), action="Write each label in one way.",
    )  # fmt: skip


def unseen_labels(rows: Rows) -> DataFinding:
    """Find test rows of labels that no training row has."""
    train, test = _counts(rows)
    unseen = np.flatnonzero((train == 0) & (test > 0))
    n = int(test[unseen].sum())
    if not n:
        said = "The training rows have every label of the test rows."
        return DataFinding("unseen_labels", Level.OK, said, effect=0.0)
    named = _named(rows, unseen)
    return DataFinding(
        "unseen_labels", graded(n / rows.n_test, 1e-12, MANY),
        f"{share(n, rows.n_test)} test rows have a label that no training row has, so no model can learn it: {named}.",
        n, effect=n / rows.n_test, action="Part the rows anew, stratified by label, or collect training rows of it.",
        examples=rows.examples(np.flatnonzero(np.isin(rows.given, unseen) & rows.in_test)),
    )  # fmt: skip


def class_support(rows: Rows) -> DataFinding:
    """Find classes with too few test rows for an interval that tells anything, or too few training rows to learn."""
    train, test = _counts(rows)
    there = np.flatnonzero(train + test > 0)
    if not len(there):
        return DataFinding("class_support", Level.NOT_APPLICABLE, "No row has a label.")
    counts, where = (test, "test") if rows.n_test else (train, "training")
    few = _fewer(there, counts, MIN_TEST if rows.n_test else MIN_TRAIN)
    few_train = _fewer(there, train, MIN_TRAIN) if rows.n_test else few[:0]
    if not len(few) and not len(few_train):
        smallest = there[np.argmin(counts[there])]
        said = f"The smallest class, {quoted(rows.names_of_labels[smallest])}, has {counts[smallest]:,} {where} rows"
        return DataFinding("class_support", Level.OK, f"{said}{_width(counts[smallest])}.")
    parts = []
    if len(few):
        least = MIN_TEST if rows.n_test else MIN_TRAIN
        parts.append(_too_few(rows, few, counts, least, where) + _width(counts[few[0]]))
    if len(few_train):
        parts.append(_too_few(rows, few_train, train, MIN_TRAIN, "training"))
    return DataFinding(
        "class_support", Level.WARNING, f"{'; '.join(parts)}.", int(counts[few].sum()),
        action="Label more rows of these classes, or do not read figures of them one by one.",
    )  # fmt: skip


def _fewer(there: IntArray, counts: IntArray, least: int) -> IntArray:
    """Return the classes with fewer rows, the smallest first."""
    few = there[counts[there] < least]
    return few[np.argsort(counts[few], kind="stable")]


def _too_few(rows: Rows, few: IntArray, counts: IntArray, least: int, where: str) -> str:
    named = ", ".join(f"{quoted(rows.names_of_labels[i])} {counts[i]:,}" for i in few[:MAX_NAMED].tolist())
    more = f" and {len(few) - MAX_NAMED:,} more" if len(few) > MAX_NAMED else ""
    return f"{several(len(few), 'class has', 'classes have')} fewer than {least} {where} rows ({named}{more})"


def class_imbalance(rows: Rows) -> DataFinding:
    """Say how often a model is right that always gives the most frequent label."""
    train, test = _counts(rows)
    counts, where = (test, "test") if rows.n_test else (train, "training")
    if not counts.sum():
        return DataFinding("class_imbalance", Level.NOT_APPLICABLE, "No row has a label.")
    most = int(np.argmax(counts))
    part = counts[most] / counts.sum()
    name = quoted(rows.names_of_labels[most])
    level = graded(part, ONE_SIDED)
    said = f"{share(int(counts[most]), int(counts.sum()))} {where} rows are {name}"
    said += ": a model that always says so is as accurate" if level is not Level.OK else ", the most frequent label"
    return DataFinding(
        "class_imbalance", level, f"{said}.", int(counts[most]), effect=float(part),
        action="" if level is Level.OK else "Read F1 macro and the recall of each class; accuracy tells little here.",
    )  # fmt: skip


def _counts(rows: Rows) -> tuple[IntArray, IntArray]:
    k, known = len(rows.names_of_labels), rows.given >= 0
    parts = (rows.given[known & ~rows.in_test], rows.given[known & rows.in_test])
    train, test = (np.bincount(part, minlength=k) for part in parts)
    return train, test


def _named(rows: Rows, places: IntArray) -> str:
    more = f" and {len(places) - MAX_NAMED:,} more" if len(places) > MAX_NAMED else ""
    return ", ".join(quoted(rows.names_of_labels[place]) for place in places[:MAX_NAMED].tolist()) + more


def _width(n: int) -> str:
    """Return the interval of a good recall on so many examples, in words."""
    if not n:
        return ": a recall of it is undefined"
    lower, upper = (float(x[0]) for x in wilson(np.array([GOOD_RECALL]), np.array([float(n)]), stats.norm.ppf(0.975)))
    return f": a recall of {GOOD_RECALL:g} would be known as {lower:.2f} to {upper:.2f}"
