"""The section ``monitor:`` of requirements.yaml: what it takes, and how each mistake in it is named with its line."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest

from mlflow_evalplus import requirements
from mlflow_evalplus.errors import RequirementsError
from mlflow_evalplus.render.requirements import page, plain
from mlflow_evalplus.requirements import Monitor, MonitorAlert, Requirements

EXAMPLE = """\
task: {labels: [negative, positive]}
slices: [channel]
monitor:
  window: month
  time: created_at
  reference: 6
  alpha: 0.05
  alerts:
    - {metric: accuracy, min: 0.80}
    - {metric: accuracy, max_drop: 0.03}
    - {metric: recall, class: negative, max_drop: 0.05}
    - {metric: estimated_accuracy, min: 0.80}
    - {metric: psi, column: channel, max: 0.2}
    - {metric: js, column: prediction, max: 0.1}
    - {metric: new_terms, max: 20}
    - {metric: n_labelled, min: 100}
"""
WORDS = [
    "accuracy at least 0.8",
    "accuracy at most 0.03 below the reference's",
    "recall of negative at most 0.05 below the reference's",
    "estimated_accuracy at least 0.8",
    "psi of channel at most 0.2",
    "js of prediction at most 0.1",
    "new_terms at most 20",
    "n_labelled at least 100",
]


def test_the_section_is_read_and_says_itself_in_words() -> None:
    monitor = requirements.parse(EXAMPLE).monitor
    assert (monitor.window, monitor.time, monitor.reference, monitor.alpha) == ("month", "created_at", 6, 0.05)
    assert [str(alert) for alert in monitor.alerts] == WORDS
    assert monitor.alerts[2].key == "recall[negative]"
    assert [alert.bound for alert in monitor.alerts][:2] == [0.8, 0.03]


def test_without_the_section_the_defaults_hold_and_the_digest_is_as_before() -> None:
    assert Requirements().monitor == Monitor()
    assert requirements.parse("monitor: {}").digest == Requirements().digest
    assert requirements.parse(EXAMPLE).digest != Requirements().digest


@pytest.mark.parametrize(("given", "meant"), [("week", "week"), (500, 500), ("500", 500)])
def test_a_window_is_a_word_or_a_number_of_rows(given: Any, meant: Any) -> None:
    assert requirements.load({"monitor": {"window": given}}).monitor.window == meant
    again = requirements.changed(requirements.load({"monitor": {"window": given}}), confidence=0.9)
    assert again.monitor.window == meant


def test_every_mistake_is_named_with_its_line() -> None:
    text = """\
    task: {labels: [good, bad]}
    slices: [channel]
    monitor:
      window: moth
      alpha: 0.7
      every: day
      alerts:
        - {metric: acuracy, min: 0.9}
        - {metric: accuracy, max: 0.9}
        - {metric: psi, column: chanel, max: 0.2}
        - {metric: recall, class: god, max_drop: 0.1}
        - {metric: psi, max: 0.2}
        - {metric: accuracy, min: 90}
        - {metric: new_terms, max: 2.5}
        - {metric: accuracy, max_drop: 3}
        - {metric: accuracy, colum: x, min: 0.5}
        - {metric: accuracy, min: 0.5, max_drop: 0.5}
        - {metric: f1, min: 0.5}
        - {metric: accuracy, class: good, min: 0.5}
        - {metric: new_terms, column: channel, max: 3}
        - {metric: n_labelled}
        - {metric: accuracy, min: no}
    """
    with pytest.raises(RequirementsError) as caught:
        requirements.parse(textwrap.dedent(text))
    head, *listed = str(caught.value).splitlines()
    assert head == f"requirements has {len(listed)} mistakes:"
    found = {int(line): words for line, words in (re.match(r"  line (\d+): (.*)", each).groups() for each in listed)}  # type: ignore[union-attr]
    says = {
        4: "a window is one of ['day', 'week', 'month', 'quarter'], or a number of rows from 10 on. Did you mean",
        5: "monitor.alpha: Input should be less than 0.5",
        6: "monitor.every: unknown key; keys are ['window', 'time', 'reference', 'alpha', 'alerts']",
        8: "unknown metric 'acuracy'",
        9: "metric 'accuracy' takes one of min and max_drop, got max",
        10: "'chanel' is not among the slices, prediction and label ['channel', 'prediction', 'label']. Did you mean",
        11: "'god' is not among the labels ['good', 'bad']. Did you mean 'good'?",
        12: "metric 'psi' needs 'column'; it is prediction, label or a slice column",
        13: "accuracy lies between 0 and 1; 0.9 means 90 % (given: 90)",
        14: "new_terms is a whole number from 0 on",
        15: "a drop is from 0 on and below 1; 0.03 means three points (given: 3)",
        16: "monitor.alerts.8.colum: unknown key; keys are ['metric', 'class', 'column'",
        17: "metric 'accuracy' takes one of min and max_drop, got min and max_drop",
        18: "metric 'f1' needs 'class'",
        19: "metric 'accuracy' takes no 'class'",
        20: "metric 'new_terms' takes no 'column'",
        21: "metric 'n_labelled' takes min, got none",
        22: "YAML reads yes, no, on, off as true and false; give a number",
    }
    assert sorted(found) == sorted(says)
    assert {line: words for line, words in found.items() if says[line] not in words} == {}


@pytest.mark.parametrize("window", [True, 9, 2.5, [], {}, None, "2025"])
def test_what_is_no_window_is_refused(window: Any) -> None:
    if window == "2025":  # a number of rows in quotes
        assert requirements.load({"monitor": {"window": window}}).monitor.window == 2025
        return
    with pytest.raises(RequirementsError, match=r"monitor\.window"):
        requirements.load({"monitor": {"window": window}})


def test_the_page_for_the_team_says_what_raises_an_alert() -> None:
    wanted = requirements.parse(EXAMPLE)
    shown = page(wanted)
    assert "## What raises an alert in production" in shown
    assert all(words.replace("_", r"\_") in shown or words in shown for words in WORDS)
    assert "every month" in shown
    assert "the first 6 windows" in shown
    assert "5 %" in shown
    assert "## What raises an alert in production" not in page(Requirements())
    assert plain(wanted)["content"]["monitor"]["alerts"][1] == {
        "metric": "accuracy", "max_drop": 0.03, "min_examples": 30
    }  # fmt: skip


def test_names_from_the_file_do_no_harm_on_the_page() -> None:
    odd = MonitorAlert(metric="psi", column="<script>|`x`", max=0.2)
    shown = page(Requirements(monitor=Monitor(time="<b>", alerts=(odd,))))
    assert "<script>" not in shown
    assert "<b>" not in shown
