"""Which language a text is in, as far as its script says."""

from __future__ import annotations

import re

from mlflow_evalplus.core.questions.question import Question

_NO_WORDS = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S{1,64}@\S+|<[^<>\n]{1,80}>|\\\w+", re.S)
_SCRIPTS = {
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]"), "ja": re.compile("[\u3041-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7a3]"), "ru": re.compile("[\u0400-\u04ff]+"), "ar": re.compile("[\u0600-\u06ff]+"),
    "hi": re.compile("[\u0900-\u097f]+"), "th": re.compile("[\u0e00-\u0e7f]+"), "el": re.compile("[\u0370-\u03ff]+"),
    "he": re.compile("[\u0590-\u05ff]+"), "en": re.compile("[A-Za-z\u00c0-\u024f]{2,}"),
}  # fmt: skip
_LETTERED = {"uk": "ru", "bg": "ru", "sr": "ru", "fa": "ar", "ur": "ar", "mr": "hi", "ne": "hi"}
_LEAST = {"en": 3}  # words; of the others two: fewer may be a name


def script_of(text: str) -> str:
    """Return the language whose script most of a text is in, ``en`` for Latin letters; empty for a word or two.

    Code, addresses, numbers and single letters are in no language.

    Examples
    --------
    >>> [script_of(text) for text in ("请在 APP 中点击 Settings", "It takes two days", "B", "14", "東京はどこですか")]
    ['zh', 'en', '', '', 'ja']
    """
    words = _NO_WORDS.sub(" ", text)
    if words.isascii():
        return "en" if len(_SCRIPTS["en"].findall(words)) >= _LEAST["en"] else ""
    counts = {language: len(pattern.findall(words)) for language, pattern in _SCRIPTS.items()}
    if counts["ja"] * 5 > counts["zh"]:  # kana are in Japanese texts only
        counts["ja"] += counts.pop("zh")
    most = max(counts, key=lambda language: counts[language])
    return most if counts[most] >= _LEAST.get(most, 2) else ""


def in_language(question: Question, text: str) -> bool | None:
    """Return whether a text is in the language in which an answer is expected; None where that cannot be told.

    That is the language of the right answers where they are texts, else the question's tag ``language``, else what it
    is written in. Only scripts are told apart: French passes for English. The choices' own words do not count.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "多久能退款？"),), "rubric", "service")
    >>> in_language(question, "十四天之内"), in_language(question, "Within fourteen days"), in_language(question, "14")
    (True, False, None)
    """
    if text.lstrip()[:1] in ("{", "["):
        return None
    for choice in sorted(question.choices, key=len, reverse=True):
        text = text.replace(choice, " ") if choice else text
    given = script_of(text)
    wanted = script_of(" ".join(question.gold)) if question.type in ("text", "exact") else ""
    wanted = wanted or question.language.lower().replace("_", "-").partition("-")[0] or script_of(question.text)
    if not given or not wanted:
        return None
    wanted = _LETTERED.get(wanted, wanted)
    return given == (wanted if wanted in _SCRIPTS else "en")
