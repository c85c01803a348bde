"""Queues, what came back of them, and monitored logs → what of them is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mlflow_evalplus.core.privacy.keeping import Keeper
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import Monitoring, Window
from mlflow_evalplus.results.adjudication import Adjudication, OpenCase
from mlflow_evalplus.results.monitoring import Alert
from mlflow_evalplus.results.queue import Queue, QueuedCase, ReasonCount

NEW_TERMS = "new_terms"


def stored_queue(queue: Queue, mode: StoreText, labels: Sequence[str] = ()) -> Queue:
    """Return a queue as it is stored; case ids stay, so that labels find their cases.

    What a model answered stays where it is a label: one of `labels`, else the queue's, else what two cases have.

    Examples
    --------
    >>> from mlflow_evalplus.results.queue import QueuedCase
    >>> queue = Queue((QueuedCase("c1", "call 13812345678", 0, 1, True, 1.0, ("audit",)),), 1, 1, (), 0)
    >>> stored_queue(queue, "masked").cases[0].text, stored_queue(queue, "none").cases[0].text
    ('call [phone]', '')
    """
    if mode == "full":
        return queue
    named = {value for case in queue.cases for item in (case.slices or {}).items() for value in item}
    known = frozenset({*(labels or queue.labels or _shared(queue)), *named})
    keeper = Keeper(mode, [case.text for case in queue.cases], known)

    def kept(case: QueuedCase) -> QueuedCase:
        prediction, challenger, label = map(keeper.answer, (case.prediction, case.challenger, case.label))
        text = keeper.text(case.text)
        return replace(case, text=text, prediction=prediction, challenger=challenger, label=label)

    return replace(
        queue,
        cases=tuple(map(kept, queue.cases)),
        reasons=tuple(_reason(one, keeper) for one in queue.reasons),
        notes=tuple(map(keeper.note, queue.notes)),
    )


def _shared(queue: Queue) -> Iterator[str]:
    """Yield the answers that two cases have: what only one has may be its text."""
    said = Counter(answer for case in queue.cases for answer in {case.prediction, case.challenger, case.label})
    yield from (answer for answer, n in said.items() if n > 1)


def _reason(one: ReasonCount, keeper: Keeper) -> ReasonCount:
    return replace(one, why=keeper.prose(one.why))


def stored_adjudication(found: Adjudication, mode: StoreText) -> Adjudication:
    """Return what became of a queue as it is stored; what annotators noted is a text too."""
    if mode == "full":
        return found
    texts = [case.text for case in found.accepted] + [case.text for case in found.open]
    keeper = Keeper(mode, texts, frozenset({*found.labels, *found.annotators}))

    def opened(case: OpenCase) -> OpenCase:
        return replace(case, text=keeper.text(case.text), note=keeper.text(case.note))

    return replace(
        found,
        accepted=tuple(
            replace(case, text=keeper.text(case.text), prediction=keeper.answer(case.prediction))
            for case in found.accepted
        ),
        open=tuple(map(opened, found.open)),
        problems=tuple(replace(one, sentence=keeper.prose(one.sentence)) for one in found.problems),
        sentence=keeper.prose(found.sentence),
        notes=tuple(map(keeper.note, found.notes)),
    )


def stored_monitoring(found: Monitoring, mode: StoreText) -> Monitoring:
    """Return a monitored log as it is stored: of new words their numbers, and under ``masked`` those of no person."""
    if mode == "full":
        return found
    texts = [text for text in found.texts.to_pylist() if text] if found.texts is not None else []
    keeper = Keeper(mode, texts)
    name = keeper.renamed()
    return replace(
        found,
        texts=None,
        reference=_window(found.reference, name),
        windows=tuple(_window(window, name) for window in found.windows),
        notes=tuple(map(keeper.prose, found.notes)),
    )


def _window(window: Window, name: Callable[[str], str]) -> Window:
    named = {repr(term.term): repr(name(term.term)) for term in window.terms}

    def alert(one: Alert) -> Alert:
        reason = one.reason
        for term, kept in named.items() if one.metric == NEW_TERMS else ():
            reason = reason.replace(term, kept)
        return replace(one, reason=reason)

    terms = tuple(replace(term, term=name(term.term)) for term in window.terms)
    return replace(window, terms=terms, alerts=tuple(map(alert, window.alerts)))
