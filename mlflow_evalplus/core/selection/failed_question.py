"""One question that one candidate failed: what it is asked again, and the first cause that holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.scorers.language import in_language, script_of
from mlflow_evalplus.core.selection.interventions import AGAIN, CONTEXT, LUCK, STEPS, asked, final_answer, guess, luck
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import Item

ROUNDS = 4  # how often it is asked `again` times more while it may still be luck
WORDED = ("exact", "text", "rubric")  # what is said in a language
HELPED = {CONTEXT: "passes with its context given", STEPS: "passes when asked step by step"}
Scoring = Callable[[str, Question, Answer], Score]
Replies = Sequence["Answer | None"]
Walk = Generator[list[Request], Replies, tuple[str, str]]
Evidence = Generator[list[Request], Replies, str]


@dataclass(frozen=True)
class How:
    """How failed questions are asked again and scored; `again` as in `diagnose`."""

    score: Scoring
    again: int
    system: str


@dataclass(eq=False)
class FailedQuestion:
    """What is known of it, and what it was asked again on the way.

    Attributes
    ----------
    name : str
        The candidate.
    question : Question
    item : Item
    twin : tuple of Question and Item, or None
        None where there is no twin, or it was not asked.
    how : How
    tried : list of Answer
    untried : list of str
    """

    name: str
    question: Question
    item: Item
    twin: tuple[Question, Item] | None
    how: How
    tried: list[Answer] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    def cause(self) -> Walk:
        """Yield what to ask and take the answers; return the cause and what was seen of it."""
        answer, score = self.item.answers[0], self.item.scores[0]
        if not answer.answered:
            return "call_error", ": ".join(filter(None, (answer.error or "no answer", answer.message)))
        if answer.finish == "length":
            tokens = f" after {answer.completion_tokens} tokens" if answer.completion_tokens else ""
            return "truncation", f"the answer was cut{tokens}"
        if is_right(self.question, score):
            return "format", "right once re-extracted" + (f": {score.extracted}" if score.extracted else "")
        if times := (yield from self._beyond_luck(self.question, seen_right(self.question, self.item, first=1))):
            return "unstable", f"right in other repeats, {times}"
        if times := (yield from self._twin_passes()):
            return "language", f"its twin {self.question.twin} passes, {times}"
        if evidence := _another_language(self.question, answer.text or "", score):
            return "language", evidence
        if self.question.context:
            if evidence := (yield from self._helps(CONTEXT)):
                return "knowledge", evidence
        else:
            self.untried.append(f"{CONTEXT}: the question has none")
        if evidence := (yield from self._helps(STEPS)):
            return "reasoning", evidence
        return "unexplained", "nothing that was tried helps" if self.tried else "nothing could be tried"

    def _twin_passes(self) -> Evidence:
        if self.twin is None:
            self.untried.append("twin: it was not asked" if self.question.twin else "twin: there is none")
            return ""
        question, item = self.twin
        if not item.passed:
            return ""
        return (yield from self._beyond_luck(question, seen_right(question, item)))

    def _beyond_luck(self, question: Question, seen: list[bool]) -> Evidence:
        """Ask the same again while what is right may be luck; return how often it is, ``2 of 3 times``, or nothing."""
        chance, repeat = guess(question), 1
        for _ in range(ROUNDS if self.how.again else 0):
            if seen and _decided(sum(seen), len(seen), chance):
                break
            repeats = range(repeat, repeat + self.how.again)
            more = self._rights(question, (yield [asked(question, AGAIN, n, self.how.system) for n in repeats]), AGAIN)
            if not more:
                break
            seen, repeat = seen + more, repeats.stop
        right, n = sum(seen), len(seen)
        by_luck = luck(right, n, chance)
        if not right or (right < n and by_luck > LUCK):
            return ""
        return f"{right} of {n} times{_guessed(by_luck)}"

    def _helps(self, variant: str) -> Evidence:
        """Ask in a changed way until it is wrong, or right beyond luck; return what was seen, or nothing."""
        chance, passes = guess(self.question), 0
        while not passes or chance**passes > LUCK:
            replies = yield [asked(self.question, variant, passes, self.how.system)]
            rights = self._rights(self.question, replies, variant)
            if not all(rights):
                return ""
            if not rights:
                break
            passes += 1
        if passes < (2 if chance else 1):
            return ""
        return HELPED[variant] + (f", {passes} of {passes} times{_guessed(chance**passes)}" if chance else "")

    def _rights(self, question: Question, replies: Replies, variant: str) -> list[bool]:
        """Note what came of asking again; return whether each answer is right, of those of which it can be said."""
        rights = []
        for reply in replies:
            why = "no answer is recorded" if reply is None else "" if reply.answered else reply.error or "no answer"
            if reply is not None and reply.answered:
                self.tried.append(reply)
                score = self.how.score(self.name, question, _read(reply))
                if not math.isnan(score.value):
                    rights.append(is_right(question, score))
                    continue
                why = "no judge gave a usable verdict"
            if (told := f"{variant}: {why}") not in self.untried:
                self.untried.append(told)
        return rights


def is_right(question: Question, score: Score) -> bool:
    """Whether an answer passes, or would once re-extracted."""
    return score.passed or score.relaxed >= (question.pass_mark if question.type in ("text", "rubric") else 1)


def seen_right(question: Question, item: Item, first: int = 0) -> list[bool]:
    """Return whether each repeat that has an answer is right, from the `first` on."""
    repeats = list(zip(item.answers, item.scores, strict=True))[first:]
    return [is_right(question, score) for answer, score in repeats if answer.answered]


def _decided(right: int, n: int, chance: float) -> bool:
    """Whether it is right beyond luck, or not even as often as by guessing."""
    return not right or right < chance * n or luck(right, n, chance) <= LUCK


def _read(reply: Answer) -> Answer:
    """Return the answer as it is scored: of one step by step what it ends in."""
    return replace(reply, text=final_answer(reply.text)) if reply.variant == STEPS and reply.text else reply


def _guessed(by_luck: float) -> str:
    return f" (by guessing {100 * by_luck:.0f} %)" if by_luck else ""


def _another_language(question: Question, text: str, score: Score) -> str:
    """Return what is to be said of an answer in another language than the question's; else nothing.

    A letter, label, number, code or JSON in the form asked is wrong whatever the language of the words around it.
    """
    formal = bool(score.format_ok) and question.type not in WORDED
    if formal or in_language(question, text) is not False:
        return ""
    wanted = f", not in {question.language}" if question.language else ""
    return f"it answers in another language: {script_of(text)}{wanted}"
