"""A load test in words: the answer first, and what has to be known before it is relied on."""

from __future__ import annotations

import math
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mlflow_evalplus.render import load_test as render
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.load_test import LoadTest
from tests.render.test_markdown import tables

TIMES = {name: Estimate(value, value - 9, value + 9, 150) for name, value in
         (("p50", 210.0), ("p90", 300.0), ("p95", 420.0))} | {"p99": Estimate(800.0, 600.0, math.nan, 150)}  # fmt: skip
FINE = LoadTest(
    "small", {"kind": "endpoint", "address": "http://127.0.0.1/v1", "none": ""}, "poisson", 5.0, 150, 150, 0, 150, {},
    5.0, 4.98, 1.0, 30.0, 30.4, TIMES, {}, TIMES, 640.0, 0, 256, 4, 1.5, 0.0345,
    "USD", 0,
)  # fmt: skip


def text(found: LoadTest) -> str:
    screen = Console(width=200, file=StringIO())
    for part in render.terminal(found):
        screen.print(part)
    return screen.file.getvalue()  # type: ignore[attr-defined]


def test_the_answer_comes_first_and_the_percentiles_have_their_intervals() -> None:
    page = render.page(FINE)
    assert page.startswith("### Load test\n\nsmall keeps up with 5 requests per second: 95 % are answered within 420.0")
    assert "800.0 (at least 600.0)" in page
    assert len(tables(page)) == 3
    assert "0.035 USD" in page
    assert "first token" not in page  # it was not streamed
    assert "none" not in page
    assert ">" not in page
    assert render.notes(FINE) == []
    shown = text(FINE)
    for row in (*render.rates(FINE), *render.percentiles(FINE)):
        assert all(cell in shown for cell in row)


@pytest.mark.parametrize(
    ("change", "headline", "note"),
    [
        ({"n_answered": 120, "n_sent": 130, "n_dropped": 20, "errors": {"timeout": 10}},
         "does not keep up with 5 requests per second: 80.0 % of them are answered, 4.98 per second.",
         "30 of 150 requests have no answer; the percentiles leave them out."),
        ({"n_dropped": 1}, "keeps up", "1 requests were not sent, since 256 were under way."),
        ({"pace": 0.6, "achieved_per_s": 3.0}, "100.0 % of them are answered, 3 per second.", "The queue grew"),
        ({"late_ms": 80.0}, "keeps up", "1 of 100 requests was sent over 80.0 ms late"),
        ({"n_answered": 139, "errors": {"server": 6, "refused_request": 5}},
         "small answers as fast as 5 requests per second come, 95 % within 420.0 ms, but to 7.3 % of them there is no "
         "answer: refused request 5, server error 6.", "A server error may come of the load or of the request"),
        ({"n_answered": 139, "errors": {"rate_limit": 11}}, "does not keep up with 5 requests per second: 92.7 %",
         "11 of 150 requests have no answer"),
        ({"n_answered": 139, "errors": {"refused_request": 11}, "pace": 0.6}, "does not keep up", "The queue grew"),
        ({"n_answered": 1, "errors": {"authentication": 149}, "pace": math.nan, "achieved_per_s": math.nan},
         "1 answer is too few to tell whether it keeps up with 5 requests per second: refused key 149.",
         "149 of 150 requests have no answer"),
        ({"n_answered": 0, "latency_ms": {}, "call_ms": {}, "pace": math.nan, "achieved_per_s": math.nan,
          "errors": {"server": 150}},
         "small answered none of 150 requests at 5 requests per second.", "150 of 150 requests have no answer"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_said(change: dict, headline: str, note: str) -> None:
    found = replace(FINE, **change)
    assert headline in render.headline(found)
    assert any(line.startswith(note) for line in render.notes(found))
    assert note in text(found)
    assert "nan" not in render.page(found)


@pytest.mark.parametrize(("n", "said"), [(1, "1 answer is too few"), (2, "2 answers are too few")])
def test_of_a_few_answers_it_is_not_said_whether_it_keeps_up(n: int, said: str) -> None:
    few = replace(FINE, n_due=n, n_sent=n, n_answered=n, pace=math.nan, achieved_per_s=math.nan)
    assert f"small answered, but {said} to tell whether it keeps up with 5" in render.headline(few)


def test_hostile_names_are_inert() -> None:
    found = replace(FINE, candidate="<b>|x|</b>", about={"model": "<script>"}, errors={"<i>": 1})
    page = render.page(found)
    assert not any(tag in page for tag in ("<b>", "<script>", "<i>"))
