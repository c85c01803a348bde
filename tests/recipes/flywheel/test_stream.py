"""The year of messages: what is planted, where, and how little of the label it tells."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlflow_evalplus.errors import DataError
from recipes.flywheel.stream import PHRASES, PURITY, SHARE, simulated_year, tweets
from recipes.sentiment.data import SHIPPED

YEARS = [simulated_year(seed) for seed in range(2)]


def test_the_old_wording_is_what_ships_and_phrases_only_follow_it_from_their_month_on() -> None:
    shipped = pd.read_csv(SHIPPED).set_index("message_id")["text"]
    start = {one["phrase"]: str(one["from"]) for one in yaml.safe_load(PHRASES.read_text(encoding="utf-8"))}
    for year in YEARS:
        rows = year.rows
        assert (rows["old_wording"] == rows["row_id"].map(shipped)).all()
        for text, old, phrase, month in zip(
            rows["text"], rows["old_wording"], rows["phrase"], rows["month"], strict=True
        ):
            assert text == old if not phrase else (text.startswith(old) and text.endswith(phrase))
            assert not phrase or start[phrase] <= month


def test_half_of_the_messages_have_a_phrase_and_it_does_not_give_the_label_away() -> None:
    label_of = {one["phrase"]: one["label"] for one in yaml.safe_load(PHRASES.read_text(encoding="utf-8"))}
    late = pd.concat([year.rows[year.rows["month"] >= "2025-07"] for year in YEARS])
    with_phrase = late[late["phrase"] != ""]
    assert len(with_phrase) / len(late) == pytest.approx(SHARE, abs=0.05)
    told = (with_phrase["phrase"].map(label_of) == with_phrase["label"]).mean()
    assert told == pytest.approx(PURITY + (1 - PURITY) / 3, abs=0.05)
    assert told < 0.6  # always to say the most frequent label is right 40 % of the time


def test_every_message_is_in_one_part_and_the_test_rows_are_a_fifth_of_the_first_months() -> None:
    year = YEARS[0]
    parts = [year.first, year.held_out, *year.turns.values(), year.judged]
    ids = [name for part in parts for name in part["row_id"]]
    assert sorted(ids) == sorted(year.rows["row_id"])
    assert len(year.held_out) / (len(year.first) + len(year.held_out)) == pytest.approx(0.2, abs=0.01)
    assert list(year.turns) == ["2025-07", "2025-08", "2025-09"]
    assert set(year.judged["month"]) == {"2025-10", "2025-11", "2025-12"}


def test_a_seed_gives_the_same_year_and_another_seed_another() -> None:
    assert simulated_year(1).rows.equals(YEARS[1].rows)
    assert not YEARS[0].rows["text"].equals(YEARS[1].rows["text"])


def test_tweets_change_their_language_in_july_and_none_occurs_twice(tmp_path: Path) -> None:
    rows = [(language, f"{language} {i}", "ab"[i % 2]) for language, n in (("english", 90), ("german", 30))
            for i in range(n)]  # fmt: skip
    path = tmp_path / "tweets.csv"
    pd.DataFrame(rows, columns=["language", "text", "label"]).to_csv(path, index=False)
    stream = tweets(path, "german", 3, monthly=10)
    german = stream.rows.groupby("month")["language"].agg(lambda column: (column == "german").sum())
    assert german.tolist() == [0] * 6 + [5] * 6
    assert stream.rows.groupby("month").size().tolist() == [10] * 12
    assert stream.rows["text"].is_unique
    with pytest.raises(DataError, match="there are 90 rows of language 'english'; a year takes 138"):
        tweets(path, "german", monthly=15)
