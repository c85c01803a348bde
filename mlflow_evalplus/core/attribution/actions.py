"""What to do next, ranked by what it is expected to buy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.attribution.causes import MAX_EXAMPLES, Found
from mlflow_evalplus.core.attribution.evidence import Answers, Evidence
from mlflow_evalplus.core.attribution.gains import answered_anew
from mlflow_evalplus.core.attribution.group_evidence import members, weak_slices
from mlflow_evalplus.core.attribution.keyword_rules import Proposal
from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import Estimate, SliceResult, Slices
from mlflow_evalplus.results.causes import Action, Actions

MAX_ACTIONS = 12
MAX_SLICES = 5
MAX_WORDS = 8
LEAST_GAIN = 0.0005
ENOUGH = 0.8  # of the training rows that a slice would have by its share of the test rows


@dataclass(frozen=True)
class Context:
    """What actions are made of.

    Attributes
    ----------
    answers : Answers
    found : Found
    errors : int array
        The rows that are wrong, in the order in which they are shown.
    ids : pyarrow.ChunkedArray
        Of all rows.
    prices : Prices
    """

    answers: Answers
    found: Found
    errors: IntArray
    ids: pa.ChunkedArray
    prices: Prices

    def action(
        self,
        kind: str,
        text: str,
        gain: Estimate,
        inside: np.ndarray,
        *,
        rows: int | None = None,
        at_most: bool = False,
    ) -> Action:
        """Return an action about the rows `inside`, a bool array; `rows` is how many it takes."""
        own = self.errors[inside[self.errors]][:MAX_EXAMPLES]
        each = None if kind == "model" else self.prices.label  # rows to read are not paid for
        price = None if rows is None or each is None else rows * each
        examples = tuple(self.ids.take(pa.array(own)).to_pylist())
        return Action(kind, text, rows, gain, price, self.prices.currency, examples, at_most)


def rank_actions(context: Context, slices: Slices, proposal: Proposal | None) -> Actions:
    """Return the actions that are expected to buy something, at most 12, the largest expected gain first.

    Other models come last, for some rows or for all: nobody knows how well they will do.

    Parameters
    ----------
    context : Context
    slices : Slices
        Of the evaluation.
    proposal : Proposal or None
        Words that would make keyword rules.
    """
    listed = [*_of_evidence(context), *_of_slices(context, slices), *_of_words(context, proposal)]
    worth = [action for action in listed if action.gain.value >= LEAST_GAIN]
    ranked = sorted(worth, key=lambda action: (action.kind in ("model", "separate_model"), -action.gain.value))
    return Actions(tuple(ranked[:MAX_ACTIONS]))


def _of_evidence(context: Context) -> Iterator[Action]:
    for place, evidence in enumerate(context.found.evidence):
        make = MAKERS.get(evidence.cause)
        owned = context.found.owner == place
        if make and owned.any():
            yield from make(context, evidence, owned)


def _relabel(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    n, gain = int(owned.sum()), evidence.effect.gain
    who = "the model's probabilities speak" if evidence.by_scores else "most annotators voted"
    most = float(np.average(owned, weights=context.answers.weights))  # no more rows than these can become right
    if gain.value > most:
        part = most / gain.value
        gain = replace(gain, value=most, lower=part * gain.lower, upper=most)
    text = f"Relabel {_counted(n)} against whose label {who}"
    yield context.action("relabel", text, gain, owned, rows=n, at_most=evidence.by_scores)


def _settle(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    if evidence.by_scores:
        return
    n = int(evidence.shown.sum())
    text = f"Settle {_counted(n)} on which the annotators are split, and the guideline behind them"
    yield context.action("adjudicate", text, evidence.effect.gain, evidence.shown, rows=n)


def _apply_rules(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    n = len(context.answers.rules)
    rules = "keyword rule" if n == 1 else f"{n} keyword rules"
    yield context.action("rule", f"Apply the {rules} on top of the model", evidence.effect.gain, owned)


def _collect_words(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    known = context.found.coverage
    assert known is not None
    words = known.most_frequent(evidence.shown & context.answers.wrong, MAX_WORDS)
    n = _missing(context, float(evidence.shown.mean()), 0)
    text = f"Collect {n:,} training texts with words such as {', '.join(words)}"
    yield context.action("collect", text, evidence.effect.gain, evidence.shown, rows=n)


def _read_order(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    text = "Try a model that reads word order, for texts with negation, contrast or sarcasm"
    yield context.action("model", text, evidence.effect.gain, evidence.shown, at_most=True)


def _read_errors(context: Context, evidence: Evidence, owned: np.ndarray) -> Iterator[Action]:
    n = int(owned.sum())
    text = f"Read the {_counted(n, 'error')} that nothing else explains: better features, or another model"
    yield context.action("model", text, evidence.effect.gain, owned, rows=n, at_most=True)


Maker = Callable[[Context, Evidence, np.ndarray], Iterator[Action]]
MAKERS: dict[str, Maker] = {
    "label_suspect": _relabel, "ambiguous": _settle, "keyword_missed": _apply_rules,
    "unknown_vocabulary": _collect_words, "language_cue": _read_order, "confident_and_wrong": _read_errors,
}  # fmt: skip


def _counted(n: int, what: str = "row") -> str:
    return f"{n:,} {what}" + "s" * (n != 1)


def _missing(context: Context, share: float, own: int) -> int:
    """Return how many rows bring `own` of the training rows to this share of them all."""
    training = context.answers.training
    assert training is not None
    return round((share * training.n - own) / (1 - share))


def _of_slices(context: Context, slices: Slices) -> Iterator[Action]:
    for row, looks in weak_slices(context.answers, slices)[:MAX_SLICES]:
        inside = members(context.answers.predictions, row.columns, row.values)
        kind, text, n = _for_slice(context, row, float(inside.mean()))
        gain = context.answers.as_the_rest(inside, looks).gain
        yield context.action(kind, text, gain, inside, rows=n, at_most=kind == "separate_model")


def _for_slice(context: Context, row: SliceResult, share: float) -> tuple[str, str, int | None]:
    training = context.answers.training
    own = training.rows_in(row.columns, row.values) if training else None
    if training is None or own is None:
        return "collect", f"Collect training data for {row.name}, or give it a model of its own", None
    if own >= ENOUGH * share * training.n:
        text = f"Give {row.name} a model, or features, of its own: it does not lack training rows ({own:,})"
        return "separate_model", text, None
    n = _missing(context, share, own)
    return "collect", f"Collect {n:,} training rows for {row.name}, which has {own:,}", n


def _of_words(context: Context, proposal: Proposal | None) -> Iterator[Action]:
    if proposal is None:
        return
    answers = context.answers
    wrong_before, wrong_after = answers.ruled != answers.label, proposal.answers != answers.label
    gain = answered_anew(answers.predictions, wrong_before, wrong_after, answers.confidence).gain
    listed = ", ".join(f"“{word}” → {label}" for word, label in proposal.words[:MAX_WORDS])
    more = len(proposal.words) - MAX_WORDS
    text = f"Add keyword rules for {listed}" + (f" and {more} more words" if more > 0 else "")
    yield context.action("rule", text, gain, wrong_before & ~wrong_after)
