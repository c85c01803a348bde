"""Questions, items and requirements → a `Selection`: every candidate held against the gates, and one decision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlflow_evalplus.core.online.means import MIN_UNITS
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.selection.decision import Standing, decide_among
from mlflow_evalplus.core.selection.facts import Facts, facts
from mlflow_evalplus.core.selection.gates import verdict_of
from mlflow_evalplus.core.selection.layouts import Layouts, layouts
from mlflow_evalplus.core.selection.measures import SCORE, Measure
from mlflow_evalplus.core.selection.mistakes import check
from mlflow_evalplus.core.selection.pairs import all_pairs, best_of
from mlflow_evalplus.core.selection.priorities import LATENCY, Utility, utility
from mlflow_evalplus.core.selection.spending import spending
from mlflow_evalplus.core.selection.tags import tag_scores
from mlflow_evalplus.core.selection.wording import listed
from mlflow_evalplus.core.selection.wording import questions as counted
from mlflow_evalplus.requirements import Requirements, SelectionRules
from mlflow_evalplus.requirements.selection import DEFAULT_GATE
from mlflow_evalplus.results.selection import (
    CandidateResult,
    FailureCauses,
    Item,
    Judging,
    PairDifference,
    Ranked,
    Selection,
)

NO_CAUSES = FailureCauses((), ())


def select_among(
    questions: QuestionSet,
    items: Mapping[str, Sequence[Item]],
    causes: Mapping[str, FailureCauses],
    wanted: Requirements,
    *,
    about: Mapping[str, Mapping[str, str]],
    currency: str,
    concurrency: Mapping[str, int],
    repeats: int,
    ranking: Sequence[Ranked] = (),
    judging: Judging | None = None,
    notes: Sequence[str] = (),
) -> Selection:
    """Hold candidates against each other on the questions that they answered, and decide which to take.

    Parameters
    ----------
    questions : QuestionSet
    items : mapping of str to sequence of Item
        By candidate, one per question, in any order.
    causes : mapping of str to FailureCauses
        By candidate; of those that were diagnosed.
    wanted : Requirements
        Its section ``selection``, its ``priority`` and its ``confidence``.
    about, concurrency : mapping
        By candidate; what is not known may be missing.
    currency : str
    repeats : int
    ranking, judging, notes
        As they stand in the result; further notes are added.

    Returns
    -------
    Selection

    Raises
    ------
    DataError
        There is no candidate, or one has not one item for each question.
    RequirementsError
        A gate or a weight names a dimension, a tag or a candidate that there is not; all of them are listed.

    Notes
    -----
    The statistics, and what their error rates are in simulations: docs/selection_statistics.md.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
    >>> from mlflow_evalplus.results.answers import Answer, Score
    >>> asked = [Question(f"q{i}", (Message("user", "?"),), "exact", "facts", ("yes",)) for i in range(100)]
    >>> def item(name, right):
    ...     score = Score(float(right), right, "right" if right else "wrong")
    ...     return Item(name, (Answer("", name, text="yes"),), (score,), score.value)
    >>> items = {"good": [item(each.id, True) for each in asked]}
    >>> items["bad"] = [item(each.id, each.id.endswith("5")) for each in asked]
    >>> questions = QuestionSet(tuple(asked), "")
    >>> more = {"about": {}, "currency": "USD", "concurrency": {}, "repeats": 1}
    >>> found = select_among(questions, items, {}, Requirements(), **more)
    >>> found.decision.outcome, found.decision.chosen
    ('choose', 'good')
    """
    items = check(questions, items, wanted.selection)
    raw = {name: facts(each) for name, each in items.items()}
    left_out = _unscorable(raw)
    found = {name: each.without(left_out) for name, each in raw.items()}
    known = _layouts(questions, wanted.selection.dimensions, found)
    measure = Measure(known, wanted.confidence)
    valued = utility(found, known, wanted.selection, wanted.priority)
    tags = tag_scores(found, known, wanted.confidence)
    order = _order(found, valued, measure)
    rules, confidence = wanted.selection, wanted.confidence
    candidates = tuple(
        CandidateResult(
            name=name, about=dict(about.get(name, {})), items=tuple(items[name]),
            score=measure.estimate(found[name], SCORE),
            dimensions={d: measure.estimate(found[name], SCORE, d) for d in known.weights},
            tags=tags[name], measures=measure.measures(found[name]), utility=valued.value(name),
            parts=valued.parts(name),
            spending=spending(items[name], raw[name], currency, concurrency.get(name, 1), confidence),
            causes=causes.get(name, NO_CAUSES), verdict=verdict_of(name, found, rules.asked, measure),
        )
        for name in order
    )  # fmt: skip
    pairs = all_pairs(order, found, measure, valued)
    standings = [Standing(each.name, each.utility, each.score, each.verdict) for each in candidates]
    counts = {gate.where: int(known.within(gate.dimension or "", gate.tag or "").sum()) for gate in rules.asked}
    decision = decide_among(standings, pairs, valued, confidence, {**counts, "": len(questions)})
    said = [*notes, *_left_out(questions, left_out, known, rules.dimensions), *valued.notes]
    said += [
        *_speeds(valued, concurrency, order),
        *_thin(known),
        *_ungated(rules),
        *_best(candidates, pairs, confidence),
    ]
    return Selection(
        source=questions.source, digest=questions.digest, n=len(questions), n_clusters=int(known.clusters.max()) + 1,
        n_by_dimension={d: int(known.within(d).sum()) for d in known.weights}, dimension_weights=known.weights,
        repeats=repeats, candidates=candidates, pairs=pairs, ranking=tuple(ranking), judging=judging,
        decision=decision, confidence=confidence, notes=tuple(said),
    )  # fmt: skip


def _order(found: Mapping[str, Facts], valued: Utility, measure: Measure) -> list[str]:
    """Return the names, the highest utility first, then the highest score; last those that have none."""

    def key(name: str) -> tuple[float, float]:
        of = (valued.value(name), measure.estimate(found[name], SCORE).value)
        return tuple(math.inf if math.isnan(value) else -value for value in of)  # type: ignore[return-value]

    return sorted(found, key=key)


def _unscorable(raw: Mapping[str, Facts]) -> np.ndarray:
    """Return which questions were answered, but no answer of anybody could be scored: no judge gave a verdict."""
    scored = np.any([~np.isnan(each[SCORE]) for each in raw.values()], axis=0)
    answered = np.any([each.answered for each in raw.values()], axis=0)
    return np.asarray(answered & ~scored)


def _layouts(questions: QuestionSet, weights: Mapping[str, float], found: Mapping[str, Facts]) -> Layouts:
    """Return the layouts, a dimension of which nobody has a score with the weight 0."""
    scored = np.any([~np.isnan(each[SCORE]) for each in found.values()], axis=0)
    known = {question.dimension for question, each in zip(questions, scored, strict=True) if each}
    usable = {name: weights.get(name, 1.0) if name in known else 0.0 for name in questions.dimensions}
    return layouts(questions, usable if any(usable.values()) else weights)


def _left_out(
    questions: QuestionSet, left_out: np.ndarray, known: Layouts, weights: Mapping[str, float]
) -> Iterator[str]:
    if left_out.any():
        names = [question.id for question, out in zip(questions, left_out, strict=True) if out]
        yield f"Left out of scores and coverage, as no answer to them could be scored: {listed(names, 4)}."
    nobody = [name for name, weight in known.weights.items() if not weight and weights.get(name, 1.0)]
    if nobody:
        yield f"Without a score, so without weight: {listed(nobody)}."


def _speeds(valued: Utility, concurrency: Mapping[str, int], order: Sequence[str]) -> Iterator[str]:
    calls = {name: concurrency.get(name, 1) for name in order}
    if valued.cost == LATENCY and len(set(calls.values())) > 1:
        told = ", ".join(f"{name} {n}" for name, n in calls.items())
        yield f"Latencies were measured under different concurrency: {told}."


def _thin(known: Layouts) -> Iterator[str]:
    """Yield the dimensions whose few questions count much: they make every interval wide."""
    few = []
    for name, weight in known.weights.items():
        inside = known.within(name)
        if weight and len(np.unique(known.clusters[inside])) < MIN_UNITS and len(known.weights) > 1:
            few.append(f"{name} ({counted(int(inside.sum()))}, {100 * weight:.0f} % of the score)")
    if few:
        yield f"Few questions that count much make the intervals wide: {listed(few)}. Ask more, or weigh them less."


def _ungated(rules: SelectionRules) -> Iterator[str]:
    if not rules.gates:
        yield (
            f"No gate is asked, so what is good enough is not decided: a candidate passes with {DEFAULT_GATE}. "
            "Add a gate such as {metric: score, min: 0.8}."
        )


def _best(candidates: Sequence[CandidateResult], pairs: Sequence[PairDifference], confidence: float) -> Iterator[str]:
    """Yield who is best in each dimension, and with whom tied; nothing of one in which all are."""
    said = []
    for dimension in candidates[0].dimensions:
        scores = {each.name: each.dimensions[dimension].value for each in candidates}
        best = best_of(scores, pairs, dimension, confidence)
        if len(best) < sum(not math.isnan(value) for value in scores.values()):
            said.append(f"{dimension}: {', '.join(best)}{' (tied)' if len(best) > 1 else ''}")
    if said:
        yield f"Best by dimension: {'; '.join(said)}."
