"""A selection: how good each candidate is on the questions, why it fails, what it costs, and which one to take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.comparison import Difference
from mlflow_evalplus.results.estimate import Drawable, Estimate
from mlflow_evalplus.results.failures import CAUSES as CAUSES
from mlflow_evalplus.results.failures import FailureCause as FailureCause
from mlflow_evalplus.results.failures import FailureCauses as FailureCauses
from mlflow_evalplus.results.failures import FailureRow as FailureRow
from mlflow_evalplus.results.judging import Judging as Judging
from mlflow_evalplus.results.judging import Ranked as Ranked
from mlflow_evalplus.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Item:
    """One question as one candidate answered it, the repeats together.

    Attributes
    ----------
    question : str
    answers : tuple of Answer
        As it was asked, one per repeat.
    scores : tuple of Score
        Of the same; ``missing`` where no answer came.
    value : float
        Mean over the repeats that have one; nan where none has.
    fluency : float
        Likewise.
    stability : float
        Share of the repeats that agree with the most frequent answer; with one repeat, whether it and its twin are both
        passed or both not; nan where neither is known.
    """

    question: str
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]
    value: float
    fluency: float = math.nan
    stability: float = math.nan

    @property
    def passed(self) -> bool:
        """The first repeat is passed."""
        return self.scores[0].passed


@dataclass(frozen=True, slots=True)
class TagScore:
    """The score on the questions with one value of a tag, against the rest of the questions.

    Attributes
    ----------
    tag, value : str
    score : Estimate
    gap : float
        Its score less that of the other questions.
    p_value, q_value : float
        q over all values of all tags of all candidates (Benjamini–Hochberg).
    weak : bool
        q < 0.05 and at least 2 points below.
    """

    tag: str
    value: str
    score: Estimate
    gap: float
    p_value: float
    q_value: float
    weak: bool

    @property
    def name(self) -> str:
        """As ``language=zh``."""
        return f"{self.tag}={self.value}"


@dataclass(frozen=True, slots=True)
class Spending:
    """What a candidate's answers as asked cost and how long they took.

    Attributes
    ----------
    n_calls, n_errors, n_retries : int
        Answers asked for; those that never came; further attempts.
    errors : dict of str to int
        Kind of error → how many.
    prompt_tokens, completion_tokens : int
        Sums; 0 where the server does not count.
    money, per_1000 : float
        In all, and for 1,000 questions; nan where there is no price.
    currency : str
    latency_ms : dict of str to Estimate
        ``p50``, ``p90``, ``p95``, ``p99`` under the concurrency used; empty where nothing was measured.
    first_token_ms : dict of str to Estimate
        The same of the time to the first token.
    tokens_per_s : Estimate or None
        Completion tokens by second of one answer, the mean over answers.
    concurrency : int
    """

    n_calls: int
    n_errors: int
    n_retries: int
    errors: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    money: float
    per_1000: float
    currency: str
    latency_ms: dict[str, Estimate]
    first_token_ms: dict[str, Estimate]
    tokens_per_s: Estimate | None
    concurrency: int


@dataclass(frozen=True, slots=True)
class CandidateResult(Drawable):
    """One candidate on the question set.

    Attributes
    ----------
    name : str
    about : dict of str to str
        Kind, address, model, parameters; no key.
    items : tuple of Item
        In the order of the questions.
    score : Estimate
        Mean of the dimensions' scores by their weights; over the questions that have a value.
    dimensions : dict of str to Estimate
    tags : tuple of TagScore
    measures : dict of str to Estimate
        ``coverage``, ``no_answer_rate``, ``format_compliance``, ``refusal_rate``, ``fluency``, ``stability``,
        ``pass_k`` (all repeats pass), ``length`` (mean characters); those that are known.
    utility : float
        0 … 1, by the priority.
    parts : dict of str to float
        ``accuracy``, ``fluency``, ``stability``, ``cost``: each scaled to 0 … 1, as they enter the utility.
    spending : Spending
    causes : FailureCauses
    verdict : Verdict
        Its gates.
    """

    name: str
    about: dict[str, str]
    items: tuple[Item, ...]
    score: Estimate
    dimensions: dict[str, Estimate]
    tags: tuple[TagScore, ...]
    measures: dict[str, Estimate]
    utility: float
    parts: dict[str, float]
    spending: Spending
    causes: FailureCauses
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PairDifference:
    """Two candidates on the questions that both have a value for: `a` less `b`.

    `p_holm` is corrected over all pairs; `utility` is the difference of the utilities, `score` that of the scores,
    `dimensions` those of the dimensions. `n_needed` questions would tell the utilities apart, None where none would.
    """

    a: str
    b: str
    score: Difference
    utility: Difference
    p_holm: float
    dimensions: dict[str, Difference]
    n_needed: int | None = None


@dataclass(frozen=True, slots=True)
class SelectionDecision:
    """Which candidate to take.

    Attributes
    ----------
    outcome : str
        ``choose`` (one passes and is told apart from all others that pass, or is the only one), ``tied`` (several that
        cannot be told apart), ``none`` (every candidate fails a gate), ``undecided`` (gates are open).
    chosen : str
        The one to take: the winner, or of a tied set the one cheapest beyond doubt, if it measures at most 5 points of
        utility below the best; empty where there is none.
    tied : tuple of str
        The tied set, the best first; of one where the outcome is ``choose``.
    front : tuple of str
        Those that no other beats in both score and cost.
    n_needed : int or None
        Questions in all at which the tie would be decided at the present difference.
    priority : str
    weights : dict of str to float
        Part of the utility → weight; they sum to 1.
    reason : str
        In one or two sentences.
    """

    outcome: str
    chosen: str
    tied: tuple[str, ...]
    front: tuple[str, ...]
    n_needed: int | None
    priority: str
    weights: dict[str, float]
    reason: str


@dataclass(frozen=True, slots=True)
class Selection(Drawable):
    """All candidates on one question set, and the decision.

    Attributes
    ----------
    source, digest : str
        Of the question set.
    n, n_clusters : int
        Questions, and what is independent among them.
    n_by_dimension : dict of str to int
    dimension_weights : dict of str to float
        They sum to 1.
    repeats : int
    candidates : tuple of CandidateResult
        The highest utility first.
    pairs : tuple of PairDifference
    ranking : tuple of Ranked
        By pairwise judgements; empty where there were none.
    judging : Judging or None
    decision : SelectionDecision
    confidence : float
    notes : tuple of str
    """

    source: str
    digest: str
    n: int
    n_clusters: int
    n_by_dimension: dict[str, int]
    dimension_weights: dict[str, float]
    repeats: int
    candidates: tuple[CandidateResult, ...]
    pairs: tuple[PairDifference, ...]
    ranking: tuple[Ranked, ...]
    judging: Judging | None
    decision: SelectionDecision
    confidence: float
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> CandidateResult:
        return next(candidate for candidate in self.candidates if candidate.name == name)

    def pair(self, a: str, b: str) -> PairDifference | None:
        """Return the difference of two candidates as it was taken, `a` less `b`; None where it is the other way."""
        return next((pair for pair in self.pairs if (pair.a, pair.b) == (a, b)), None)
