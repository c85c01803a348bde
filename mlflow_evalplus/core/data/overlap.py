"""Slices of the test rows that training never saw, and clusters that it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlflow_evalplus.core.columns import strings
from mlflow_evalplus.core.data.leaks import SEED, learnt
from mlflow_evalplus.core.data.phrases import quoted, several, share
from mlflow_evalplus.core.data.rows import Rows, codes_of
from mlflow_evalplus.results.data_checks import DataFinding, Level

ALPHA = 0.01  # of one test, so that it adds little to the false alarms of the others
MANY = 0.01  # of the test rows
MAX_NAMED = 5


def unseen_slices(rows: Rows, slices: Sequence[str]) -> Iterator[DataFinding]:
    """Yield the slice columns whose values in the test rows no training row has."""
    found = False
    for column in slices:
        values = rows.columns[column]
        codes, known = codes_of(strings(values).fill_null("(missing)"))
        seen = np.isin(np.arange(len(known)), codes[: rows.n_train])
        unseen = ~seen[codes] & rows.in_test
        n = int(unseen.sum())
        if not n:
            continue
        found = True
        different = [known[code] for code in np.unique(codes[unseen]).tolist()]
        more = f" and {len(different) - MAX_NAMED:,} more" if len(different) > MAX_NAMED else ""
        yield DataFinding(
            "unseen_slices", Level.WARNING,
            f"{share(n, rows.n_test)} test rows are of a value of {quoted(column)} that no training row has: "
            f"{', '.join(map(quoted, different[:MAX_NAMED]))}{more}.", n, column, n / rows.n_test,
            action="Read these slices apart: they say how the model does on what it never saw; or collect such rows.",
            examples=rows.examples(np.flatnonzero(unseen)),
        )  # fmt: skip
    if not found:
        looked = several(len(slices), "slice column")
        said = f"The training rows have every value of {looked} of the test rows."
        yield DataFinding("unseen_slices", Level.OK, said)


def cluster_overlap(rows: Rows, cluster: str) -> DataFinding:
    """Find test rows of clusters that are in the training rows, and whether their labels are known from these."""
    assert rows.clusters is not None
    seen = np.isin(rows.clusters, rows.clusters[: rows.n_train]) & rows.in_test
    n, name = int(seen.sum()), quoted(cluster)
    if not n:
        said = f"No test row is of a {name} of the training rows"
        return DataFinding("cluster_overlap", Level.OK, f"{said}.", effect=0.0)
    said = f"{share(n, rows.n_test)} test rows are of a {name} of the training rows"
    level = Level.OK
    if rows.labels is not None:
        drawn = rows.independent(np.random.default_rng(SEED))
        told = learnt(rows, rows.clusters, seen & (rows.given >= 0), drawn, least=1)
        telling = told.p_value < ALPHA
        level = Level.WARNING if telling and n / rows.n_test >= MANY else Level.OK
        said += (
            f"; its training labels alone tell {100 * told.accuracy:.1f} % of theirs, the most frequent label "
            f"{100 * told.majority:.1f} %"
        )
        said += ": figures are those of known ones" if telling else ", so they hardly help"
    return DataFinding(
        "cluster_overlap", level, f"{said}.", n, effect=n / rows.n_test,
        action=f"Part the rows by {name} where the model will meet new ones." if level is not Level.OK else "",
        examples=rows.examples(np.flatnonzero(seen)),
    )  # fmt: skip
