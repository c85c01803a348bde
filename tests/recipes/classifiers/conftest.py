"""What the tests of the classifiers share: shipped messages, and a fitted folder in one line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from recipes.classifiers.candidate import parse
from recipes.classifiers.fit import Rows, Training, fit

SHIPPED = Path(__file__).parents[3] / "recipes" / "sentiment" / "messages.csv"
RULES = (
    {"pattern": "complaint|投诉", "label": "negative", "weight": 1.5},
    {"pattern": "thank", "label": "positive", "weight": 2.0},
    {"pattern": "complain", "label": "negative", "weight": 0.5},
)


@pytest.fixture(scope="session")
def messages() -> pd.DataFrame:
    """Return 600 of the shipped messages."""
    return pd.read_csv(SHIPPED).sample(600, random_state=0, ignore_index=True)


def fitted(line: str, rows: pd.DataFrame, folder: Path, **training: object) -> dict[str, object]:
    """Fit a candidate on rows with the columns text and label into a new folder; return what is known of it."""
    folder.mkdir(parents=True)
    known = {"rules": RULES, **training}
    return fit(parse(line), Rows(rows, "text", "label"), folder, Training(folder.parent / "work", **known))
