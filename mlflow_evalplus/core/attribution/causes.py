"""One cause for each error, from evidence; the first that matches wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.attribution import evidence as of_rows
from mlflow_evalplus.core.attribution import group_evidence as of_groups
from mlflow_evalplus.core.attribution.coverage import Coverage
from mlflow_evalplus.core.attribution.evidence import Answers, Evidence
from mlflow_evalplus.core.attribution.gains import together
from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.results import Slices
from mlflow_evalplus.results.causes import Case, Cases, Cause, Causes

MAX_CASES = 1000
MAX_EXAMPLES = 20
MAX_TEXT = 500
ACTIONS = {
    "label_suspect": "let another annotator look at these labels",
    "ambiguous": "settle these rows in the labelling guideline, or ask the customer back",
    "keyword_missed": "apply the keyword rules on top of the model",
    "unknown_vocabulary": "collect training texts that hold these words",
    "language_cue": "collect training texts with these cues, or a model that reads word order",
    "weak_slice": "collect training data for these slices, or give them a model of their own",
    "confident_and_wrong": "read these errors; a better model, or better features, is what is left",
}


@dataclass(frozen=True)
class Found:
    """The evidence in the order in which it is looked for, and whose each error is.

    Attributes
    ----------
    evidence : list of Evidence
    owner : int array, [rows]
        The place of the row's evidence; -1 where the row is answered rightly.
    coverage : Coverage or None
        The unfamiliar words, where the training texts are known.
    """

    evidence: list[Evidence]
    owner: IntArray
    coverage: Coverage | None


def find_causes(answers: Answers, slices: Slices) -> Found:
    """Look for each cause of the errors, in this order.

    1. *Label suspect*: most annotators voted against the label.
    2. *Ambiguous*: the annotators are split.
    3. *Keyword missed*: a keyword rule says the label, the model another.
    4. *Unknown vocabulary*: many words that hardly a training text holds.
    5. *Label suspect*: confident learning, for rows without two annotators.
    6. *Negation, contrast or sarcasm*; 7. *weak slice*; 8. *ambiguous*: the two highest scores are close.
    9. *Confident and wrong*: what is left.

    What speaks of a single row comes before what the model itself says of it: where a rule confirms the label, or the
    model cannot know the words, the label is no suspect for being disagreed with. What speaks of a group of rows
    (4, 6, 7) counts only where the group is surely answered worse than the others. Low scores come late, because
    they are also what too few training rows look like.
    """
    vocabulary, coverage = of_groups.of_vocabulary(answers)
    judged, annotated = of_rows.of_annotators(answers)
    evidence = [*judged, *of_rows.of_rules(answers), *vocabulary, *of_rows.of_scores(answers, annotated)]
    split = np.zeros(len(answers.wrong), dtype=np.bool_)
    for one in judged:
        split |= one.shown & (one.cause == "ambiguous")
    evidence += [*of_groups.of_cues(answers), *of_groups.of_slices(answers, slices), *of_rows.of_margin(answers, split)]
    owner = np.full(len(answers.wrong), -1, dtype=np.int64)
    for place, one in enumerate(evidence):
        owner[answers.wrong & one.shown & (owner < 0)] = place
    left = answers.wrong & (owner < 0)
    owner[left] = len(evidence)
    return Found([*evidence, of_rows.of_model(answers, left)], owner, coverage)


def summarise_causes(answers: Answers, found: Found, errors: IntArray, ids: pa.ChunkedArray | None) -> Causes:
    """Return one row per cause that has errors.

    Parameters
    ----------
    answers : Answers
    found : Found
    errors : int array
        The rows that are wrong, in the order in which they are shown.
    ids : pyarrow.ChunkedArray or None
        Of all rows.
    """
    weights, rows = answers.weights, []
    for name in dict.fromkeys(one.cause for one in found.evidence):
        places = [place for place, one in enumerate(found.evidence) if one.cause == name]
        own = errors[np.isin(found.owner[errors], places)]
        if len(own):
            share = float(weights[own].sum() / weights[errors].sum())
            shown = tuple(ids.take(pa.array(own[:MAX_EXAMPLES])).to_pylist()) if ids is not None else ()
            effects = [found.evidence[place].effect for place in places if (found.owner == place).any()]
            rows.append(Cause(name, len(own), share, together(effects).accuracy, ACTIONS[name], shown))
    return Causes(tuple(rows))


def cases(answers: Answers, found: Found, errors: IntArray, ids: pa.ChunkedArray) -> Cases:
    """Return the first 1,000 errors with cause and evidence."""
    first = errors[:MAX_CASES]
    texts = answers.predictions.table["text"].take(pa.array(first)).to_pylist() if answers.has_texts else None
    named: Sequence[str] = ids.take(pa.array(first)).to_pylist()
    rows = []
    for place, row in enumerate(first.tolist()):
        evidence, given = found.evidence[found.owner[row]], int(answers.given[row])
        text = (texts[place] or "")[:MAX_TEXT] if texts else ""
        rows.append(Case(named[place], answers.name(int(answers.label[row])), answers.name(given), evidence.cause,
                         evidence.say(row), answers.confidence_of(row), text))  # fmt: skip
    return Cases(tuple(rows))
