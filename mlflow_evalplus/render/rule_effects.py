"""What each keyword rule on top of a model does, as Markdown and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown, unseen
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results.difference import points
from mlflow_evalplus.results.rule_effects import VERDICTS, RuleEffect, RuleEffects

MAX_ROWS = 30
MAX_ADVICE = 8
MAX_PATTERN = 40
MARKS = {"drop": "✘", "keep": "✔", "undecided": "?", "idle": "=", "never_fired": "–"}
STANDS_ON = {
    "base": "the scores before the rules",
    "score": "the run's own scores",
    "prediction": "the run's own predictions",
}
_SPACES = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")


def page(effects: RuleEffects) -> str:
    """Return the answer, what to do now, and a table of two columns: the rules to drop, then those to keep."""
    said = [f"{verb} {named(rules, code)}: {markdown.escape(why, 300)}" for verb, rules, why in advice(effects)]
    shown = ranked(effects)
    rows = [f"| {_name(rule)} | {_cell(rule)} |" for rule in shown[:MAX_ROWS]]
    left = len(shown) - MAX_ROWS
    parts = [
        "### Keyword rules on top",
        f"**Accuracy {interval(effects.base_accuracy)} without, {interval(effects.accuracy)} with them**: "
        f"{points(effects.net)} points. {headline(effects)}",
        "#### What now\n\n" + "\n".join(f"- {line}" for line in said[:MAX_ADVICE]) if said else "",
        f"… {len(said) - MAX_ADVICE} more below." if len(said) > MAX_ADVICE else "",
        "#### What each rule does",
        "\n".join(["| rule (fired) | fixed, broke; points |", "|:---|---:|", *rows]),
        f"… {left} more in `{names.RULES_TABLE}`." if left > 0 else "",
        "Each rule beside all the others. ✘ drop and ✔ keep: q < 0.05; ? no evidence either way; = changes nothing "
        f"beside the others; – never fired. Examples are in `{names.RULES_TABLE}`.",
        *(f"> {markdown.escape(note, limit=600)}" for note in effects.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def headline(effects: RuleEffects) -> str:
    """Return in a sentence what all rules did together."""
    moves, n = effects.moves, effects.n
    return (
        f"{_several(len(effects.rules), 'rule')} on {STANDS_ON[effects.base]} fired on {effects.fired:,} of "
        f"{_several(n, 'row')}, fixed {_several(moves.fixed, 'answer')} and broke {moves.broken:,}."
    )


def _several(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def ranked(effects: RuleEffects) -> list[RuleEffect]:
    """Return the rules by verdict: what to drop first, what never fired last."""
    return [rule for verdict in VERDICTS for rule in effects.of(verdict)]


def advice(effects: RuleEffects) -> Iterator[tuple[str, list[RuleEffect], str]]:
    """Yield what to do: a verb, the rules that it is about, and why."""
    for rule in effects.of("drop"):
        yield "Drop", [rule], f"it broke {rule.moves.broken:,} and fixed {rule.moves.fixed:,}."
    for rule in ranked(effects):
        if rule.verdict != "drop" and rule.slices:
            worst = rule.slices[0]
            where = f"where {worst.name} it broke {worst.broken:,} and fixed {worst.fixed:,}"
            yield "Narrow", [rule], f"{where}{'; ' + _others(rule) if rule.slices[1:] else ''}."
    idle, silent, open_ = (list(effects.of(verdict)) for verdict in ("idle", "never_fired", "undecided"))
    backed = [rule for rule in idle if rule.alone.changed]
    if backed:
        yield "Look again at", backed, "no answer changes without it, though it would change some alone."
    if len(backed) < len(idle):
        useless = [rule for rule in idle if not rule.alone.changed]
        yield "Strengthen or drop", useless, "fired, and changed no answer here."
    if silent:
        yield "Check the pattern of", silent, "never fired here."
    if open_:
        yield "Wait with", open_, "no evidence either way yet: few answers, or few customers."


def _others(rule: RuleEffect) -> str:
    return "also " + ", ".join(part.name for part in rule.slices[1:])


def named(rules: list[RuleEffect], show: Callable[[str], str] = str, limit: int = 5) -> str:
    """Return ``rule 7 (pattern)``, or the numbers of several, the first few with their patterns."""
    shown = [f"{rule.number} ({show(rule.pattern)})" for rule in rules[:limit]]
    more = [f"{len(rules) - limit:,} more"] if len(rules) > limit else []
    return f"rule{'s' if len(rules) > 1 else ''} " + ", ".join(shown + more)


def code(pattern: str, limit: int = MAX_PATTERN, *, cell: bool = False) -> str:
    r"""Return a pattern as Markdown shows it: a code span, in which a pipe is escaped inside a table.

    A pattern with a backtick, or an escaped pipe, which readers of Markdown take differently, is escaped text instead.

    Examples
    --------
    >>> print(code("refund|money"), code("refund|money", cell=True), code("a`b"))
    `refund|money` `refund\|money` a\`b
    """
    line = pattern.translate(_SPACES).strip()
    if "`" in line or "\\|" in line or not line:
        return markdown.escape(line, limit)
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return f"`{line.replace('|', chr(92) + '|') if cell else line}`"


def _name(rule: RuleEffect) -> str:
    effect = markdown.escape(rule.effect, limit=MAX_PATTERN)
    return f"{rule.number}. {code(rule.pattern, cell=True)} {effect} ({rule.fired:,})"


def _cell(rule: RuleEffect) -> str:
    mark = MARKS[rule.verdict]
    return f"{mark} {rule.moves.fixed:,}, {rule.moves.broken:,}; {points(rule.net)}" if rule.moves.changed else mark
