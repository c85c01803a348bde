"""Free texts: how much of a right answer's wording a text has: chrF, BLEU and ROUGE-L."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

from mlflow_evalplus.core.extra import needed
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import LIMIT
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.core.words import folded

_WHAT = "questions of the type text"


class Overlap(NamedTuple):
    """Of a text with one right answer, each 0 … 1."""

    chrf: float
    bleu: float
    rouge_l: float


def overlap(text: str, gold: str) -> Overlap:
    """Return the overlap of a text with a right answer, whatever its case and width.

    Parameters
    ----------
    text, gold : str
        Of a text, the first 20,000 characters count.

    Notes
    -----
    chrF: Popović (2015), doi:10.18653/v1/W15-3049, F of n-grams of 1 to 6 characters with recall twice as heavy, so no
    words have to be found. BLEU: Papineni et al. (2002), of one sentence, up to the orders there are, smoothed
    (sacrebleu's ``exp``); ROUGE-L: Lin (2004), F of the longest common subsequence. For both, Chinese is parted into
    characters by sacrebleu's ``zh`` tokenizer, and other text as its ``13a`` does.

    Examples
    --------
    >>> overlap("Refunds take 14 days.", "refunds take 14 days.")
    Overlap(chrf=1.0, bleu=1.0, rouge_l=1.0)
    >>> round(overlap("退款需要十四天", "退款要十四天").rouge_l, 3)
    0.923
    """
    given, wanted = folded(text[:LIMIT]), folded(gold)
    bleu = _bleu().sentence_score(given, [wanted]).score / 100
    rouge = _rouge().score(wanted, given)["rougeL"].fmeasure
    return Overlap(_chrf(given, wanted), min(float(bleu), 1.0), float(rouge))


def best_overlap(question: Question, text: str) -> Overlap:
    """Return the overlap of a text with the right answer it is most like, by chrF.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How long?"),), "text", "service", ("Two weeks.", "14 days."))
    >>> best_overlap(question, "14 days").chrf > 0.7
    True
    """
    given = folded(text[:LIMIT])
    return overlap(text, max(question.gold, key=lambda gold: _chrf(given, folded(gold))))


def find(question: Question, text: str) -> Found:
    """Return the chrF with the right answer it is most like; no form is asked, so it is the relaxed value too.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How long?"),), "text", "service", ("It takes 14 days.",))
    >>> find(question, "It takes 14 days.").why
    'chrF 1.00'
    """
    if not question.gold:
        return Found(math.nan, math.nan, why="there is no right answer to hold it against, and no verdict")
    given = folded(text[:LIMIT])
    if not given:
        return Found(0.0, 0.0, answered=False, why="the text is empty")
    value = max(_chrf(given, folded(gold)) for gold in question.gold)
    return Found(value, value, why=f"chrF {value:.2f}")


def _chrf(given: str, wanted: str) -> float:
    return min(float(_scorer().sentence_score(given, [wanted]).score) / 100, 1.0)


@cache
def _scorer() -> Any:
    return needed("sacrebleu.metrics", _WHAT).CHRF()


@cache
def _bleu() -> Any:
    return needed("sacrebleu.metrics", _WHAT).BLEU(tokenize="zh", effective_order=True)


class _Parted:
    """The words of a text for ROUGE, as sacrebleu parts Chinese."""

    def __init__(self) -> None:
        self._parted = needed("sacrebleu.tokenizers.tokenizer_zh", _WHAT).TokenizerZh()

    def tokenize(self, text: str) -> list[str]:
        return str(self._parted(text)).split()


@cache
def _rouge() -> Any:
    return needed("rouge_score.rouge_scorer", _WHAT).RougeScorer(["rougeL"], tokenizer=_Parted())
