"""Where a text declares its answer: "The answer is …", "答案：…", "#### …"; in English and Chinese."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LIMIT = 20_000  # characters that are looked at: the last ones
_CLAIMS = 20  # that are looked at: the last ones
_CLAIM = 1000  # characters
_SUPERSCRIPT = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)([^\n]{1,400}?)(?<=\S)\1")
_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)|\A[^<]*?</think(?:ing)?>", re.S | re.I)

_DECLARATOR = re.compile(
    r"""
      \b(?:answer|choice|option|solution|result|label|category|classification)\b
        (?:\ (?:here|choice|option|letter|label|to\ (?:the|this|your)\ question))?
        (?:\s*(?:\ is\b|\ are\b|'s\b|\ (?:would|should|must|will)\ (?:\w+\ )?be\b)\ ?:?|\s*[:=])\s*
    | (?:答案|答|正确选项|最终结果|结果|结论|标签|类别|分类|选项)\s*(?:应该|应当|应|就|便)?\s*(?:是|为|选|:)+\s*:?\s*
    | 答案】?\s*(?=[(\[【]?[A-Z]\b)
    | \banswer\ (?:-\ )?(?=[(\[]?[A-Z]\b)
    | ^[\s>]*(?:ans|correct)\s*[:.]\s*
    | <answer>\s*
    | ^[\s>]*\#{1,6}\s*(?:final\ |correct\ )?(?:answer|答案|最终答案)\s*:?\s*\n\s*
    | \#{4}\s*(?=[^\s\#A-Za-z])
    | \\boxed\s*\{\s*(?:\\(?:text|mathrm|textbf)\s*\{)?
    | ^\s*A:\s+
    """,
    re.X | re.I | re.M,
)
# Said of an answer just before it, in the same sentence, it takes the declaration back.
_TAKEN_BACK = re.compile(
    r"""
      (?:\b(?:not|never|neither|nothing|worst|least|whether|if|unless|cannot|might|may|could|why|suppose|assuming|tempting|told|thought|without
        |wrong|incorrect|(?:rule|ruling|rules)\ out|eliminat(?:e|es|ed|ing)|exclud(?:e|es|ed|ing))\b|n't\b)
        (?:[ ]+[\w']+){0,3}[ ]*\Z
    | (?:不(?!难|过|妨|仅|但|错|用说)|别(?!的)|勿|并非|没(?!错|问题)|排除|是否|如果|若(?!干)|假如|假设|除非
        |误以为|误认为|误选|有人|为什么|为何|错误|最差|最坏)[^,.!?。!?\n;:、]{0,6}\Z
    """,
    re.X | re.I,
)


class Claim(NamedTuple):
    """What follows a declaration, to the end of its line; `start` is its place, `last` whether its line is the last."""

    text: str
    start: int
    last: bool


def spoken(text: str) -> str:
    """Return a text without what a model thought aloud before it answered, between the tags that such models use.

    Examples
    --------
    >>> spoken("<think>A? No.</think>B")
    'B'
    """
    return _THOUGHT.sub("", text, count=1).strip() if "think" in text else text


def plain(text: str) -> str:
    """Return the last `LIMIT` characters of a text in half width, without emphasis.

    Examples
    --------
    >>> plain("**Ｂ**，１０²")
    'B,10^2'
    """
    text = text[-LIMIT:]
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
        text = re.sub("([0-9]?)([¼½¾⅓⅔⅛⅜⅝⅞])", lambda match: " ".join(filter(None, match.groups())), text)
        text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("⁄", "/")
        text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    return _EMPHASIS.sub(r"\2", text).strip().removesuffix("</answer>").rstrip()


def claims(text: str) -> list[Claim]:
    """Return what a plain text declares as its answer, in order.

    Examples
    --------
    >>> [claim.text for claim in claims("If the answer is A, why ask? The answer is B.")]
    ['B.']
    """
    found = []
    for match in list(_DECLARATOR.finditer(text))[-_CLAIMS:]:
        if taken_back(text, match.start()):
            continue
        end = text.find("\n", match.end())
        claim = text[match.end() : end if end >= 0 else len(text)][:_CLAIM].strip()
        if "\\boxed" in match[0]:
            claim = _inside(claim)
        found.append(Claim(claim, match.start(), end < 0))
    return found


def last_line(text: str) -> str:
    """Return the last line of a plain text."""
    return text[text.rfind("\n") + 1 :].strip()


def taken_back(text: str, place: int) -> bool:
    """Whether what stands at a place is denied, asked or supposed just before it: "if it is B", "不选 B".

    Examples
    --------
    >>> taken_back("It is not B", 10), taken_back("Not A. It is B", 13)
    (True, False)
    """
    return _TAKEN_BACK.search(text[max(place - 40, 0) : place]) is not None


def _inside(claim: str) -> str:
    """Return what is inside a brace that is open already."""
    depth = 1
    for place, character in enumerate(claim):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return claim[:place]
    return claim
