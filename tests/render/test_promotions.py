"""The history's texts: what nobody knows is not shown, and every text fits and is harmless."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.render import promotions
from mlflow_evalplus.tracking.registry.events import CHAMPION, OUTSIDE, PROMOTE, Event, History
from tests.generated import inputs

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def rows(*events: Event) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = History(events, {}).frame().to_dict("records")
    return found


def test_a_change_by_other_means_has_no_time_or_is_before_what_followed() -> None:
    known = Event(PROMOTE, CHAMPION, "2", NOON, done=NOON)
    for at, said in ((None, ""), (NOON, "before 2026-01-01 12:00:00")):
        outside = Event(OUTSIDE, CHAMPION, "1", at, done=NOON)
        for events in ((outside,), (known, outside)):
            shown = promotions.table(rows(*events))
            assert list(shown.columns[0].cells)[-1].plain == said
            assert promotions.page(rows(*events)).splitlines()[4].startswith(f"| {said} |")


texts = st.text(max_size=300) | st.sampled_from(["<script>" * 200, "|`*_[]" * 300, "好评\u202e", "a\nb"])


@given(st.lists(st.tuples(texts, texts), max_size=30))
@settings(deadline=None, max_examples=inputs(50))
def test_the_page_is_short_harmless_and_counts_what_it_leaves_out(said: list[tuple[str, str]]) -> None:
    events = [Event(PROMOTE, CHAMPION, str(n), NOON, by=by, why=why, done=NOON) for n, (by, why) in enumerate(said)]
    page = promotions.page(rows(*events))
    first, *lines = page.splitlines()
    assert first == promotions.MARK
    assert len(page) <= 5000
    assert "<" not in page
    shown = [line for line in lines if "promoted to champion" in line]
    assert len(shown) <= 20
    assert [line.split(" | ")[3] for line in shown] == [str(n) for n in range(len(said))][::-1][: len(shown)]
    older = len(said) - len(shown)
    assert (lines[-1] == f"… {older} older: mlflow-evalplus history") == (older > 0)
