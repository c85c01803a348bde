"""Why a row of the log is worth a label: each reason a score per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.collecting.density import Known, density_ratio
from mlflow_evalplus.core.collecting.log import Log
from mlflow_evalplus.core.collecting.new_words import COMMON, MAX_NAMED, MIN_SHARE, MIN_WORD_ROWS, new_words
from mlflow_evalplus.core.collecting.weak_slices import (
    MIN_LABELLED,
    WeakSlice,
    described,
    measured_slices,
    weak_rows,
)
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.data.phrases import quoted, share
from mlflow_evalplus.core.tokens import Tokens

LOW_SHARE = 0.1  # of the rows, or as many as cases are asked for: those with the lowest margins
WIDER = 3  # times the cases asked for, at least, where these are more
LOW_MARGIN = 0.5  # above it no margin is low, whatever the others are


@dataclass(frozen=True)
class Signal:
    """One reason; the arrays have a value per row.

    Attributes
    ----------
    reason : str
        One of ``names.REASONS``.
    scores : float array
        How strongly it holds; 0 where it does not.
    kinds : int array
        What the cases chosen for it shall differ in: the new word, the weak slice, else the values of the slices.
    why : str
    """

    reason: str
    scores: FloatArray
    kinds: IntArray
    why: str


def signals(
    log: Log,
    tokens: Tokens,
    known: Known | None,
    weak: Sequence[WeakSlice] | None,
    slices: Sequence[str],
    n: int,
) -> tuple[list[Signal], list[str]]:
    """Return the reasons that can be looked at, in the order of ``names.REASONS``, and why the others cannot.

    Parameters
    ----------
    log : Log
    tokens : Tokens
        Of its different texts.
    known : Known or None
        The words of the training texts.
    weak : sequence of WeakSlice or None
        None: those of the log itself.
    slices : sequence of str
        The columns over which cases are spread.
    n : int
        Cases that are asked for.
    """
    kinds = log.slice_codes(slices)
    found, notes = list[Signal](), list[str]()
    for one in (
        _wrong(log, kinds), _disagreement(log, kinds), _low_margin(log, tokens, known, kinds, n),
        _unknown_words(log, tokens, known), _weak_slice(log, tokens, weak, slices),
    ):  # fmt: skip
        if isinstance(one, Signal):
            found.append(one)
        else:
            notes.append(one)
    return found, notes


def _wrong(log: Log, kinds: IntArray) -> Signal | str:
    if log.label is None:
        return "No column of feedback labels is named (label=, --feedback): known errors were not looked for."
    n_known = int((log.label >= 0).sum())
    why = f"feedback says another label than the prediction; {share(n_known, len(log))} rows have feedback"
    return Signal("wrong", log.wrong.astype(np.float64), kinds, why)


def _disagreement(log: Log, kinds: IntArray) -> Signal | str:
    if log.challenger is None:
        return "No column of a challenger is named (challenger=, --challenger): disagreement was not looked for."
    both = (log.challenger >= 0) & (log.prediction >= 0)
    why = f"champion and challenger answer differently; {share(int(both.sum()), len(log))} rows have both answers"
    return Signal("disagreement", (both & (log.challenger != log.prediction)).astype(np.float64), kinds, why)


def _low_margin(log: Log, tokens: Tokens, known: Known | None, kinds: IntArray, n: int) -> Signal | str:
    if log.margin is None:
        return "There are no scores (scores=, or columns score.<label>): low margins were not looked for."
    given = log.margin[~np.isnan(log.margin)]
    if not len(given):
        return "No row has all of its scores: low margins were not looked for."
    part = min(max(LOW_SHARE, WIDER * n / len(given)), 1.0)
    bound = min(float(np.quantile(given, part, method="inverted_cdf")), LOW_MARGIN)
    low = log.margin <= bound
    why = (
        f"the two highest scores differ by {bound:.3f} or less, as those of {low.mean():.0%} of the rows do, "
        f"and never by more than {LOW_MARGIN:g}"
    )
    scores = np.where(low, 1 - np.nan_to_num(log.margin, nan=1.0), 0.0)
    if known is not None:
        scores *= density_ratio(tokens, np.bincount(log.text, minlength=len(log.digests)), known)[log.text]
        why += "; first those whose words are more common in the log than in the training texts"
    return Signal("low_margin", scores, kinds, why)


def _unknown_words(log: Log, tokens: Tokens, known: Known | None) -> Signal | str:
    if known is None:
        return "No training texts are given (training=, --train): unknown words were not looked for."
    found = new_words(tokens, np.bincount(log.text, minlength=len(log.digests)), known.n_texts.keys())
    order = np.argsort(-found.n_rows, kind="stable")[:MAX_NAMED].tolist()
    named = [
        f"{quoted(tokens.vocabulary[i])} ({found.n_rows[i]:,} rows)" for i in order if found.n_rows[i] >= MIN_WORD_ROWS
    ]
    why = (
        f"{MIN_SHARE:.0%} or more of the words are in no training text but in {MIN_WORD_ROWS} rows of the log or more; "
        f"a word counts in full where {COMMON:.0%} of the rows hold it, a rarer one less"
    )
    why += f"; the most frequent: {', '.join(named)}" if named else "; there is none"
    return Signal("unknown_words", found.scores[log.text], found.leads[log.text], why)


def _weak_slice(log: Log, tokens: Tokens, weak: Sequence[WeakSlice] | None, slices: Sequence[str]) -> Signal | str:
    source = "the row is in a slice named as weak"
    if weak is None:
        n_known = 0 if log.label is None else int((log.label >= 0).sum())
        if n_known < MIN_LABELLED or not slices:
            missing = (
                f"only {n_known} rows have feedback, {MIN_LABELLED} are needed" if slices else "no slices are named"
            )
            return f"No weak slices are given (weak=, --weak), and the log tells none, as {missing}: none was sought."
        weak = measured_slices(log, slices)
        source = (
            "the row is in a slice where feedback finds the model at least 2 points worse than elsewhere (q < 0.05, "
            f"{n_known:,} rows with feedback)"
        )
    scores, which, sizes = weak_rows(log, tokens, weak)
    empty = [one for one, size in zip(weak, sizes, strict=True) if not size]
    why = f"{source}: {described(weak)}" if weak else f"{source}; there is none"
    why += f"; no row is in {described(empty)}" if empty else ""
    return Signal("weak_slice", scores, which, why)
