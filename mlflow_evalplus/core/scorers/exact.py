"""Exact answers: the same text, whatever its case, width, punctuation and a leading article."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import claims, last_line, plain
from mlflow_evalplus.core.scorers.found import Found, judged
from mlflow_evalplus.core.words import WIDE, folded

# Sentence punctuation: not that inside a number, a word or a name such as C++, C#, 3.5, -2, don't.
_EDGES = " \t\n.,;:!?\"'`*_~()[]{}<>。,、;:!?…·「」『』【】《》〈〉“”‘’—–"
_BETWEEN = re.compile(
    r"(?<!\d)[.,:;!?]+(?=\s)|[.,:;!?]+(?=\s)|[\"`*()\[\]{}。、…「」『』【】《》“”]|(?<=[^\W\d])[-_](?=[^\W\d])"
)
_ARTICLE = re.compile(r"\A(?:the|an?) (?=\S)")
_BY_WIDE = re.compile(rf"(?<=[{WIDE}]) (?=\S)|(?<=\S) (?=[{WIDE}])")
_UNKNOWN = re.compile(
    r"\A(?:sorry,? ?)?(?:i (?:don't|do not|cannot|can't) (?:really )?(?:know|say|tell|determine)|i'm not sure|"
    r"i am not sure|unknown\b|not sure|n/?a\Z|(?:我)?(?:不知道|不清楚|不确定|无法确定|无法判断))"
)
_EMPHASISED = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_IT_IS = re.compile(
    r"(?:\A|[.!?。!?\n]\s*)(?:it's|it is|that's|that is|this is|这是|那是|应该是|是)\s*:?\s*(?=([^\n]+))", re.I
)
_A_QUESTION = re.compile(r"[^.!。!\n]{0,80}[?吗]")
_SHORT = 120  # characters of a sentence that may hold an answer
_SENTENCES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"[^\W\d_][\w' ]{0,40}(?<![\d_])\s*:\s*(?P<said>.+)\Z",
        r"(?P<said>[^()]+?)\s*\([^()]*\)\Z",
        r"(?:[^,;:]*\s)?(?:is|are|was|were|be|need|needs|at least|(?:goes|go|belongs|paid|refunded|sent|back) to)\s+"
        r"(?P<said>[^,;:]+?)(?:\s+(?:because|since|as)\s[^,;]+|\s*\([^()]*\))?\Z",
        r"(?:to|from)\s+(?P<said>[^,;:]+?)(?:\s+on)?\Z",
        r"(?P<said>[^,;:]{1,60}?)\s+(?:is|was)\s+(?:the|an?|her|his|their|its)\s[^,;:]+\Z",
        r".*[=→]\s*(?P<said>\S+)\Z",
        r"(?:[^,;:、]*?[为是给到要])?(?:至少)?(?P<said>[^,;:、为是]+?)上?\Z",
        r"(?P<said>[^,;:、]{1,30}?)[为是][^,;:、]+\Z",
    )
)
_HEDGED = re.compile(
    r"\?|\b(?:not|never|neither|nor|or|no|isn't|wasn't|cannot|can't|rather|but|except|if|unless|maybe|perhaps|wrong|next|"
    r"above|below|than|and|while|some|many|says?|said|think|thought|believe|doubt|used to|do you)\b"
    r"|[.!][ ]+\S|[。!][ ]*\S|和|与|及|不|没|非|或|还是|吗|错|除|如果|可能|比",
    re.I,
)


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """Return a text without what tells no two answers apart: case, width, punctuation, a leading article.

    Examples
    --------
    >>> normal("The  Eiffel-Tower!"), normal("“北京 。”"), normal("C++"), normal("-3.5")
    ('eiffel tower', '北京', 'c++', '-3.5')
    """
    whole = folded(text).replace("’", "'")
    bare = folded(_BETWEEN.sub(" ", whole).strip(_EDGES))
    return _ARTICLE.sub("", _BY_WIDE.sub("", bare)) or whole


def find(question: Question, text: str) -> Found:
    r"""Return the answer: the text or what it declares at its end; else what it declares elsewhere.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "The capital of France?"),), "exact", "facts", gold=("Paris",))
    >>> find(question, "paris.").value, find(question, "It is Paris.\nIt has been so for long.").relaxed
    (1.0, 1.0)
    """
    golds = {form for gold in question.gold for form in (normal(gold), normal(plain(gold)))}
    shown = plain(text)
    if _UNKNOWN.match(shown.casefold()) and len(shown) < 200 and normal(shown) not in golds:
        return Found(0.0, 0.0, format_ok=False, answered=False, why="says that it does not know")

    def right(answer: str) -> float:
        return float(answer in golds)

    asked = _asked(shown, golds)
    if asked not in golds and (said := golds.intersection({*_in_a_sentence(shown), *_first_line(shown)})):
        return Found(0.0, 1.0, min(said), format_ok=False, why=f"not in the form asked; reads {min(said)!r}"[:80])
    return judged(asked, lambda: _anywhere(text, shown), right, str, lambda answer: f"reads {answer!r}"[:80])


def _asked(shown: str, golds: set[str]) -> str | None:
    """Return the whole text where it is right or short, or what its end declares."""
    whole = normal(shown) if len(shown) <= 2000 else ""
    if not shown or whole in golds:
        return whole or None
    ends = [normal(claim.text) for claim in claims(shown)[-1:] if claim.last]
    if ends and ends[0]:
        return ends[0]
    if "\n" in shown:
        last = normal(last_line(shown))
        return last if last in golds else None
    return None if len(shown) > 80 or _IT_IS.match(shown) else whole


def _anywhere(text: str, shown: str) -> str | None:
    """Return the last declaration, else the one thing that is emphasised, the first line, or "It is …"."""
    declared = [answer for claim in claims(shown) if (answer := normal(_sentence(claim.text)))]
    if declared:
        return declared[-1]
    said = [normal(_sentence(match[1])) for match in _IT_IS.finditer(shown) if not _A_QUESTION.match(match[1])]
    strong = {normal(match[1]) for match in _EMPHASISED.finditer(text)}
    if len(strong) == 1:
        return strong.pop()
    if said:
        return said[-1]
    first = shown.partition("\n")[0]
    return normal(first) if shown and "\n" in shown and len(first) <= 80 else None


def _in_a_sentence(shown: str) -> Iterator[str]:
    """Yield what a single short sentence may say: "The tier is X", "X is the tier", "Tier: X", "X (why)"."""
    if "\n" in shown or len(shown) > _SHORT or _HEDGED.search(shown):
        return
    for pattern in _SENTENCES:
        if match := pattern.match(shown.rstrip(" .。!")):
            yield normal(match["said"])


def _first_line(shown: str) -> Iterator[str]:
    """Yield the first line where an explanation comes after it that takes nothing back."""
    first, _, more = shown.partition("\n")
    if (
        more
        and len(first) <= _SHORT
        and not claims(shown)
        and not _HEDGED.search(f"{first}\n{_sentence(more.strip())}")
    ):
        yield normal(first)


def _sentence(text: str) -> str:
    return re.split(r"(?<=[^\d\s])[.!?;](?:\s|\Z)|[。!?;\n]", text, maxsplit=1)[0]
