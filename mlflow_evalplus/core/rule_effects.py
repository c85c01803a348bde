"""What each keyword rule on top of a model does: how often it fires, what it fixes and what it breaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.applied_rules import Base, Ruled, base_of, scores_under_rules
from mlflow_evalplus.core.attribution.keyword_rules import Rule, Rules, load_rules
from mlflow_evalplus.core.columns import IntArray, column_names
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.paired_gains import gained, share_right
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.rule_slices import MAX_Q, broken_slices
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.names import OTHER
from mlflow_evalplus.results import Difference, Evaluation
from mlflow_evalplus.results.rule_effects import RuleEffect, RuleEffects, RuleMoves

MAX_EXAMPLES = 20
MAX_NAMED = 5  # rules for unknown labels, in a note
NO_DIFFERENCE = Difference(math.nan, math.nan, math.nan, math.nan, 0)


def rule_effects(
    data: Any,
    rules: Rules,
    *,
    base_scores: Mapping[str, str] | None = None,
    label: str = "label",
    prediction: str = "prediction",
    text: str = "text",
    slices: Sequence[str] = (),
    cluster: str | None = None,
    weight: str | None = None,
    example_id: str | None = None,
    confidence: float | None = None,
) -> RuleEffects:
    r"""Return what keyword rules do on top of a model, each beside all the others; the model is not asked again.

    Parameters
    ----------
    data : Evaluation, or a data frame
        An evaluation with its rows and their texts, such as ``load(run_id)``: the rules are put on its scores before
        its own rules, where it has any (``base.<label>``), else on its scores, else on its predictions. Of a frame the
        same is taken from columns of these names, and from those named below.
    rules : path, mapping or list
        A YAML file of ``{pattern: …, label: …, weight: …}``, or what it holds. A match adds the weight to the
        log-odds of the label; a rule without weight decides, the first one before the others. Predictions without
        scores can be judged under rules without weight only.
    base_scores : mapping of str to str, optional
        Of a frame: label → column of the probability before the rules, for all labels that the model knows.
    label, prediction, text, slices, cluster, weight, example_id : optional
        Further columns of a frame, as for ``evaluate``. The prediction is needed without scores only.
    confidence : float, optional
        Of every interval, between 0.5 and 1; that of the evaluation, else 0.95, by default.

    Returns
    -------
    RuleEffects

    Raises
    ------
    DataError
        A rule is wrong, or none is for one of the labels; there are no texts; a weight, and no scores; scores of one
        label only.
    ColumnNotFound
        A named column is not in the frame.

    Notes
    -----
    A rule's effect is that of all rules less that of all but this one. Intervals are those of `compare_evaluations`,
    p-values exact: McNemar's test. Of clustered or weighted rows that of the sign test of the clusters' sums or of the
    normal test of their total, whichever is larger; 1 where they disagree. q-values: Benjamini and Hochberg (1995).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"label": ["bad"] * 20 + ["good"] * 20, "prediction": "good", "text": "fine"})
    >>> frame.loc[:9, "text"] = "I want my refund"
    >>> found = rule_effects(frame, {"refund": "bad", "fine": "good"})
    >>> print(found.base_accuracy.value, found.accuracy.value)
    0.5 0.75
    >>> [(rule.number, rule.fired, rule.moves.fixed, rule.moves.broken, rule.verdict) for rule in found.rules]
    [(1, 10, 10, 0, 'keep'), (2, 30, 0, 0, 'idle')]
    """
    parsed = load_rules(rules)
    if confidence is not None and not 0.5 < confidence < 1:
        raise DataError(f"confidence is {confidence}; give a share between 0.5 and 1, such as 0.95")
    named: dict[str, Any] = {"slices": slices, "cluster": cluster, "weight": weight, "example_id": example_id}
    if isinstance(data, Evaluation):
        given = [name for name, value in {"base_scores": base_scores, **named}.items() if value]
        if given:
            raise DataError(f"{given[0]} names columns of a data frame; an evaluation has its own: leave it out")
        if data.predictions is None:
            raise DataError("the rows of this evaluation are not at hand; collect the frame, or load it with its rows")
        return rule_effects_of(data.predictions, parsed, confidence=confidence or data.confidence)
    base, scores, answered = scores_under_rules(column_names(data), base_scores, prediction)
    answer = prediction if answered else label
    rows = read(data, label=label, prediction=answer, text=text, scores=scores, base_scores=base, **named)
    return rule_effects_of(rows, parsed, confidence=confidence or 0.95)


def with_rule_effects(evaluation: Evaluation, rules: Rules | None) -> Evaluation:
    """Add what the rules do that the evaluated model itself applies; where that is not known a note says why."""
    parsed = load_rules(rules) if rules is not None else ()
    if not parsed or evaluation.predictions is None:
        return evaluation
    try:
        found = rule_effects_of(evaluation.predictions, parsed, confidence=evaluation.confidence, applied=True)
    except DataError as error:
        note = f"What each keyword rule of the model does is not known: {error}"
        return replace(evaluation, notes=(*evaluation.notes, note))
    return replace(evaluation, rule_effects=found)


def rule_effects_of(
    predictions: Predictions, rules: Sequence[Rule], *, confidence: float = 0.95, applied: bool = False
) -> RuleEffects:
    """Return what rules do on top of validated rows.

    Parameters
    ----------
    predictions : Predictions
    rules : sequence of Rule
    confidence : float
    applied : bool
        The predictions are those of these rules: rows that are answered otherwise are noted.

    Raises
    ------
    DataError
        As `rule_effects` says; or the rules are applied already, and there are no scores before them.
    """
    if "text" not in predictions.table.column_names:
        raise DataError(
            "the rows have no texts, in which keyword rules could match; name their column with text. A run that was "
            "logged with store_text: hash or none keeps none: evaluate the file of the rows instead"
        )
    base = base_of(predictions)
    if applied and base.kind != "base":
        raise DataError("the model returns no columns 'base.<label>', its probabilities before the rules")
    known = _known(rules, base)
    left_out = {number: rule for number, rule in enumerate(rules, 1) if number not in known}
    ruled = Ruled(predictions, base, list(known.values()))
    label, gains = ruled.label, _gains(ruled.label, ruled.before, ruled.after)
    return RuleEffects(
        n=len(predictions),
        base=base.kind,
        base_accuracy=share_right(predictions, ruled.before == label, confidence),
        accuracy=share_right(predictions, ruled.after == label, confidence),
        fired=int(ruled.matched.any(axis=1).sum()),
        moves=_moves(gains, ruled.before != ruled.after),
        net=gained(predictions, gains, confidence),
        rules=_effects(ruled, list(known), confidence),
        notes=tuple(_notes(ruled, left_out, applied)),
    )


def _known(rules: Sequence[Rule], base: Base) -> dict[int, Rule]:
    """Return the rules for labels that the model knows, by their number."""
    if not rules:
        raise DataError("there are no keyword rules; give a list of {pattern: …, label: …, weight: …}")
    labels = [label for label in base.labels if label != OTHER]
    kept = {number: rule for number, rule in enumerate(rules, 1) if rule.label in labels}
    if not kept:
        given = rules[0].label
        raise DataError(f"no keyword rule is for one of the labels {shorten(labels)}; the first is for {given!r}."
                        + did_you_mean(given, labels))  # fmt: skip
    weighted = next((number for number, rule in kept.items() if rule.weight is not None), None)
    if weighted and base.kind == "prediction":
        raise DataError(
            f"keyword rule {weighted} has a weight, which moves probabilities, and not every answer has one here; give "
            "base_scores, a run with scores, or rules without weight"
        )
    return kept


def _notes(ruled: Ruled, left_out: Mapping[int, Rule], applied: bool) -> Iterator[str]:
    """Yield what a reader must know."""
    given = ruled.predictions.label_codes("prediction")
    after, before = (int((answers != given).sum()) for answers in (ruled.after, ruled.before))
    rows = f"of {len(given):,} rows"
    if left_out:
        yield _unknown_labels(left_out, ruled.base)
    if applied and after:
        yield f"In {after:,} {rows} the model answers otherwise than these rules would: are they the rules it applies?"
    if ruled.base.kind == "score" and before:
        yield f"In {before:,} {rows} the prediction is not the most probable label; here that label is the answer."


def _unknown_labels(rules: Mapping[int, Rule], base: Base) -> str:
    """Return which rules are left out, each with its label and the nearest label that the model knows."""
    shown = []
    for number, rule in list(rules.items())[:MAX_NAMED]:
        nearest = did_you_mean(rule.label, [label for label in base.labels if label != OTHER]).strip()
        shown.append(f"rule {number} for {rule.label!r}" + (f" ({nearest})" if nearest else ""))
    more = [f"{len(rules) - MAX_NAMED:,} more"] if len(rules) > MAX_NAMED else []
    return f"Left out, as the model does not know their labels: {', '.join(shown + more)}."


def _gains(label: IntArray, before: IntArray, after: IntArray) -> IntArray:
    """Return 1 for each row that becomes right, -1 for one that becomes wrong, else 0."""
    return np.asarray((after == label).astype(np.int64) - (before == label))


def _moves(gains: np.ndarray, changed: np.ndarray) -> RuleMoves:
    return RuleMoves(int(changed.sum()), int((gains > 0).sum()), int((gains < 0).sum()))


def _effects(ruled: Ruled, numbers: Sequence[int], confidence: float) -> tuple[RuleEffect, ...]:
    """Return what each rule does beside all the others."""
    gains = np.zeros((len(numbers), len(ruled.label)), dtype=np.int8)
    ids = ruled.predictions.with_ids().table["example_id"]
    found = [_effect(ruled, place, number, gains[place], ids) for place, number in enumerate(numbers)]
    nets = [gained(ruled.predictions, own, confidence) for own in gains]
    q_values = false_discovery(np.array([net.p_value for net in nets])).tolist()
    slices = broken_slices(ruled.predictions, gains)
    return tuple(
        replace(effect, net=net, q_value=q, slices=slices[place], verdict=_verdict(effect, net.value, q))
        for place, (effect, net, q) in enumerate(zip(found, nets, q_values, strict=True))
    )


def _effect(ruled: Ruled, place: int, number: int, gains: np.ndarray, ids: pa.ChunkedArray) -> RuleEffect:
    """Return what one rule does, without what is told by all rows; its gains are written into `gains`."""
    rows, rule = ruled.fired(place), ruled.rules[place]
    label, after, before = ruled.label[rows], ruled.after[rows], ruled.before[rows]
    without, alone = ruled.without(place), ruled.alone(place)
    gains[rows] = _gains(label, without, after)
    surest = rows[np.argsort(-ruled.base.scores[rows].max(axis=1), kind="stable")]
    fixed, broken = (
        tuple(ids.take(pa.array(surest[gains[surest] == side][:MAX_EXAMPLES])).to_pylist()) for side in (1, -1)
    )
    weights = ruled.predictions.floats("weight")
    share = len(rows) / len(gains) if weights is None else float(weights[rows].sum() / weights.sum())
    return RuleEffect(
        number, rule.pattern.pattern, rule.label, rule.weight, len(rows), share,
        _moves(gains[rows], without != after), NO_DIFFERENCE, math.nan,
        _moves(_gains(label, before, alone), before != alone), (), "", fixed, broken,
    )  # fmt: skip


def _verdict(effect: RuleEffect, net: float, q_value: float) -> str:
    if not effect.fired:
        return "never_fired"
    if not effect.moves.changed:
        return "idle"
    if q_value < MAX_Q:
        return "keep" if net > 0 else "drop"
    return "undecided"
