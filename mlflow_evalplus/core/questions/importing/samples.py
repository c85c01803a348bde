"""What every tool's file is read as, and how questions and answers are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.gold import is_number
from mlflow_evalplus.core.questions.question import Message, QuestionSet
from mlflow_evalplus.core.questions.reading import checked
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer

MAX_TAG = 60  # characters of a value
MAX_TAG_VALUES = 20  # with more, or a new one in each question of a task, it is no group of questions
MAX_EXACT = 60  # characters of an answer that is compared as it is
# Names of what tells a question or its answer, not a group that it belongs to.
NO_TAGS = ("id", "index", "uuid", "sample_id", "question", "query", "answer", "answerkey", "target", "gold", "label")


@dataclass(frozen=True, slots=True)
class Sample:
    """One question as a tool keeps it, with the answers in the same place.

    Attributes
    ----------
    task, name : str
        `name` is unique within the task; the task is the dimension.
    messages : tuple of Message
    golds : tuple of str
    choices : tuple of str
    more : dict
        Further keys of a row: ``type``, ``context``, ``dimension``.
    tags : mapping, or anything that a file has in its place
        Whatever is known of it; what suits as a tag is kept.
    answers : tuple of Answer
        Their `question` is filled in later.
    skipped : str
        Why it cannot be a question, in words; empty where it can.
    """

    task: str
    name: str
    messages: tuple[Message, ...]
    golds: tuple[str, ...]
    choices: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    tags: Any = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """Questions of another tool's file.

    Attributes
    ----------
    questions : QuestionSet
    answers : dict of str to tuple of Answer
        By candidate, in the order of the questions.
    notes : tuple of str
        What was left out, and why.
    """

    questions: QuestionSet
    answers: dict[str, tuple[Answer, ...]]
    notes: tuple[str, ...] = ()


def gathered(samples: Sequence[Sample], source: str) -> Imported:
    """Return the questions and answers in samples.

    Raises
    ------
    DataError
        No sample can be a question, or one has two different right answers.
    """
    skipped = Counter(sample.skipped or _lacking(sample) for sample in samples)
    usable = [sample for sample in samples if not (sample.skipped or _lacking(sample))]
    del skipped[""]
    notes = [f"{_samples(n)} left out: {why}" for why, n in skipped.items()]
    if not usable:
        raise DataError(f"{source}: nothing can be read as a question. " + "; ".join(notes or ["it holds no sample"]))
    tasks_of: dict[str, set[str]] = {}
    for sample in usable:
        tasks_of.setdefault(sample.name, set()).add(sample.task)
    shared = any(len(tasks) > 1 for tasks in tasks_of.values())
    named = [replace(sample, name=f"{sample.task}/{sample.name}") if shared else sample for sample in usable]
    first: dict[str, Sample] = {}
    reworded = 0
    for sample in named:
        known = first.setdefault(sample.name, sample)
        if (known.golds, known.choices) != (sample.golds, sample.choices):
            raise DataError(f"{source}: the question {sample.name!r} has the right answers {list(known.golds)} and "
                            f"{list(sample.golds)}; import such files apart")  # fmt: skip
        reworded += known.messages != sample.messages
    if reworded:
        notes.append(f"{_samples(reworded)} in other words than the first of the same question, which is kept")
    rows = _rows(list(first.values()))
    return Imported(checked(rows, source, "sample"), _answers(named, first), tuple(notes))


def _samples(n: int) -> str:
    return f"{n:,} samples" if n > 1 else "1 sample"


def _lacking(sample: Sample) -> str:
    """Return what keeps a sample from being a question, in words."""
    if not sample.messages or sample.messages[-1].role != "user" or not sample.messages[-1].content.strip():
        return "there is no user's message in plain text to end with"
    if not sample.golds and not sample.more.get("rubric"):
        return "there is no right answer"
    if sample.choices and len(sample.golds) > 1:
        return "several choices have to be named together"
    return ""


def _rows(samples: Sequence[Sample]) -> list[tuple[int | str, dict[str, Any] | str]]:
    types = {task: _type([one for one in samples if one.task == task]) for task in {one.task for one in samples}}
    tags = _tags(samples)
    rows: list[tuple[int | str, dict[str, Any] | str]] = []
    for sample, tagged in zip(samples, tags, strict=True):
        alone = len(sample.messages) == 1
        row = {
            "id": sample.name,
            **({"input": sample.messages[0].content} if alone else {}),
            **({} if alone else {"messages": [message._asdict() for message in sample.messages]}),
            "type": "choice" if sample.choices else types[sample.task],
            "gold": list(sample.golds) or None,
            "choices": list(sample.choices) or None,
            "dimension": sample.task,
            "tags": tagged,
            **sample.more,
        }  # fmt: skip
        rows.append((sample.name, row))
    return rows


def _type(samples: Iterable[Sample]) -> str:
    """Return the type that suits every right answer of a task without choices."""
    golds = [gold for sample in samples if not sample.choices for gold in sample.golds]
    if all(is_number(gold) for gold in golds):
        return "numeric"
    if all(_is_object(gold) for gold in golds):
        return "json"
    return "exact" if all(len(gold) <= MAX_EXACT and "\n" not in gold for gold in golds) else "text"


def _is_object(text: str) -> bool:
    try:
        return text.lstrip().startswith("{") and isinstance(loads(text), dict)
    except ValueError:
        return False


def _tags(samples: Sequence[Sample]) -> list[dict[str, str]]:
    plain = [
        {str(name): _word(value) for name, value in sample.tags.items() if _suits(str(name), value)}
        if isinstance(sample.tags, Mapping)
        else {}
        for sample in samples
    ]
    values: dict[tuple[str, str], list[str]] = {}
    for sample, tags in zip(samples, plain, strict=True):
        for name, value in tags.items():
            values.setdefault((sample.task, name), []).append(value)
    groups = {name for (_, name), found in values.items() if len(set(found)) < min(len(found), MAX_TAG_VALUES + 1)}
    return [{name: tags[name] for name in tags if name in groups or name == "language"} for tags in plain]


def _suits(name: str, value: object) -> bool:
    if name.casefold() in NO_TAGS or not name.strip() or "=" in name or not isinstance(value, (str, int)):
        return False
    return 0 < len(_word(value).strip()) <= MAX_TAG


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _answers(samples: Iterable[Sample], known: Iterable[str]) -> dict[str, tuple[Answer, ...]]:
    """Return the answers by candidate; of two for the same repeat the later one."""
    place = {name: at for at, name in enumerate(known)}
    found: dict[str, dict[tuple[int, int], Answer]] = {}
    for sample in samples:
        for answer in sample.answers:
            kept = replace(answer, question=sample.name)
            found.setdefault(answer.candidate, {})[place[sample.name], answer.repeat] = kept
    return {name: tuple(answers[at] for at in sorted(answers)) for name, answers in found.items()}
