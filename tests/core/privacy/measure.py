"""Print how much is masked that must be, and how much that must not: ``python -m tests.core.privacy.measure``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings

from mlflow_evalplus.core.privacy.masking import mask
from tests.core.privacy.made import FULL_WIDTH, SENTENCES, everything, others
from tests.core.privacy.written import MASKED, STAYS

MARK = re.compile("«([a-z]+):([^»]*)»")
MESSAGES = Path(__file__).parents[3] / "recipes" / "sentiment" / "messages.csv"
N_MADE = 1000
found: Counter[tuple[str, bool]] = Counter()


def _listed() -> None:
    lines = [line for line in MASKED.splitlines() if line]
    right = sum(mask(MARK.sub(r"\2", line)) == MARK.sub(r"[\1]", line) for line in lines)
    stays = [line for line in STAYS.splitlines() if line]
    touched = sum(mask(line) != line for line in stays)
    print(
        f"written by hand: {right} of {len(lines)} masked as they should be, {touched} of {len(stays)} others touched"
    )


def _drawn() -> None:
    fast = settings(max_examples=N_MADE, database=None, phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck), deadline=None)  # fmt: skip

    @seed(0)
    @fast
    @given(everything())
    def person(made: tuple[str, str]) -> None:
        for number, sentence in enumerate(SENTENCES):
            kind, value = made
            shown = value.translate(FULL_WIDTH) if number % 2 and kind != "email" else value
            found["person", mask(sentence.format(shown)) == sentence.format(f"[{kind}]")] += 1

    @seed(0)
    @fast
    @given(others())
    def other(number: str) -> None:
        for sentence in SENTENCES:
            found["other", mask(sentence.format(number)) != sentence.format(number)] += 1

    person()
    other()
    n, m = (found[kind, True] + found[kind, False] for kind in ("person", "other"))
    print(f"drawn: {found['person', True]:,} of {n:,} masked as they should be, "
          f"{found['other', True]:,} of {m:,} others touched")  # fmt: skip


def _shipped() -> None:
    texts = pd.read_csv(MESSAGES)["text"].tolist()
    print(f"shipped messages: {sum(mask(text) != text for text in texts)} of {len(texts):,} touched")


if __name__ == "__main__":
    _listed()
    _drawn()
    _shipped()
