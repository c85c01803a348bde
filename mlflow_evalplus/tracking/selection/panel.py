"""Several judges over all answers, in threads, each verdict journaled; and verdicts that were recorded before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING, Any

from mlflow_evalplus.asking.specs import Judge
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.selection.verdicts import JudgeVerdict, Preference
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import AS_ASKED, Answer
from mlflow_evalplus.tracking.selection.judge_words import read_told, request_of, verdict_of, winner_of
from mlflow_evalplus.tracking.selection.judges import CONCURRENCY, LlmJudge, settings_of_mlflow
from mlflow_evalplus.tracking.selection.verdict_files import VerdictKey, read_preferences, read_verdicts

if TYPE_CHECKING:
    from mlflow_evalplus.asking.journal import Journal


@dataclass(frozen=True)
class Judgements:
    """What the judges said.

    Attributes
    ----------
    verdicts : tuple of JudgeVerdict
        Of an answer; the value nan where it is unusable or the call failed.
    preferences : tuple of Preference
        Of two answers, each pair in both orders; the winner empty where it is unusable.
    whys : mapping of (judge, candidate, question, repeat) to str
        The rationale.
    notes : tuple of str
        What failed.
    """

    verdicts: tuple[JudgeVerdict, ...] = ()
    preferences: tuple[Preference, ...] = ()
    whys: Mapping[VerdictKey, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Who judges: models that are asked, and what was said before."""

    judges: tuple[LlmJudge, ...] = ()
    recorded: Judgements = field(default_factory=Judgements)

    def judge(
        self,
        questions: Iterable[Question],
        answers: Mapping[str, Sequence[Answer | None]],
        *,
        journal: Journal | None = None,
        pairs: bool | None = None,
        on_verdict: Callable[[str], None] = lambda judge: None,
    ) -> Judgements:
        """Return every judge's verdict on every answer that a judge can say something of.

        Parameters
        ----------
        questions : iterable of Question
            Those of type rubric, and others that have a rubric, are judged.
        answers : mapping of str to sequence of Answer
            Candidate → its answers as asked, in any order; a missing answer is not judged.
        journal : Journal, optional
            A verdict that is in it is not asked again.
        pairs : bool, optional
            Whether the first answers of every two candidates are compared as well, in both orders; by default the
            judges that say so do.
        on_verdict : callable, optional
            Told the judge's name after each verdict.

        Returns
        -------
        Judgements
        """
        known = {question.id: question for question in questions if question.type == "rubric" or question.rubric}
        came = [a for own in answers.values() for a in own if a is not None and a.answered and a.variant == AS_ASKED]
        given = [answer for answer in came if answer.question in known]
        tasks: list[Task] = [(judge, (answer,)) for judge in self.judges for answer in given]
        comparing = [judge for judge in self.judges if (judge.pairs if pairs is None else pairs)]
        tasks += [(judge, both) for judge in comparing for both in _pairs(given)]
        said = _said(known, tasks, journal, on_verdict)
        return _with_recorded(_gathered(tasks, said), self.recorded, came)


Task = tuple[LlmJudge, tuple[Answer, ...]]


def _pairs(given: Sequence[Answer]) -> Iterator[tuple[Answer, Answer]]:
    by_question: dict[str, list[Answer]] = {}
    for answer in given:
        if answer.repeat == 0:
            by_question.setdefault(answer.question, []).append(answer)
    for own in by_question.values():
        yield from permutations(own, 2)


def _said(
    known: Mapping[str, Question],
    tasks: Sequence[Task],
    journal: Journal | None,
    on_verdict: Callable[[str], None],
) -> list[Answer]:
    """Return what was said to each task, from the journal or asked; kept as it comes, by this thread alone."""
    requests = [request_of(known[answers[0].question], answers) for _, answers in tasks]
    said: dict[int, Answer] = {}
    for number, ((judge, _), request) in enumerate(zip(tasks, requests, strict=True)):
        kept = journal.get(judge.digest, request) if journal is not None else None
        if kept is not None and kept.answered:
            said[number] = kept
    with ExitStack() as stack:
        judges = dict.fromkeys(judge for judge, _ in tasks)
        stack.enter_context(settings_of_mlflow(max((judge.timeout_s for judge in judges), default=0)))
        pools = {judge: stack.enter_context(ThreadPoolExecutor(judge.concurrency)) for judge in judges}
        open_: dict[Future[Answer], int] = {}
        for number, (judge, answers) in enumerate(tasks):
            if number not in said:
                open_[pools[judge].submit(judge.judge, known[answers[0].question], answers)] = number
        for done in as_completed(open_):
            number = open_[done]
            judge, said[number] = tasks[number][0], done.result()
            if journal is not None and said[number].attempts:
                journal.add(judge.digest, requests[number], said[number])
            on_verdict(judge.name)
    return [said[number] for number in range(len(tasks))]


def _gathered(tasks: Sequence[Task], said: Sequence[Answer]) -> Judgements:
    verdicts, preferences, whys, failed = [], [], dict[VerdictKey, str](), dict[str, list[str]]()
    for (judge, answers), found in zip(tasks, said, strict=True):
        value, why = read_told(found)
        first = answers[0]
        if len(answers) == 1:
            verdicts.append(JudgeVerdict(judge.name, first.candidate, first.question, first.repeat, verdict_of(value)))
            whys[verdicts[-1][:4]] = why
        else:
            pair = first.candidate, answers[1].candidate
            preferences.append(Preference(judge.name, first.question, *pair, winner_of(value)))
        if found.error:
            failed.setdefault(judge.name, []).append(found.message)
    notes = [
        f"Judge {name} gave no verdict in {len(messages)} calls: {messages[0]}" for name, messages in failed.items()
    ]
    return Judgements(tuple(verdicts), tuple(preferences), whys, tuple(notes))


def _with_recorded(found: Judgements, recorded: Judgements, came: Sequence[Answer]) -> Judgements:
    """Add what was recorded of the answers that came, to questions of any type; a pair needs both."""
    there = {(answer.candidate, answer.question, answer.repeat) for answer in came}
    verdicts = [v for v in recorded.verdicts if (v.candidate, v.question, v.repeat) in there]
    preferences = [
        p for p in recorded.preferences if {(p.a, p.question, 0), (p.b, p.question, 0)} <= there
    ]  # fmt: skip
    return Judgements(
        (*found.verdicts, *verdicts), (*found.preferences, *preferences), {**recorded.whys, **found.whys}, found.notes
    )


def read_panel(specs: Iterable[Judge | Mapping[str, Any]]) -> Panel:
    """Return the judges of ``judges:`` in candidates.yaml.

    A judge is a model, as MLflow names it or by its name at an endpoint; or files of recorded verdicts and preferences,
    which name their judges themselves.

    Raises
    ------
    DataError
        A judge is wrong, or a file of verdicts.
    """
    judges, recorded = [], Judgements()
    for given in specs:
        spec = Judge.model_validate(given) if isinstance(given, Mapping) else given
        if spec.model:
            judges.append(
                LlmJudge(
                    spec.name, spec.model, base_url=spec.endpoint or "", api_key_env=spec.api_key_env or "",
                    parameters=spec.parameters, concurrency=spec.concurrency or CONCURRENCY, timeout_s=spec.timeout_s,
                    pairs=spec.pairs,
                )
            )  # fmt: skip
        recorded = _with_files(spec, recorded)
    names = [judge.name for judge in judges] + [*dict.fromkeys(verdict.judge for verdict in recorded.verdicts)]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise DataError(f"two judges are called {twice!r}: one is asked, one is in a file; give each its own name")
    return Panel(tuple(judges), recorded)


def _with_files(spec: Judge, before: Judgements) -> Judgements:
    verdicts, whys = read_verdicts(spec.verdicts) if spec.verdicts else ((), {})
    preferences = read_preferences(spec.preferences) if spec.preferences else ()
    return Judgements((*before.verdicts, *verdicts), (*before.preferences, *preferences), {**before.whys, **whys})
