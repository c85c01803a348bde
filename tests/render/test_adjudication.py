"""A queue that came back, as a page and in a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.render.adjudication import HARD, page, terminal
from mlflow_evalplus.results.adjudication import Adjudication
from tests.core.adjudicating.queues import HOSTILE, filled, queue_of, small


@pytest.fixture(scope="module")
def found() -> Adjudication:
    """Return 60 cases, 40 of them random: 20 agreed, 20 disputed, 8 partly, 12 unfilled; 12 labels are unknown."""
    queue = small(60, audit=40)
    one = ["neg"] * 20 + ["pos"] * 20 + ["neg"] * 8 + [""] * 12
    other = ["neg"] * 20 + ["neg"] * 8 + ["negg"] * 12
    return adjudicate(queue, filled(queue, annotator_1=one, annotator_2=other), labels=["neg", "pos"])


def printed(found: Adjudication) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, emoji=False, highlight=False)
    for part in terminal(found):
        console.print(part)
    return out.getvalue()


def test_the_page_says_what_is_settled_open_and_wrong(found: Adjudication) -> None:
    text = page(found)
    assert text.startswith(
        "### Adjudication\n\n**Labelled: 20 of 60 cases (20 agreed). Open: 40 (20 disputed, 12 without"
    )
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.M))
    assert (rows["agreed"], rows["open: disputed"], rows["all"]) == ("20", "20", "60")
    assert rows["agreement, queue (28)"].startswith("0.714 ")
    assert not any("random cases (20)" in name for name in rows)
    assert rows["neg – pos"] == "8"
    assert rows["channel=app (14)"].startswith("0.714")
    assert rows["neg (28)"].startswith("-0.1")  # no better than chance
    assert "**unknown label** (12)\n\n- frame row 28 (from 0): case c028, annotator\\_2: 'negg' is no label" in text
    assert "- … 2 more" in text
    assert "| disputed, 20 in all | votes |" in text
    assert "| partly | votes |" in text
    assert "`evalplus/disputed.csv`" in text


def test_random_cases_are_shown_apart() -> None:
    queue = small(60, audit=40)
    agreed = adjudicate(queue, filled(queue, annotator_1=["neg"] * 60, annotator_2=["neg"] * 60))
    text = page(agreed)
    assert "| agreement, random cases (40) | 1.000" in text
    assert HARD in text
    assert "| agreement, queue (60) | 1.000" in text
    assert "disputed.csv" not in text
    assert HARD.split(". ")[0] in " ".join(printed(agreed).split())
    queue = small(60, audit=60)
    assert HARD not in page(adjudicate(queue, filled(queue, annotator_1=["neg"] * 60, annotator_2=["pos"] * 60)))


def test_slices_where_annotators_agree_least_come_first() -> None:
    queue = small(60)
    text = page(adjudicate(queue, filled(queue, annotator_1=["neg"] * 60, annotator_2=["pos", "neg"] * 30)))
    assert 0 < text.index("| channel=web (30) | 0.000") < text.index("| channel=app (30) | 1.000")


def test_the_terminal_says_the_same_without_markup(found: Adjudication) -> None:
    text = printed(found)
    for words in (
        "open: disputed   20",
        "agreement, queue (28)",
        "unknown label (12)",
        "… 2 more; all of them with --json",
    ):
        assert words in text
    assert found.sentence.split(". Next")[0] in " ".join(text.split())
    assert re.search(r"\*\*|###|\\", text) is None


def test_hostile_texts_and_labels_stay_text() -> None:
    queue = queue_of(HOSTILE)
    n = len(HOSTILE)
    bad = ["<img src=x onerror=alert(1)>", "[red]x[/red]", "| a | b |", "\x1b[31m", "\u202eabc", "`x`"]
    votes = filled(queue, annotator_1=["neg"] * n, annotator_2=bad, note=["<b>"] * n)
    text = page(
        adjudicate(queue, votes.assign(text=votes["text"].where(votes.index != 3, "<script>alert(2)</script>")))
    )
    assert "<script" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "\0" not in text
    assert max(map(len, text.splitlines())) < 1500
    shown = printed(adjudicate(queue, votes))
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert "[red]x[/red]" in shown
