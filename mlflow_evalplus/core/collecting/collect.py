"""`collect`: a production log in, the cases that are worth a label out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.collecting.cases import queued, strewn
from mlflow_evalplus.core.collecting.choice import Audit, Drawn, Groups, audit_size, choose, draw_audit
from mlflow_evalplus.core.collecting.inputs import (
    check_arguments,
    check_labels,
    columns_of,
    excluded_texts,
    known_words,
    remarks,
    weak_columns,
)
from mlflow_evalplus.core.collecting.log import Log, LogColumns, read_log
from mlflow_evalplus.core.collecting.near_copies import near_copies
from mlflow_evalplus.core.collecting.reasons import Signal, signals
from mlflow_evalplus.core.data.phrases import several
from mlflow_evalplus.core.tokens import Bools, Tokens, tokenise
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.queue import Queue, ReasonCount


def collect(
    frame: Any,
    n: int = 200,
    *,
    text: str | None = None,
    prediction: str = "prediction",
    scores: Mapping[str, str] | None = None,
    label: str | None = None,
    challenger: str | None = None,
    time: str | None = None,
    slices: Sequence[str] | None = None,
    training: Any = None,
    weak: Evaluation | Sequence[str] | None = None,
    audit: float = 0.2,
    exclude: Iterable[str] | None = None,
    seed: int = 0,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
) -> Queue:
    """Choose the cases of a production log that are worth a label.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        The log, one row per answer. A lazy one is collected; only the named columns leave their engine. Rows without
        a text are left out.
    n : int
        Cases; fewer where the log has no more, and a few more or less where the audit is larger than asked for.
    text, prediction : str
        Columns; `text` is by default that of the requirements, else ``text``. A missing prediction is a wrong one.
    scores : mapping of str to str, optional
        Label → column of its probability; by default the columns ``score.<label>``.
    label : str, optional
        Column of the labels that feedback gives; missing or blank where nobody said.
    challenger, time : str, optional
        Columns of another model's answers, and of when a row came.
    slices : sequence of str, optional
        Columns over which the cases are spread; by default those of the requirements that the log has. Texts yield
        more, as in `evaluate`.
    training : data frame or sequence of str, optional
        What the model learnt from; a data frame has the texts in a column of the same name. Tells which words are new.
    weak : Evaluation or sequence of str, optional
        Slices in which the model is weak: those of its evaluation, or names such as ``channel=app``. By default those
        that the feedback labels tell, where 200 rows have one.
    audit : float
        Share of `n` that is drawn at random, 0 to 1.
    exclude : iterable of str, optional
        Ids of cases, or texts, that are labelled already. Their near copies are chosen for no reason; the audit still
        draws them, as another text may have another label.
    seed : int
        Of what is drawn. The order of the rows plays no part.
    requirements : path, mapping or Requirements, optional
        Gives defaults, and the labels that feedback may name.

    Returns
    -------
    Queue
        One case for each group of near copies: texts that differ in case, spaces and width, in the order of their
        words (4 or more), or in one word (of 8 or more).

    Raises
    ------
    EvalPlusError
        Bad rows, columns or arguments; the message says what was given and what to do.

    Notes
    -----
    The audit draws ``round(audit · n)`` rows, each row alike, before anything else is chosen. Where too few texts have
    a reason it draws more, so that the cases are about `n`, unless `audit` is 0. Σ weight · right / Σ weight of its
    cases is therefore an unbiased estimate of the accuracy on all rows that have a text and are not excluded. Of the
    excluded ones the labels are known: for the accuracy on the whole log add them as they are, each row once. To leave
    them out instead is no unbiased estimate of the whole, because they were, as a rule, the hard ones.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"text": [f"message {word}" for word in "abcdefgh"], "prediction": "bad"})
    >>> log["feedback"] = ["good", None, None, "bad", None, None, None, None]
    >>> queue = collect(log, 3, label="feedback", audit=0.5)
    >>> [(case.text, case.reasons, case.weight) for case in queue.cases if "wrong" in case.reasons]
    [('message a', ('wrong',), nan)]
    >>> queue.n_audit, sum(case.weight for case in queue.cases if case.audit)
    (2, 8.0)
    """
    check_arguments(n, audit, seed, {"slices": slices, "exclude": exclude, "weak": weak})
    wanted = None if requirements is None else asked.load(requirements)
    named = columns_of(frame, wanted, LogColumns(text or "", prediction, challenger, label, time), scores, slices)
    columns, listed, notes = weak_columns(frame, named, weak)
    known = known_words(training, named.text)
    log = read_log(frame, columns)
    check_labels(log, wanted.task.labels if wanted else (), named.label)
    tokens = tokenise(log.plain)
    excluded = excluded_texts(log, exclude)
    groups = _groups(log, tokens, excluded)
    found, missing = signals(log, tokens, known, listed, named.slices, n)
    size = audit_size(n, audit, found, groups)
    drawn = draw_audit(np.flatnonzero(~excluded[log.text]), groups, size, np.random.default_rng([seed, 0]))
    ties = np.random.default_rng([seed, 1]).random(len(groups.served))
    chosen = choose(found, groups, {one.group for one in drawn.cases}, n - len(drawn.cases), ties)
    ordered = strewn([*drawn.cases, *chosen], groups, ties, np.random.default_rng([seed, 2]))
    return Queue(
        tuple(queued(log, groups, found, ordered, drawn.weight)),
        log.n,
        len(groups.served),
        (*(_count(one, chosen) for one in found), _audit_count(drawn, size > round(audit * n))),
        seed,
        (*remarks(log, excluded), *notes, *missing, *_short(len(ordered), n)),
    )


def _groups(log: Log, tokens: Tokens, excluded: Bools) -> Groups:
    group = near_copies(tokens, np.bincount(log.text, minlength=len(log.digests)))
    served = np.zeros(int(group.max()) + 1, dtype=np.bool_)
    served[group[excluded]] = True
    return Groups(group[log.text], log.text, served)


def _count(signal: Signal, chosen: Sequence[Drawn]) -> ReasonCount:
    n_cases = sum(one.reason == signal.reason for one in chosen)
    return ReasonCount(signal.reason, int((signal.scores > 0).sum()), n_cases, signal.why)


def _audit_count(drawn: Audit, enlarged: bool) -> ReasonCount:
    why = f"{several(drawn.n, 'row')} drawn at random, whatever the model said"
    if drawn.n:
        why += f"; each stands for {drawn.weight:,.1f} rows, and those of near copies make one case"
    if enlarged:
        why += "; more than asked for, as too few texts have a reason"
    return ReasonCount("audit", drawn.n_rows, len(drawn.cases), why)


def _short(n_cases: int, n: int) -> list[str]:
    if n_cases >= n:
        return []
    return [f"{several(n_cases, 'case')} chosen, fewer than the {n:,} asked for: no other text has a reason."]
