"""Labels: which one of the given labels a text names."""

from __future__ import annotations

import re
from functools import lru_cache

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import claims, last_line, plain, taken_back
from mlflow_evalplus.core.scorers.exact import normal
from mlflow_evalplus.core.scorers.found import Found, judged

_KEYED = re.compile(r"\A[^\W\d_][\w /-]{0,30}\s*[:=]\s*(.+)\Z")
_SAYS = r"""(?:'s\b|[:=]
      |\b(?:is|are|was|as|be|seems|sounds|feels|looks|expresses|shows|conveys|has|wants|concerns|about|say|under
        |belongs\ (?:to|in)|(?:relates|pertains)\ to|(?:deals|to\ do)\ with)\b
      |为|是|属于?|归为|归入|归类为|判定为|判断为|表达了?)\s*
    (?:(?:an?|the|clearly|definitely|overall|mostly|like|about|of\ type|label|category|class|topic)\ |明显|明确
      |一[条个种则类])*
"""

# What may follow a label: "is negative here", not "is a negative word".
_ENDS = r"""(?=\s*(?:\Z|[^\w\s]|[\u4e00-\u9fff]|\n)
    |\s+(?:because|since|as|here|overall|due|given|about|for|in|with|which|but|and|or|rather|to\ me|label|category
      |review|message|comment|feedback
      |class|topic|request|case|tone|mood|sentiment|feeling|emotion|attitude|customer)\b)"""
_REASON = re.compile(r"\(|\s+[-–—]\s+|,\s*(?:because|since|as|for)\b|(?:情[绪感]|类别?|问题)\s*[。.]?\s*\Z")
_SUPPOSED = re.compile(r"(?:rather than|instead of|unlike)\s*\Z|(?:\A|[.!?。\n]\s*)(?:if|were|suppose)\b[^.!?。\n]*\Z")
_IS_ASKED = re.compile(r"[^.!?。\n]*\?")


def find(question: Question, text: str) -> Found:
    """Return the label that a text names.

    In the form asked: the text is a label, or ends with its declaration. In the whole text: the last declaration, the
    first or last line, or the one label that it says something *is*.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "Tone?"),), "label", "tone", ("negative",), ("negative", "positive"))
    >>> [find(question, text).extracted for text in ("Negative.", "Tone: negative", "It is not positive", "Both")]
    ['negative', 'negative', '', '']
    """
    labels = _labels(question.choices or question.gold)
    golds = {normal(plain(gold)) for gold in question.gold}
    shown = plain(text)
    return judged(
        _asked(shown, labels), lambda: _anywhere(shown, labels),
        lambda label: float(label in golds), str, lambda label: f"answers {label}"[:80],
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _labels(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(normal(plain(text)) for text in texts)


def _asked(shown: str, labels: frozenset[str]) -> str | None:
    whole = _alone(shown, labels) if len(shown) < 400 else None
    if whole is not None:
        return whole
    declared = claims(shown)
    if declared and declared[-1].last and (label := _alone(declared[-1].text, labels)):
        return label
    return _alone(last_line(shown), labels)


def _alone(claim: str, labels: frozenset[str]) -> str | None:
    """Return the label where a claim is nothing but it, or a name, a colon and it."""
    claim = re.sub(r"\A\s*[-•]\s+", "", claim)
    keyed = _KEYED.match(claim)
    for form in (normal(claim), normal(keyed[1]) if keyed else None):
        if form is not None and form in labels:
            return form
    return None


def _anywhere(shown: str, labels: frozenset[str]) -> str | None:
    declared = [label for claim in claims(shown) if (label := _head(claim.text, labels))]
    if declared:
        return declared[-1]
    line = shown.partition("\n")[0]
    first = _alone(line, labels) or _alone(_REASON.split(line, maxsplit=1)[0], labels)
    lines = normal_lines(shown)
    said = {
        normal(match["label"])
        for match in _pattern(labels).finditer(lines)
        if not match["other"] and not _supposed(lines, match)
    }
    if first is not None and said <= {first}:
        return first
    return said.pop() if len(said) == 1 and first is None else None


def _head(claim: str, labels: frozenset[str]) -> str | None:
    """Return the label with which a declaration begins, if no other follows it."""
    match = _pattern(labels).match(f": {normal_lines(claim)}")
    asked = match is not None and _IS_ASKED.match(match.string[match.end() :])
    return normal(match["label"]) if match and not match["other"] and not asked else None


def _supposed(lines: str, match: re.Match[str]) -> bool:
    """Whether a label is denied, asked or supposed in its sentence."""
    before, after = lines[max(match.start() - 200, 0) : match.start()], lines[match.end() : match.end() + 200]
    return taken_back(lines, match.start()) or bool(_SUPPOSED.search(before) or _IS_ASKED.match(after))


def normal_lines(text: str) -> str:
    """Return a text with words joined by ``_`` or ``-`` parted, in lower case, its marks kept."""
    return re.sub(r"(?<=[^\W\d_])[_-](?=[^\W\d_])", " ", text).casefold()


@lru_cache(maxsize=1024)
def _pattern(labels: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(_bounded(label) for label in sorted(labels, key=len, reverse=True)) or r"(?!)"
    quotes = r"[\"'`*(\[「“]*"
    other = (
        rf"[\"'`*)\]」”]*\s*(?:,|、|/|or\b|and\b|或|和|还是)\s*{quotes}(?:{names})|[^.!?。!?\n]{{0,60}}"
        rf"(?:\b(?:but|yet|however),?\s+(?:(?!not\b)\w+\s+){{0,2}}|但是?(?!不)[^,。\n]{{0,6}}){quotes}(?:{names})"
    )
    return re.compile(rf"{_SAYS}{quotes}(?P<label>{names}){_ENDS}(?P<other>{other})?", re.X)


def _bounded(label: str) -> str:
    """Return the pattern of a label; letters of Latin script are no part of a longer word."""
    name = re.escape(label)
    left = r"(?<![\w])" if label[:1].isascii() and label[:1].isalnum() else ""
    return left + name + (r"(?![\w])" if label[-1:].isascii() and label[-1:].isalnum() else "")
