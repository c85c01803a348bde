"""The page of a queue: what was chosen, why, and what to do; hostile texts are text."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mlflow_evalplus.render import queue as pages
from mlflow_evalplus.results.queue import Queue, ReasonCount
from tests.core.collecting.queues import queue_of, small
from tests.render.test_markdown import HOSTILE, PARSER


def printed(queue: Queue) -> str:
    screen = Console(file=StringIO(), width=200)
    for part in pages.terminal(queue):
        screen.print(part)
    return screen.file.getvalue()  # type: ignore[attr-defined]


def test_the_page_says_what_was_chosen_why_and_what_to_do() -> None:
    page = pages.page(small(12), ["bad", "good"])
    assert (
        "**12 cases to label of 900 different texts in 1,000 rows: 9 chosen for a reason, 3 drawn at random.**" in page
    )
    assert "| low margin | 40 | 4 |" in page
    assert "- **low margin**: because of low\\_margin" in page
    assert "| message 9 | wrong, low margin | 1 |" in page
    assert "message 10 |" not in page
    assert "… 2 more in `evalplus/queue.jsonl`." in page
    assert "Only the 3 random cases, each counted by its weight" in page
    assert "> there is no challenger" in page
    assert "The labels: **bad**, **good**." in page
    assert page.index("Give `queue.csv` to two people") < page.index("mlflow-evalplus adjudicate queue.csv --queue")


def test_without_random_cases_nothing_can_be_estimated() -> None:
    chosen = replace(small(), cases=small().cases[3:])
    assert "No case was drawn at random, so the labels will not tell how good the model is" in pages.page(chosen)
    assert "Only the 1 random case, each" in pages.page(replace(small(), cases=small().cases[:1]))


def test_an_empty_queue_asks_nobody_to_label() -> None:
    page = pages.page(Queue((), 10, 9, (), 0))
    assert "**No case to label: 9 different texts in 10 rows, and none was chosen.**" in page
    assert "queue.csv" not in page


def test_many_labels_are_counted() -> None:
    page = pages.page(small(1), [f"l{number}" for number in range(35)])
    assert "**l29**, … 5 more." in page
    assert "l30" not in page


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_hostile_text_label_or_note_is_text(text: str) -> None:
    queue = queue_of([text], reasons=(ReasonCount("wrong", 1, 1, text),), notes=(text,))
    page = pages.page(queue, [text])
    html = PARSER.render(page)
    assert not any(tag in html for tag in ("<script", "<img", "<a ", "<h1"))
    assert html.count("<table>") == 2
    assert html.count("<h3>") == html.count("<h4>") == 1
    assert max(map(len, page.splitlines())) < 5_000
    shown = printed(queue)
    assert not {"\x00", "\x07", "\x1b", "\u202e", "\u2066"} & set(shown)
    assert len(shown) < 10_000
