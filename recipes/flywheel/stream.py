"""What customers write, month by month: the shipped messages with new ways of speaking, or tweets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.errors import DataError
from recipes.sentiment.data import SHIPPED

PHRASES = Path(__file__).with_name("phrases.yaml")
TEXT, LABEL, MONTH, ROW = "text", "label", "month", "row_id"
OLD_WORDING, PHRASE = "old_wording", "phrase"
SHARE = 0.5  # of the messages from July on that end with a phrase
PURITY = 0.3  # of these the share whose phrase is chosen by their own label; the others' is any
TRAINED, TURNS, JUDGED = 6, 3, 3  # months that the first model learns from, months with a turn, months that are judged
TEST_SHARE = 0.2
MONTHLY = 250  # rows a month of a stream of tweets


@dataclass(frozen=True)
class Stream:
    """A year of messages.

    Attributes
    ----------
    rows : pandas.DataFrame
        Columns ``row_id``, ``month`` (``2025-07``), ``text``, ``label``, and whatever else the data have; of the
        simulated year also ``old_wording`` (the text without its phrase) and ``phrase`` (empty where it has none).
    test : pandas.Series
        Of bool, by row: kept out of training, of the months before the turns.
    """

    rows: pd.DataFrame
    test: pd.Series

    @property
    def months(self) -> list[str]:
        """All months, oldest first."""
        return sorted(self.rows[MONTH].unique())

    @property
    def first(self) -> pd.DataFrame:
        """What the first model learns from: the months before the turns, without the test rows."""
        return self._in(self.months[:TRAINED], ~self.test)

    @property
    def held_out(self) -> pd.DataFrame:
        """The test rows: messages of the months before the turns."""
        return self._in(self.months[:TRAINED], self.test)

    @property
    def turns(self) -> dict[str, pd.DataFrame]:
        """The rows of each month after which the wheel turns."""
        return {month: self._in([month]) for month in self.months[TRAINED : TRAINED + TURNS]}

    @property
    def judged(self) -> pd.DataFrame:
        """The months after the last turn, none of which is labelled for training."""
        return self._in(self.months[TRAINED + TURNS :])

    def _in(self, months: list[str], also: pd.Series | bool = True) -> pd.DataFrame:
        return self.rows[self.rows[MONTH].isin(months) & also].reset_index(drop=True)


def simulated_year(seed: int = 0, *, share: float = SHARE, purity: float = PURITY) -> Stream:
    """Return the shipped messages, of which from July on a share ends with one of the phrases of ``phrases.yaml``.

    Parameters
    ----------
    seed : int
        Of the phrases and of the test rows.
    share : float
        Of the messages from July on that get a phrase.
    purity : float
        Share of these whose phrase is drawn from those of their own label; the others' from those of any label, so
        that a phrase tells its label with probability ``purity + (1 - purity) / 3``.

    Examples
    --------
    >>> year = simulated_year(0)
    >>> len(year.first) + len(year.held_out) + sum(map(len, year.turns.values())) + len(year.judged)
    1800
    """
    rng = np.random.default_rng(seed)
    rows = pd.read_csv(SHIPPED, dtype=str).rename(columns={"message_id": ROW})
    phrases = pd.DataFrame(yaml.safe_load(PHRASES.read_text(encoding="utf-8"))).astype(str)
    labels = sorted(rows[LABEL].unique())
    spoken = [""] * len(rows)
    for place, (month, label, language) in enumerate(zip(rows[MONTH], rows[LABEL], rows["language"], strict=True)):
        drawn, own, any_label, which = rng.random(4)
        meant = label if own < purity else labels[int(any_label * len(labels))]
        known = phrases[(phrases["from"] <= month) & (phrases["label"] == meant) & (phrases["language"] == language)]
        if len(known) and drawn < share:
            spoken[place] = str(known["phrase"].iloc[int(which * len(known))])
    between = np.where(rows["language"] == "zh", "", " ")
    said = [
        f"{text}{space}{phrase}" if phrase else text
        for text, space, phrase in zip(rows[TEXT], between, spoken, strict=True)
    ]
    rows[OLD_WORDING], rows[TEXT], rows[PHRASE] = rows[TEXT], said, spoken
    return Stream(rows, _drawn_test(rows, rng))


def tweets(path: Path, language: str, seed: int = 0, *, monthly: int = MONTHLY) -> Stream:
    """Return a year of English tweets of which from July on half are of another language, with the data's own labels.

    Parameters
    ----------
    path : Path
        XLM-T's sentiment data as one CSV file with the columns ``language``, ``text`` and ``label``.
    language : str
        The one that comes in July.
    seed : int
        Of the order of the rows and of the test rows.

    Raises
    ------
    DataError
        There are too few rows.
    """
    data = read_file(path)
    require_columns(data, ["language", TEXT, LABEL])
    rng = np.random.default_rng(seed)
    half = monthly // 2
    wanted = {"english": TRAINED * monthly + 6 * (monthly - half), language: 6 * half}
    drawn = {}
    for name, n in wanted.items():
        own = data.index[data["language"] == name].to_numpy()
        if len(own) < n:
            raise DataError(f"there are {len(own):,} rows of language {name!r}; a year takes {n:,}")
        drawn[name] = rng.permutation(own)[:n]
    per_month = [(monthly, 0)] * TRAINED + [(monthly - half, half)] * 6
    parts, used = [], {"english": 0, language: 0}
    for number, sizes in enumerate(per_month, start=1):
        for name, size in zip(wanted, sizes, strict=True):
            chosen = drawn[name][used[name] : used[name] + size]
            used[name] += size
            parts.append(data.loc[chosen].assign(**{MONTH: f"2025-{number:02d}", ROW: [f"t{i}" for i in chosen]}))
    rows = pd.concat(parts, ignore_index=True)
    return Stream(rows, _drawn_test(rows, rng))


def _drawn_test(rows: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Draw the test rows of the months before the turns, a fifth of each label."""
    early = rows[rows[MONTH].isin(sorted(rows[MONTH].unique())[:TRAINED])]
    chosen = [
        place
        for _, part in early.groupby(LABEL)
        for place in rng.permutation(part.index.to_numpy())[: round(TEST_SHARE * len(part))]
    ]
    return pd.Series(rows.index.isin(chosen), index=rows.index)
