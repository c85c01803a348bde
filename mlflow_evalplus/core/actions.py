"""What to do next, ranked by what it is expected to buy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.causes import MAX_EXAMPLES, Found
from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.evidence import Answers, Evidence
from mlflow_evalplus.core.gains import answered_anew
from mlflow_evalplus.core.group_evidence import members, weak_slices
from mlflow_evalplus.core.keyword_rules import Proposal
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import Estimate, SliceResult, Slices
from mlflow_evalplus.results.causes import Action, Actions

MAX_ACTIONS = 12
MAX_SLICES = 5
MAX_WORDS = 8
LEAST_GAIN = 0.0005
ENOUGH = 0.8  # of the training rows that a slice would have by its share of the test rows


@dataclass(frozen=True)
class Plan:
    """What actions are made of.

    Attributes
    ----------
    answers : Answers
    found : Found
    errors : int array
        The rows that are wrong, in the order in which they are shown.
    ids : pyarrow.ChunkedArray or None
        Of all rows.
    prices : Prices
    """

    answers: Answers
    found: Found
    errors: IntArray
    ids: pa.ChunkedArray | None
    prices: Prices

    def action(self, kind: str, text: str, rows: int | None, gain: Estimate, shown: np.ndarray) -> Action:
        """Return an action; `shown` is the bool array of its rows, whose errors come first among the examples."""
        own = self.errors[shown[self.errors]][:MAX_EXAMPLES]
        examples = tuple(self.ids.take(pa.array(own)).to_pylist()) if self.ids is not None else ()
        each = None if kind == "model" else self.prices.label  # rows to read are not paid for
        price = None if rows is None or each is None else rows * each
        return Action(kind, text, rows, gain, price, self.prices.currency, examples)


def plan(plan: Plan, slices: Slices, proposal: Proposal | None) -> Actions:
    """Return the actions that are expected to buy something, at most 12, the largest expected gain first.

    Last come those of which only the most that they can buy is known: another model, for these rows or for all.

    Parameters
    ----------
    plan : Plan
    slices : Slices
        Of the evaluation.
    proposal : Proposal or None
        Words that would make keyword rules.
    """
    listed = [*_of_evidence(plan), *_of_slices(plan, slices), *_of_words(plan, proposal)]
    worth = [action for action in listed if action.gain.value >= LEAST_GAIN]
    return Actions(tuple(sorted(worth, key=lambda action: (action.at_most, -action.gain.value))[:MAX_ACTIONS]))


def _of_evidence(plan: Plan) -> Iterator[Action]:
    for place, evidence in enumerate(plan.found.evidence):
        gain, owned = evidence.effect.gain, plan.found.owner == place
        n = int(owned.sum())
        if evidence.cause == "label_suspect" and n:
            most = float(np.average(owned, weights=plan.answers.weights))  # no more rows than these can become right
            gain = replace(gain, value=min(gain.value, most), lower=min(gain.lower, most), upper=min(gain.upper, most))
            yield plan.action("relabel", f"Relabel {_counted(n)} whose label is suspect", n, gain, owned)
        elif evidence.cause == "ambiguous" and place == _first(plan.found.evidence, "ambiguous") and _by_votes(plan):
            n = int(evidence.shown.sum())
            text = f"Settle {_counted(n)} on which the annotators are split, and the guideline behind them"
            yield plan.action("adjudicate", text, n, gain, evidence.shown)
        elif evidence.cause == "keyword_missed":
            n = len(plan.answers.rules)
            rules = "keyword rule" if n == 1 else f"{n} keyword rules"
            yield plan.action("rule", f"Apply the {rules} on top of the model", None, gain, owned)
        elif evidence.cause == "unknown_vocabulary":
            yield _of_vocabulary(plan, evidence)
        elif evidence.cause == "language_cue":
            text = "Try a model that reads word order, for texts with negation, contrast or sarcasm"
            yield plan.action("model", text, None, gain, evidence.shown)
        elif evidence.cause == "confident_and_wrong" and n:
            text = f"Read the {_counted(n, 'error')} that nothing else explains: better features, or another model"
            yield plan.action("model", text, n, gain, owned)


def _first(evidence: Sequence[Evidence], cause: str) -> int:
    return next(place for place, one in enumerate(evidence) if one.cause == cause)


def _by_votes(plan: Plan) -> bool:
    table = plan.answers.predictions.table
    return len([name for name in table.column_names if name.startswith("annotator.")]) > 1


def _counted(n: int, what: str = "row") -> str:
    return f"{n:,} {what}" + "s" * (n != 1)


def _of_vocabulary(plan: Plan, evidence: Evidence) -> Action:
    training, known = plan.answers.training, plan.found.coverage
    assert training is not None
    assert known is not None
    words = known.most_frequent(evidence.shown & plan.answers.wrong, MAX_WORDS)
    n = round(training.n * float(evidence.shown.mean()))  # as usual in training as in the test rows
    text = f"Collect {n:,} training texts with words such as {', '.join(words)}"
    return plan.action("collect", text, n, evidence.effect.gain, evidence.shown)


def _of_slices(plan: Plan, slices: Slices) -> Iterator[Action]:
    for row in weak_slices(plan.answers, slices)[:MAX_SLICES]:
        inside = members(plan.answers.predictions, row.columns, row.values)
        kind, text, n = _for_slice(plan, row, float(inside.mean()))
        yield plan.action(kind, text, n, plan.answers.as_the_rest(inside).gain, inside)


def _for_slice(plan: Plan, row: SliceResult, share: float) -> tuple[str, str, int | None]:
    training = plan.answers.training
    own = training.rows_in(row.columns, row.values) if training else None
    if training is None or own is None:
        return "collect", f"Collect training data for {row.name}, or give it a model of its own", None
    if own >= ENOUGH * share * training.n:
        text = f"Give {row.name} a model, or features, of its own: it does not lack training rows ({own:,})"
        return "separate_model", text, None
    n = round((share * training.n - own) / (1 - share))  # then its share of training and test rows is the same
    return "collect", f"Collect {n:,} training rows for {row.name}, which has {own:,}", n


def _of_words(plan: Plan, proposal: Proposal | None) -> Iterator[Action]:
    if proposal is None:
        return
    answers = plan.answers
    wrong_after = proposal.answers != answers.label
    gain = answered_anew(answers.predictions, answers.wrong, wrong_after, answers.confidence).gain
    listed = ", ".join(f"“{word}” → {label}" for word, label in proposal.words[:MAX_WORDS])
    more = len(proposal.words) - MAX_WORDS
    text = f"Add keyword rules for {listed}" + (f" and {more} more words" if more > 0 else "")
    yield plan.action("rule", text, None, gain, answers.wrong & ~wrong_after)
