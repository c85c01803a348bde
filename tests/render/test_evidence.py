from __future__ import annotations

import io

import numpy as np
import pandas as pd
from rich.console import Console

import mlflow_evalplus as ep
from mlflow_evalplus.render.evidence import page, printed
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.evidence import Evidence, EvidenceRow

NAN = float("nan")
HOSTILE = ("</script><script>alert(1)</script>", "a|b`*[x](y)", "\x00\u202eevil", "中文 🙂", "x" * 100_000)


def shown(evidence: Evidence) -> str:
    screen = Console(file=io.StringIO(), width=200)
    for part in printed(evidence):
        screen.print(part)
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def hostile() -> Evidence:
    rows = tuple(EvidenceRow("slice", text, "difference", Estimate(0.1, NAN, NAN, 7), 0.5, 0.5) for text in HOSTILE)
    return Evidence("ab", {}, (), HOSTILE, HOSTILE[0] + HOSTILE[2] + HOSTILE[4], rows)


def test_hostile_text_is_shown_as_it_is_and_cut() -> None:
    text = page([hostile()])
    assert "<script" not in text
    assert len(text) < 5_000
    assert not {"\x00", "\u202e"} & set(text)
    assert "中文 🙂" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
    printed_text = shown(hostile())
    assert not {"\x00", "\u202e"} & set(printed_text)
    assert len(printed_text) < 20_000


def test_the_page_says_the_sentence_first_and_shows_every_kind_of_figure() -> None:
    rng = np.random.default_rng(0)
    events = pd.DataFrame({"variant": rng.choice(["A", "B"], 2000), "outcome": rng.random(2000) < 0.4, "part": "x"})
    rows = [(r, e, v, rng.integers(1, 6)) for r in range(3) for e in range(30) for v in "AB"]
    rated = ep.ratings(pd.DataFrame(rows, columns=["rater", "example", "variant", "rating"]), variant="variant")
    tested = ep.ab_test(events, slices=["part"])
    text = page([tested.evidence, rated.evidence])
    assert text.index("#### Online A/B test") < text.index("Cannot tell yet") < text.index("#### Human ratings")
    for words in (
        "| part=x (2,000) |",
        "for one look only",
        "Krippendorff's α",
        "against the others",
        "> Only 3 people",
    ):
        assert words in text
    assert "Cannot tell yet" in shown(tested.evidence)
    assert "#### Human ratings, 95% intervals" in text
    assert "A/B test, 99.5% intervals" in page([ep.ab_test(events, confidence=0.995).evidence])
    less = ep.ab_test(events, lower_is_better=True).evidence
    for where in (page([less]), shown(less)):
        assert "Less outcome is better" in where


def test_of_many_slices_the_first_twenty_are_shown_and_the_others_counted() -> None:
    rows = tuple(EvidenceRow("slice", f"s={i}", "difference", Estimate(0.1, 0, 0.2, 7)) for i in range(25))
    evidence = Evidence("ab", {}, rows=rows)
    assert "… 5 more." in page([evidence])
    assert "s=19" in page([evidence])
    assert "s=20" not in page([evidence])
    assert "… 5 more; all of them with --json" in shown(evidence)
