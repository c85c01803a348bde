"""One candidate of a selection as Markdown pages, each narrow enough that candidates stand side by side."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.render import markdown, selection_steps
from mlflow_evalplus.render import selection_pairs as between
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.render.classes import interval, measured
from mlflow_evalplus.render.selection import LONGEST, MAX_ROWS, left, listed, share, shortened
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Estimate, Outcome, number
from mlflow_evalplus.results.latency import words as with_unit
from mlflow_evalplus.results.selection import CandidateResult, FailureRow, Item, Selection, TagScore

MAX_EXAMPLES = 5
ORDER = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}
SHARES = ("coverage", "no_answer_rate", "format_compliance", "refusal_rate", "fluency", "stability", "pass_k")


def summary(found: Selection, name: str) -> str:
    """Return the candidate's verdict, its figures, its gates, its dimensions, and its causes with what to do."""
    candidate = found[name]
    place = words.place(found, name)
    parts = [
        f"## {MARKS[candidate.verdict.outcome]}{f', {place}' if place else ''}",
        _figures(found, candidate),  # before sentences of different lengths: candidates stand side by side
        _escape(standing(found, name)),
        listed("To improve it", selection_steps.advice(candidate)),
        _gates(candidate),
        _dimension_table(found, candidate),
        _cause_table(candidate),
    ]
    parts += [f"> Note: {_escape(note)}" for note in candidate.verdict.notes[:MAX_ROWS]]
    return "\n\n".join(part for part in parts if part)


def description(found: Selection, name: str) -> str:
    """Return the beginning of the same for a run's description."""
    return shortened(summary(found, name), names.SUMMARY)


def standing(found: Selection, name: str) -> str:
    """Return whether the candidate is to take, or why not, as a sentence."""
    if name == found.decision.chosen:
        return f"To take. {words.reason(found)}"
    if found.decision.outcome == "none":
        return f"Not to take: {between.why_not(found, name)}."
    if name == words.subject(found).name:
        return words.reason(found)
    return f"{'Tied' if words.place(found, name) else 'Not to take'}: {between.why_not(found, name)}."


def dimensions(found: Selection, name: str) -> str:
    """Return the candidate's score by dimension with its difference from the candidate at the top."""
    best = words.subject(found)
    parts = ["### Dimensions", _dimension_table(found, found[name])]
    compared = between.against(found, name, best.name) if name != best.name else None
    if compared:
        rows = [(words.cut(key), between.signed(gap, share=True)) for key, gap in compared.dimensions.items()]
        parts.append(markdown.table(["dimension", f"points against {markdown.escape(words.cut(best.name))}"],
                                    rows[:MAX_ROWS]))  # fmt: skip
    weak = words.weakest(found[name])
    parts += [_escape(f"Weakest: {words.cut(weak[0])}, {interval(weak[1])}.")] if weak else []
    return "\n\n".join(parts)


def slices(found: Selection, name: str) -> str:
    """Return the candidate's score by tag: the weak values first, then every tag in an order that lines up."""
    tags = found[name].tags
    weak = sorted((tag for tag in tags if tag.weak), key=lambda tag: tag.gap)
    verb = "is" if len(weak) == 1 else "are"
    said = f"**{len(weak)} of {len(tags)} values {verb} weak**" if weak else f"None of {len(tags)} values is weak"
    parts = ["### Tags", f"{said} (at least 2 points below the rest, q < 0.05 over all candidates and values)."]
    if weak:
        rows = [(f"{words.cut(tag.name)} ({tag.score.n:,})", f"{interval(tag.score)}, {_gap(tag)}") for tag in weak]
        parts.append(markdown.table(["weak tag (n)", "score, gap"], rows[:MAX_ROWS]))
    for key in sorted({tag.tag for tag in tags})[:MAX_ROWS]:
        rows = sorted((f"{words.cut(t.value)} ({t.score.n:,})", _score(t)) for t in tags if t.tag == key)
        parts.append(markdown.table([f"{markdown.escape(words.cut(key))} (n)", "score"], rows[:MAX_ROWS]))
        parts += [left(len(rows), names.TAGS_TABLE).strip()] * (len(rows) > MAX_ROWS)
    return "\n\n".join(parts)


def attribution(found: Selection, name: str, questions: QuestionSet) -> str:
    """Return why the candidate fails: cause, with dimension and language, what to do, and questions as examples."""
    candidate = found[name]
    failed = candidate.causes.items
    if not failed:
        return f"### Why it fails\n\n{_escape(selection_steps.unasked(candidate)) or 'No question is failed.'}"
    lost = sum(cause.lost for cause in failed)
    said = (
        f"{words.counted(len(failed), 'question')} of {found.n:,} failed, {lost:.4g} points lost. Each was asked again "
        f"in changed ways ({words.counted(candidate.causes.n_calls, 'call')}); the first cause that holds is counted."
    )
    rows = sorted((r for r in candidate.causes.rows if r.dimension and r.language), key=lambda row: -row.lost)
    detail = [(" / ".join(map(words.cut, (words.cause_title(r.cause), r.dimension, r.language))), _lost(r))
              for r in rows]  # fmt: skip
    parts = [
        "### Why it fails", said, _cause_table(candidate),
        markdown.table(["cause / dimension / language", "questions, share lost"], detail[:MAX_ROWS])
        + left(len(detail), names.FAILURES_TABLE) if detail else "",
        *_examples(candidate, {question.id: question for question in questions}),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def cost_latency(found: Selection, name: str) -> str:
    """Return what the candidate's answers cost, and how long they took under the concurrency used."""
    return f"### Cost and latency\n\n{markdown.table(['figure', 'value'], cost_rows(found[name]))}"


def cost_rows(candidate: CandidateResult) -> list[tuple[str, str]]:
    """Return each figure with its value, as plain text; the same names for every candidate."""
    spent = candidate.spending
    rows = [("1,000 questions", words.money(spent.per_1000, spent.currency)),
            ("all answers as asked", words.money(spent.money, spent.currency))]  # fmt: skip
    for title, times in (("latency", spent.latency_ms), ("first token", spent.first_token_ms)):
        rows += [(f"{title} {key}", with_unit(estimate, "ms")) for key, estimate in times.items() if estimate.defined]
    if spent.tokens_per_s and spent.tokens_per_s.defined:
        rows.append(("tokens per second", with_unit(spent.tokens_per_s, "")))
    rows += [(f"{kind} tokens per answer", _per(tokens, spent.n_calls - spent.n_errors))
             for kind, tokens in (("prompt", spent.prompt_tokens), ("answer", spent.completion_tokens))]  # fmt: skip
    errors = selection_steps.errors(candidate)
    rows.append(
        ("answers that never came", f"{spent.n_errors:,} of {spent.n_calls:,}{f': {errors}' if errors else ''}")
    )
    return [*rows, ("further attempts", f"{spent.n_retries:,}"), ("calls at once", f"{spent.concurrency:,}")]


def _per(tokens: int, answers: int) -> str:
    return f"{tokens / answers:,.0f}" if tokens and answers > 0 else words.NOTHING


def _figures(found: Selection, candidate: CandidateResult) -> str:
    spent = candidate.spending
    rows = [("score", interval(candidate.score)), ("utility", number(candidate.utility))]
    rows += [(f"… {words.cut(part)} ({words.percent(found.decision.weights.get(part, 0))})", number(scaled))
             for part, scaled in candidate.parts.items()]  # fmt: skip
    rows.append(("1,000 questions", words.money(spent.per_1000, spent.currency)))
    p95 = spent.latency_ms.get("p95")
    rows.append(("latency p95", words.milliseconds(p95.value if p95 else float("nan"))))
    rows += [(words.MEASURE_TITLES.get(key, words.cut(key)), _measure(key, e)) for key, e in candidate.measures.items()]
    return markdown.table([f"{found.n:,} questions", f"value [{words.percent(found.confidence)} interval]"], rows)


def _measure(key: str, estimate: Estimate) -> str:
    return share(estimate) if key in SHARES else interval(estimate)


def _gates(candidate: CandidateResult) -> str:
    ranked = sorted(candidate.verdict.gates, key=lambda gate: ORDER[gate.outcome])
    if not ranked:
        return ""
    rows = [(gate.requirement, f"{MARKS[gate.outcome][0]} {measured(gate)}") for gate in ranked[:MAX_ROWS]]
    return (
        "### Requirements\n\n" + markdown.table(["requirement", "measured"], rows) + left(len(ranked), names.SELECTION)
    )


def _dimension_table(found: Selection, candidate: CandidateResult) -> str:
    given = [(key, candidate.dimensions[key]) for key in found.dimension_weights if key in candidate.dimensions]
    rows = [(f"{words.cut(key)} ({score.n:,}; {words.percent(found.dimension_weights[key])})", interval(score))
            for key, score in given]  # fmt: skip
    return markdown.table(["dimension (n; weight)", "score"], rows[:MAX_ROWS]) + left(len(rows), names.DIMENSIONS_TABLE)


def _cause_table(candidate: CandidateResult) -> str:
    rows = [(f"{words.cause_title(row.cause)}: {words.cut(row.action, 100)}", _lost(row))
            for row in words.ranked_causes(candidate)]  # fmt: skip
    return markdown.table(["cause: what to do", "questions, share lost"], rows) if rows else ""


def _lost(row: FailureRow) -> str:
    return f"{row.n:,}, {words.percent(row.share)}"


def _score(tag: TagScore) -> str:
    return interval(tag.score) + (" ◆" if tag.weak else "")


def _gap(tag: TagScore) -> str:
    return f"{100 * tag.gap:+.1f} points"


def _examples(candidate: CandidateResult, asked: dict[str, Question]) -> Iterator[str]:
    """Yield for each cause, the costliest first, a few of its questions with what was answered."""
    answers = {item.question: item for item in candidate.items}
    for row in words.ranked_causes(candidate):
        given = [cause for cause in candidate.causes.items if cause.cause == row.cause]
        rows = [
            (_asked(asked.get(cause.question), cause.question),
             _answered(answers.get(cause.question)))
            for cause in sorted(given, key=lambda cause: -cause.lost)[:MAX_EXAMPLES]
        ]  # fmt: skip
        table = markdown.table(["question", "answer"], rows, numbers_from=2)
        told = words.CAUSE_WORDS.get(row.cause, ("", ""))[1]
        yield f"**{markdown.escape(words.cause_title(row.cause))}** ({told})\n\n{table}"


def _asked(question: Question | None, name: str) -> str:
    return f"{words.cut(name)}: {question.text}" if question else words.cut(name)


def _answered(item: Item | None) -> str:
    text = words.failing(item)[0].text if item else None
    return "(no answer)" if text is None else text


def _escape(text: str) -> str:
    return markdown.escape(text, limit=LONGEST)
