"""A load test as a Markdown page and as what a command prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.render.selection_steps import error_title
from mlflow_evalplus.results.estimate import Estimate, number
from mlflow_evalplus.results.latency import significant, words
from mlflow_evalplus.results.load_test import KEEPS_UP, LATE_MS, LEFT_OUT, LoadTest

PARTS = {
    "latency": "latency, from when each request was due", "first_token": "time to the first token, likewise",
    "call": "the call that answered, alone",
}  # fmt: skip
OF_PACE = ("timeout", "rate_limit")  # errors that say by themselves that requests came too fast
MAYBE_OF_PACE = ("server", "connection")


def page(found: LoadTest) -> str:
    """Return the page: whether the endpoint keeps up, the rates, the latency, and what to know of them."""
    parts = [
        "### Load test",
        markdown.escape(headline(found), limit=1000),
        markdown.table(["figure", "value"], rates(found)),
    ]
    rows = percentiles(found)
    if rows:
        parts.append(markdown.table(["milliseconds [95% interval]", "p50", "p90", "p95", "p99"], rows))
    about = [(key, value) for key, value in found.about.items() if value]
    if about:
        parts.append(markdown.table(["endpoint", ""], about, numbers_from=2))
    parts += [f"> {markdown.escape(note, limit=1000)}" for note in notes(found)]
    return "\n\n".join(parts)


def terminal(found: LoadTest) -> Iterator[RenderableType]:
    """Yield the same for a terminal."""
    yield Text(visible(headline(found), limit=1000))
    for headers, rows in (
        (["figure", "value"], rates(found)),
        (["milliseconds [95% interval]", "p50", "p90", "p95", "p99"], percentiles(found)),
    ):
        if rows:
            table = Table(*headers, box=box.SIMPLE_HEAD)
            for row in rows:
                table.add_row(*map(Text, row))
            yield table
    for note in notes(found):
        yield Text(note)


def headline(found: LoadTest) -> str:
    """Return in one sentence whether the endpoint keeps up with the arrivals, and how fast; errors are told apart."""
    offered = f"{_rate(found.offered_per_s)} requests per second"
    if not found.n_answered:
        return f"{found.candidate} answered none of {found.n_sent:,} requests at {offered}."
    within = f"within {number(found.latency_ms['p95'].value)} ms"
    if found.keeps_up:
        return f"{found.candidate} keeps up with {offered}: 95 % are answered {within}."
    if _too_slow(found):
        answered = f"{_percent(found.n_answered / found.n_due)} of them are answered"
        pace = "" if math.isnan(found.achieved_per_s) else f", {_rate(found.achieved_per_s)} per second"
        return f"{found.candidate} does not keep up with {offered}: {answered}{pace}."
    if math.isnan(found.pace):
        answers = "answer is" if found.n_answered == 1 else "answers are"
        return (
            f"{found.candidate} answered, but {found.n_answered:,} {answers} too few to tell whether it keeps up with "
            f"{offered}{_errors(found)}."
        )
    without = _percent(1 - found.n_answered / found.n_due)
    return (
        f"{found.candidate} answers as fast as {offered} come, 95 % {within}, but to {without} of them there is no "
        f"answer{_errors(found)}."
    )


def _too_slow(found: LoadTest) -> bool:
    """Whether the queue grew, or requests were dropped, refused for their rate, or not answered in time."""
    late = found.n_dropped + sum(found.errors.get(kind, 0) for kind in OF_PACE)
    return found.pace < KEEPS_UP or late > LEFT_OUT * found.n_due


def _errors(found: LoadTest) -> str:
    told = ", ".join(f"{error_title(kind)} {n:,}" for kind, n in sorted(found.errors.items()))
    return f": {told}" if told else ""


def rates(found: LoadTest) -> list[tuple[str, str]]:
    """Return each figure that is no percentile, with its value in words."""
    rows = [
        ("arrivals", f"{found.arrivals}, {_rate(found.rate)} per s for {_rate(found.send_s)} s"),
        ("due / sent / answered", f"{found.n_due:,} / {found.n_sent:,} / {found.n_answered:,}"),
        ("offered", f"{_rate(found.offered_per_s)} per s"),
        ("achieved", f"{_rate(found.achieved_per_s)} per s"),
        ("answers' pace over that of arrivals", number(found.pace)),
        ("completion tokens", f"{_rate(found.tokens_per_s)} per s"),
        ("in flight, at most", f"{found.most_in_flight:,} (limit {found.max_in_flight:,})"),
        ("dropped at the limit", f"{found.n_dropped:,}"),
        ("retries", f"{found.n_retries:,}"),
    ]
    if not math.isnan(found.money):
        rows.append(("cost of the answers", f"{significant(found.money)} {found.currency}".rstrip()))
    return rows + [(f"errors: {kind}", f"{n:,}") for kind, n in sorted(found.errors.items())]


def percentiles(found: LoadTest) -> list[list[str]]:
    """Return one row per kind of latency that was measured."""
    measured: dict[str, Mapping[str, Estimate]] = {
        "latency": found.latency_ms, "first_token": found.first_token_ms, "call": found.call_ms
    }  # fmt: skip
    return [
        [PARTS[name], *(words(estimate, "") for estimate in each.values())] for name, each in measured.items() if each
    ]


def notes(found: LoadTest) -> list[str]:
    """Return what has to be known before the figures are relied on."""
    said = []
    missing = found.n_due - found.n_answered
    if missing > LEFT_OUT * found.n_due:
        said.append(f"{missing:,} of {found.n_due:,} requests have no answer; the percentiles leave them out.")
    if found.pace < KEEPS_UP and found.n_dropped <= LEFT_OUT * found.n_due:
        said.append("The queue grew for as long as requests came, so latency depends on how long the test was.")
    if any(found.errors.get(kind) for kind in MAYBE_OF_PACE) and not _too_slow(found):
        said.append("A server error may come of the load or of the request: ask at a lower rate to tell which.")
    if found.n_dropped:
        said.append(f"{found.n_dropped:,} requests were not sent, since {found.max_in_flight:,} were under way.")
    if found.late_ms > LATE_MS:
        said.append(
            f"1 of 100 requests was sent over {number(found.late_ms)} ms late: this machine is too slow for the rate; "
            "that delay is in the latency."
        )
    return said


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rate(value: float) -> str:
    return f"{value:.3g}" if value < 10 else number(value)
