"""A case of ours in MLflow's review page: the text alone is seen, and the answer comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from mlflow_evalplus.results.queue import Queue
from mlflow_evalplus.tracking.collecting.review_queue import make_review_queues, read_reviews
from tests.browser import ui
from tests.core.collecting.queues import queue_of

pytestmark = ui.MARKS
LABELS = ("negative", "neutral", "positive")


@pytest.fixture
def reviewed(store: str) -> Iterator[tuple[str, str, Queue]]:
    """Yield the address of a server, the experiment's id, and a queue of one hostile text in its review queues."""
    queue = queue_of([f"{ui.SCRIPT} late again"])
    experiment = str(mlflow.get_experiment_by_name("tests").experiment_id)
    assert make_review_queues(queue, "july", experiment, labels=LABELS).names
    with ui.server(Path.cwd()) as address:
        yield address, experiment, queue


def test_an_annotator_answers_in_the_page(reviewed: tuple[str, str, Queue]) -> None:
    address, experiment, queue = reviewed
    with ui.browser_page() as page:
        page.goto(f"{address}/#/experiments/{experiment}/review-queue")
        page.get_by_text("july annotator_2").first.click(timeout=60_000)
        page.get_by_text("Start review").first.click(timeout=30_000)
        page.get_by_text("late again").first.wait_for(timeout=30_000)
        assert (
            page.get_by_text("negative").count() == 0
        )  # the answer of the model, and the options before the list opens
        page.get_by_text("Select an option").first.click()
        page.get_by_role("option").filter(has_text="neutral").first.click()
        page.get_by_role("button").filter(has_text="Submit").first.click()
        page.wait_for_timeout(3_000)
        assert page.evaluate("window.spoilt") is None
    frame = read_reviews(queue, "tests")
    assert frame.to_dict("records") == [
        {"case_id": queue.cases[0].case_id, "text": queue.cases[0].text, "annotator_2": "neutral"}
    ]
