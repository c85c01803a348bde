"""What one endpoint does under a stated rate of arrivals."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_evalplus.results.estimate import Estimate

ARRIVALS = ("poisson", "constant")
LEFT_OUT = 0.01  # share of requests without an answer up to which percentiles speak of all
KEEPS_UP = 0.95
LATE_MS = 20.0


@dataclass(frozen=True, slots=True)
class LoadTest:
    """An open-loop load test: each request was sent when it was due, whether or not others had been answered.

    Attributes
    ----------
    candidate : str
    about : dict of str to str
    arrivals : str
        One of `ARRIVALS`.
    rate : float
        Requests per second that were asked for.
    n_due, n_sent, n_dropped, n_answered : int
        Requests due; sent; not sent, since `max_in_flight` others were under way; answered.
    errors : dict of str to int
        Kind of error → how many; ``timeout`` too where the end came first, ``budget`` where it was not sent for that.
    offered_per_s, achieved_per_s : float
        Requests due per second; answers per second, over the middle 90 % of the answers.
    pace : float
        How fast the answered requests were answered over how fast they were due: 1 where the endpoint keeps up, below 1
        where the queue grew.
    send_s, total_s : float
        Seconds over which requests were due, and until the last answer.
    latency_ms, first_token_ms : dict of str to Estimate
        ``p50``, ``p90``, ``p95``, ``p99`` of the answered requests, from the moment each was due: what it waited on our
        side and between retries counts. Empty where nothing was measured.
    call_ms : dict of str to Estimate
        The same of the call that answered, without any waiting.
    tokens_per_s : float
        Completion tokens of all answers by second; nan where the server does not count.
    n_retries : int
        Further attempts of answered requests.
    max_in_flight, most_in_flight : int
        As given, and as it came.
    late_ms : float
        The 99th percentile of how much later than due a request was sent.
    money : float
        Of all answers; nan where no price is known.
    currency : str
    seed : int
    """

    candidate: str
    about: dict[str, str]
    arrivals: str
    rate: float
    n_due: int
    n_sent: int
    n_dropped: int
    n_answered: int
    errors: dict[str, int]
    offered_per_s: float
    achieved_per_s: float
    pace: float
    send_s: float
    total_s: float
    latency_ms: dict[str, Estimate]
    first_token_ms: dict[str, Estimate]
    call_ms: dict[str, Estimate]
    tokens_per_s: float
    n_retries: int
    max_in_flight: int
    most_in_flight: int
    late_ms: float
    money: float
    currency: str
    seed: int

    @property
    def keeps_up(self) -> bool:
        """Whether nearly all that was due was answered, and as fast as it was due."""
        return self.n_answered >= (1 - LEFT_OUT) * self.n_due and self.pace >= KEEPS_UP
