"""What to do next about a selection, in sentences: more questions, what fails most, answers that never came."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mlflow_evalplus.render.classes import measured
from mlflow_evalplus.render.selection_words import (
    cause_title,
    counted,
    cut,
    gates_that,
    percent,
    ranked_causes,
    subject,
)
from mlflow_evalplus.results import Outcome
from mlflow_evalplus.results.selection import CandidateResult, Selection

CAUSE_COSTS = {
    "call_error": "answers that never came cost", "truncation": "answers that are cut off cost",
    "format": "the wrong form costs", "unstable": "instability costs", "unexplained": "what is unexplained costs",
}  # fmt: skip
UNTRIED = "None of these questions could be asked again: ask a candidate that is called, or record such answers too."
# Kind of error → how it is told, and what to do about it.
ERROR_WORDS = {
    "timeout": ("timeout", "Raise its timeout_s or lower its concurrency, then run it again."),
    "rate_limit": ("rate limit", "Lower its rate or wait, then run it again."),
    "server": ("server error", "Run it again."),
    "connection": ("no connection", "See that the address is right and the server is up, then run it again."),
    "refused_request": ("refused request", "Read what the server says, and mend the candidate or the question."),
    "authentication": ("refused key", "See that its key is right, then run it again."),
    "budget": ("budget", "Raise the budget, then run it again."),
    "other": ("other", ""),
}  # fmt: skip
MAX_NAMED = 3
MUCH_SILENT = 0.2  # of the answers hold none
MUCH_UNUSABLE = 0.2  # of the verdicts
MUCH = 0.05  # of the answers of another candidate than the best never came: worth a line


def steps(found: Selection) -> list[str]:
    """Return what to do next, as sentences."""
    best = subject(found)
    others = [c for c in found.candidates if c.name != best.name and c.spending.n_errors > MUCH * c.spending.n_calls]
    said = [
        *_more_questions(found), *advice(best), *filter(None, map(never_came, others)),
        *filter(None, map(_unscored, found.candidates)), *_unusable(found),
    ]  # fmt: skip
    if said:
        return said
    return ["Nothing: every question is passed." if best.items else "Ask the questions: nothing was answered yet."]


def _unusable(found: Selection) -> Iterator[str]:
    """Yield that the judges cannot be used, where many of their verdicts are none."""
    judges = found.judging
    if judges and judges.n_unusable > MUCH_UNUSABLE * judges.n_verdicts:
        of = counted(judges.n_verdicts, "verdict")
        yield f"Look at the judges: {judges.n_unusable:,} of {of} are unusable, and so missing."


def advice(candidate: CandidateResult) -> list[str]:
    """Return the cause that costs the candidate most with what to do, weak tags, and answers that never came."""
    said, ranked, missing = list[str](), ranked_causes(candidate), never_came(candidate)
    if missing and ranked and ranked[0].cause == "call_error":
        said, missing = [missing], ""
    elif ranked:
        first = ranked[0]
        what = CAUSE_COSTS.get(first.cause, f"{cause_title(first.cause)} costs")
        todo = UNTRIED if first.cause == "unexplained" and _untried(candidate) else cut(first.action, 300)
        said = [f"{cut(candidate.name)}: {what} most, {percent(first.share)} of its lost points. {todo}"]
    weak = sorted((tag for tag in candidate.tags if tag.weak), key=lambda tag: tag.gap)
    if weak:
        named = ", ".join(f"{cut(tag.name)} ({_points(tag.gap)} points)" for tag in weak[:MAX_NAMED])
        more = f" and {len(weak) - MAX_NAMED} more" if len(weak) > MAX_NAMED else ""
        said.append(f"{cut(candidate.name)}: weaker than elsewhere on {named}{more}.")
    return [*said, *filter(None, (missing, _silent(candidate), unasked(candidate)))]


def _untried(candidate: CandidateResult) -> bool:
    """Whether of the unexplained questions none could be asked again, as with recorded answers."""
    return not any(cause.tried for cause in candidate.causes.items if cause.cause == "unexplained")


def _unscored(candidate: CandidateResult) -> str:
    """Return that answers came which nobody scored, as without a usable verdict; empty where they are few."""
    came = [score for item in candidate.items for answer, score in zip(item.answers, item.scores, strict=True)
            if answer.answered]  # fmt: skip
    n = sum(math.isnan(score.value) for score in came)
    if n <= MUCH * len(came):
        return ""
    of = counted(len(came), "answer")
    return f"{cut(candidate.name)}: {n:,} of {of} could not be scored: no judge gave a usable verdict."


def _silent(candidate: CandidateResult) -> str:
    """Return that much of what it says holds no answer, as when a model says nothing; empty where little does."""
    rate = candidate.measures.get("no_answer_rate")
    if rate is None or not rate.value > MUCH_SILENT:
        return ""
    return f"{cut(candidate.name)}: {percent(rate.value)} of its texts hold no answer at all; read some of them."


def unasked(candidate: CandidateResult) -> str:
    """Return how many questions failed of which nobody asked why; empty where it was asked."""
    n = 0 if candidate.causes.items else sum(not item.passed for item in candidate.items)
    return f"{cut(candidate.name)}: {counted(n, 'question')} failed, and why was not asked." if n else ""


def never_came(candidate: CandidateResult) -> str:
    """Return how many answers never came, of which errors, and what to do; empty where all came."""
    spent = candidate.spending
    if not spent.n_errors:
        return ""
    kinds = sorted(spent.errors, key=lambda kind: -spent.errors[kind])
    most = kinds[0] if kinds else ""
    first = next((a.message for item in candidate.items for a in item.answers if a.error == most and a.message), "")
    told = [errors(candidate)] if kinds not in ([], ["other"]) else []
    what = "; ".join([*told, f"“{cut(first, 200)}”"] if first else told)
    what = f" ({what})" if what else ""
    todo = ERROR_WORDS.get(most, ("", ""))[1]
    said = f"{cut(candidate.name)}: {spent.n_errors:,} of {counted(spent.n_calls, 'answer')} never came{what}."
    return f"{said} {todo}".strip()


def errors(candidate: CandidateResult) -> str:
    """Return the kinds of its errors, the most frequent first: ``no connection 12, timeout 3``."""
    found = sorted(candidate.spending.errors.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{error_title(kind)} {n:,}" for kind, n in found)


def error_title(kind: str) -> str:
    """Return the name of a kind of error for people.

    Examples
    --------
    >>> error_title("refused_request")
    'refused request'
    """
    return ERROR_WORDS[kind][0] if kind in ERROR_WORDS else cut(kind).replace("_", " ")


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _more_questions(found: Selection) -> Iterator[str]:
    needed, best = found.decision.n_needed, subject(found)
    planned = found.decision.outcome == "undecided" and any(plan.where for plan in best.verdict.plan)
    if needed and not planned:
        what = "decide between them" if found.decision.outcome == "tied" else "decide what is open"
        yield f"Add questions: about {needed:,} in all would {what} at the present values; there are {found.n:,}."
    else:
        yield from (plan.text for plan in best.verdict.plan[:MAX_NAMED])
    for gate in gates_that(best, Outcome.FAIL)[:MAX_NAMED]:
        yield f"{cut(best.name)} misses {cut(gate.requirement, 160)}: {measured(gate)} was measured."
