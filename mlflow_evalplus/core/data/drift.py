"""Whether training rows and test rows look alike: labels, columns, lengths of texts, words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from mlflow_evalplus.core.columns import MAX_NUMBERS, FloatArray, IntArray, strings
from mlflow_evalplus.core.data.phrases import quoted, several
from mlflow_evalplus.core.data.rows import Rows, codes_of, is_number, is_time, numbers_of
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.shares import MIN_EXPECTED, chi_squared, merged, more_often, psi
from mlflow_evalplus.core.tokens import Bools, Tokens, tally
from mlflow_evalplus.results.data_checks import DataFinding, Level

LARGE_ENOUGH = 0.1  # Cramér's V of two parts of equal size, or Kolmogorov–Smirnov's D
WORD_ROWS = 20_000  # of each part, drawn at random
MIN_WORD_ROWS = 10
MORE_OFTEN = 2  # times
POINTS = 0.02
SEED = 20260102
ACTION = "Find out why; if the test rows are what the model will meet, train on rows like them."


@dataclass(frozen=True)
class Drift:
    """How far one column differs between the parts.

    Attributes
    ----------
    effect : float
        0 to 1.
    p_value : float
    sentence : str
        What differs most.
    n : int
        Rows compared.
    large : bool
        Whether the effect is one that matters.
    """

    effect: float
    p_value: float
    sentence: str
    n: int
    large: bool


def drift(
    rows: Rows, tokens: Tokens | None, *, label: str | None, text: str | None, alpha: float
) -> Iterator[DataFinding]:
    """Yield what differs between training rows and test rows, the largest effect first.

    Tested on one row of each cluster and part, where there are clusters; effects are those of all rows.
    """
    drawn = rows.independent(np.random.default_rng(SEED))
    found: dict[str, Drift | None] = {}
    if label and rows.labels is not None:
        found[label] = of_values(rows.labels, rows.names_of_labels, rows.n_train, drawn)
    for column, values in rows.columns.items():
        found[column] = of_column(values, rows.n_train, drawn)
    if text and rows.texts is not None:
        lengths = pc.utf8_length(rows.texts.fill_null("")).to_numpy().astype(np.float64)
        found[f"length of {text}"] = of_numbers(lengths, rows.n_train, drawn)
        if tokens is not None:
            found[f"words of {text}"] = of_words(tokens, rows, drawn, alpha)
    known = {column: one for column, one in found.items() if one is not None}
    q_values = false_discovery(np.array([one.p_value for one in known.values()])).tolist()
    drifted = [
        (column, one, q) for (column, one), q in zip(known.items(), q_values, strict=True) if q < alpha and one.large
    ]
    for column, one, q in sorted(drifted, key=lambda item: -item[1].effect):
        said = f"{quoted(column)} differs: {one.sentence}, {_q(q)}."
        yield DataFinding("drift", Level.WARNING, said, one.n, column, one.effect, q, ACTION)
    if not drifted:
        most = max((one.effect for one in known.values()), default=0.0)
        yield DataFinding("drift", Level.OK, _nothing(known), effect=most)


def _nothing(known: dict[str, Drift]) -> str:
    if not known:
        return "No column could be compared: they hold ids, texts or one value."
    column, one = max(known.items(), key=lambda item: item[1].effect)
    looked = several(len(known), "column")
    return f"Training rows and test rows look alike: {looked} compared; most differs {quoted(column)}, {one.sentence}."


def of_column(values: pa.ChunkedArray, n_train: int, drawn: Bools) -> Drift | None:
    """Compare a column; None where it holds ids, free texts, one value in each part, or none in one.

    Numbers and times are compared by Kolmogorov and Smirnov's test, all else, and up to 20 different numbers, by χ².
    """
    kind = values.type
    if any(len(part) == part.null_count for part in (values[:n_train], values[n_train:])):
        return None  # one part does not have it
    distinct = pc.count_distinct(values).as_py()
    if is_number(kind) or is_time(kind):
        if pa.types.is_integer(kind) and distinct > MAX_NUMBERS and _are_ids(numbers_of(values), n_train):
            return None
        if distinct > MAX_NUMBERS:
            return of_numbers(numbers_of(values), n_train, drawn, time=is_time(kind))
    codes, known = codes_of(strings(values))
    named = [*known, "(missing)"]
    codes = np.where(codes < 0, len(known), codes)
    counts = np.bincount(codes, minlength=len(named))
    if counts[counts >= 2 * MIN_EXPECTED].sum() < len(codes) / 2:
        return None
    if all(len(np.unique(part)) == 1 for part in (codes[:n_train], codes[n_train:])):
        return None  # the name of the part itself, or a constant
    return of_values(codes, named, n_train, drawn)


def _are_ids(numbers: FloatArray, n_train: int) -> bool:
    """Whether nearly every row of each part has its own number."""
    return all(len(np.unique(part)) > 0.9 * len(part) for part in (numbers[:n_train], numbers[n_train:]))


def of_values(codes: IntArray, named: list[str], n_train: int, drawn: Bools) -> Drift | None:
    """Compare the shares of values: χ², Cramér's V as of two parts of equal size, and PSI.

    Missing codes (-1) are left out. None where one value is left, or a part has no row.
    """
    train, test = _shares_of(codes, len(named), n_train, np.ones(len(codes), dtype=np.bool_))
    drawn_counts = _shares_of(codes, len(named), n_train, drawn)
    group = merged(*drawn_counts)
    both = [np.bincount(group, part).astype(np.float64) for part in (train, test)]
    p_value = chi_squared(*(np.bincount(group, part).astype(np.float64) for part in drawn_counts))
    if math.isnan(p_value):
        return None
    p, q = (part / part.sum() for part in both)
    effect = float(np.sqrt(np.sum((p - q) ** 2 / np.maximum(p + q, 1e-300)) / 2))
    most = int(np.argmax(np.abs(train / train.sum() - test / test.sum())))
    said = (
        f"{quoted(named[most])} is {_percent(train[most] / train.sum())} of the training rows and "
        f"{_percent(test[most] / test.sum())} of the test rows "
        f"(Cramér's V {effect:.2f}, PSI {psi(both[0], both[1]):.2f})"
    )
    return Drift(effect, p_value, said, int(train.sum() + test.sum()), effect >= LARGE_ENOUGH)


def _shares_of(codes: IntArray, size: int, n_train: int, chosen: Bools) -> tuple[FloatArray, FloatArray]:
    parts = ((codes[:n_train], chosen[:n_train]), (codes[n_train:], chosen[n_train:]))
    train, test = (np.bincount(c[(c >= 0) & kept], minlength=size).astype(np.float64) for c, kept in parts)
    return train, test


def of_numbers(numbers: FloatArray, n_train: int, drawn: Bools, *, time: bool = False) -> Drift | None:
    """Compare numbers by Kolmogorov and Smirnov's test, and how many are missing; None where a part has none."""
    finite = np.isfinite(numbers)
    parts = [numbers[:n_train][finite[:n_train]], numbers[n_train:][finite[n_train:]]]
    use = finite & drawn
    tested = [numbers[:n_train][use[:n_train]], numbers[n_train:][use[n_train:]]]
    if min(map(len, tested)) == 0 or all(len(np.unique(part)) == 1 for part in parts):
        return None
    effect = float(stats.ks_2samp(*parts, method="asymp").statistic)
    p_value = float(stats.ks_2samp(*tested, method="asymp").pvalue)
    low, high = (float(np.median(part)) for part in parts)
    said = f"median {low:.4g} in the training rows and {high:.4g} in the test rows"
    if time:
        said = f"the test rows are {'later' if high > low else 'earlier'} by the median"
    if not finite.all():
        missing = of_values(finite.astype(np.int64), ["(missing)", "given"], n_train, drawn)
        if missing and missing.effect > effect:
            return Drift(missing.effect, min(1.0, 2 * missing.p_value), missing.sentence, missing.n, missing.large)
        p_value = min(1.0, 2 * p_value)
    said += f" (Kolmogorov–Smirnov D {effect:.2f})"
    return Drift(effect, p_value, said, len(numbers), effect >= LARGE_ENOUGH)


def of_words(tokens: Tokens, rows: Rows, drawn: Bools, alpha: float) -> Drift | None:
    """Compare how many texts of each part hold each word, by Fisher's exact tests and Simes' p-value of all words.

    None where no word is in ten texts. A word matters that is twice as frequent, by two points, in one part.
    """
    chosen = _sample(rows, drawn)
    n_words = max(len(tokens.vocabulary), 1)
    inside = chosen[tokens.rows]
    cells = tally(tokens.rows[inside] * n_words + tokens.codes[inside])[0]
    row, word = np.divmod(cells, n_words)
    train, test = (np.bincount(word[part], minlength=n_words) for part in (row < rows.n_train, row >= rows.n_train))
    n_train, n_test = int(chosen[: rows.n_train].sum()), int(chosen[rows.n_train :].sum())
    kept = np.flatnonzero(train + test >= MIN_WORD_ROWS)
    if not len(kept) or not n_train or not n_test:
        return None
    train, test = train[kept], test[kept]
    p, q = train / n_train, test / n_test
    q_values, gaps = false_discovery(_fisher(train, test, n_train, n_test)), np.abs(p - q)
    matter = (q_values < alpha) & (gaps >= POINTS) & (np.maximum(p, q) >= MORE_OFTEN * np.minimum(p, q))
    listed = np.flatnonzero(matter) if matter.any() else np.arange(len(kept))
    listed = listed[np.argsort(-gaps[listed], kind="stable")][: 3 if matter.any() else 1]
    said = "; ".join(
        f"{quoted(tokens.vocabulary[kept[i]])} is in {_percent(p[i])} of the training texts and {_percent(q[i])} "
        "of the test texts" for i in listed
    )  # fmt: skip
    n_more = int(matter.sum()) - len(listed) if matter.any() else 0
    more = f"; {several(n_more, 'more word')} {'differs' if n_more == 1 else 'differ'} so" if n_more else ""
    return Drift(float(gaps[listed[0]]), float(q_values.min()), said + more, n_train + n_test, bool(matter.any()))


def _fisher(train: IntArray, test: IntArray, n_train: int, n_test: int) -> FloatArray:
    """Return twice the smaller tail of Fisher's exact test for each word; 1 where a χ² test is far from finding it."""
    tails = more_often(train, test, n_train, n_test), more_often(test, train, n_test, n_train)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(*tails)))


def _sample(rows: Rows, drawn: Bools) -> Bools:
    """Return so many of the drawn rows of each part as words are counted in."""
    rng, chosen = np.random.default_rng(SEED), np.zeros(len(drawn), dtype=np.bool_)
    for part in (np.flatnonzero(drawn & ~rows.in_test), np.flatnonzero(drawn & rows.in_test)):
        chosen[part if len(part) <= WORD_ROWS else rng.choice(part, WORD_ROWS, replace=False)] = True
    return chosen


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _q(q_value: float) -> str:
    return f"q = {q_value:.3f}" if q_value >= 0.001 else "q < 0.001"
