"""The shipped messages keep what their data card says of them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import cohen_kappa_score

from recipes.sentiment.data import SHIPPED

CARD = SHIPPED.with_name("DATA_CARD.md").read_text(encoding="utf-8")
LABELS = {"negative", "neutral", "positive"}
SLICES = ["business_line", "channel", "phrasing", "language"]
# What customers cannot know before July 2025: the words that simulate a launch.
NEW_WORDS = re.compile("Mira|FlexPay|PickBox|小米拉|灵活付|自提柜|Points Plus|积分加", re.IGNORECASE)
CHINESE = "[\u3400-\u9fff]"


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    return pd.read_csv(SHIPPED, dtype=str, keep_default_na=False, encoding="utf-8")


def near_duplicates(texts: list[str], threshold: float) -> list[tuple[str, str, float]]:
    """Return the pairs whose sets of character 5-grams overlap by at least `threshold` (Jaccard)."""
    plain = [" ".join(text.lower().split()) for text in texts]
    grams = CountVectorizer(analyzer=lambda text: {text[i : i + 5] for i in range(max(1, len(text) - 4))})
    occurs = grams.fit_transform(plain)
    sizes = np.asarray(occurs.sum(axis=1)).ravel()
    shared = (occurs @ occurs.T).tocoo()
    first, second = shared.row, shared.col
    jaccard = shared.data / (sizes[first] + sizes[second] - shared.data)
    found = np.flatnonzero((first < second) & (jaccard >= threshold))
    return [(texts[first[k]], texts[second[k]], float(jaccard[k])) for k in found]


def test_there_are_enough_messages_in_the_columns_of_the_data_card(messages: pd.DataFrame) -> None:
    assert len(messages) >= 1_500
    documented = re.findall(r"^\| `(\w+)` \|", CARD, re.MULTILINE)
    assert list(messages.columns) == documented
    assert not messages.eq("").any(axis=None)


def test_ids_and_texts_are_distinct(messages: pd.DataFrame) -> None:
    assert messages["message_id"].is_unique
    assert messages["text"].str.lower().str.split().str.join(" ").is_unique


def test_no_message_is_nearly_another(messages: pd.DataFrame) -> None:
    assert near_duplicates(messages["text"].tolist(), 0.8) == []


def test_the_search_for_near_duplicates_finds_planted_ones(messages: pd.DataFrame) -> None:
    long = max(messages["text"], key=len)
    planted = [*messages["text"].head(300), long, long[:-1] + "!", "滤芯", "滤芯 "]
    assert [pair[:2] for pair in near_duplicates(planted, 0.8)] == [(long, long[:-1] + "!"), ("滤芯", "滤芯 ")]


def test_every_slice_is_large_enough_to_speak_of(messages: pd.DataFrame) -> None:
    for column in SLICES:
        counts = messages[column].value_counts()
        assert counts.min() >= 30, counts
    assert 0.20 <= messages["language"].eq("zh").mean() <= 0.35


def test_labels_and_votes_are_the_three_labels(messages: pd.DataFrame) -> None:
    for column in ("label", "annotator_a", "annotator_b"):
        assert set(messages[column]) == LABELS
    assert messages["label"].value_counts(normalize=True).between(0.2, 0.5).all()


def test_annotators_disagree_as_people_do_and_settle_the_label_where_they_agree(messages: pd.DataFrame) -> None:
    agree = messages["annotator_a"].eq(messages["annotator_b"])
    assert messages["label"][agree].eq(messages["annotator_a"][agree]).all()
    assert 0.05 <= 1 - agree.mean() <= 0.25
    assert 0.6 <= cohen_kappa_score(messages["annotator_a"], messages["annotator_b"]) <= 0.95


def test_messages_span_the_year_and_customers_come_back(messages: pd.DataFrame) -> None:
    assert sorted(messages["month"].unique()) == [f"2025-{month:02}" for month in range(1, 13)]
    assert messages["customer_id"].value_counts().ge(2).sum() >= 50


def test_new_products_are_named_only_from_july_on(messages: pd.DataFrame) -> None:
    named = messages["text"].str.contains(NEW_WORDS)
    assert not named[messages["month"] < "2025-07"].any()
    # a drift that nobody could notice would simulate nothing
    assert named[messages["month"] >= "2025-07"].mean() > 0.1


def test_language_is_that_of_the_script(messages: pd.DataFrame) -> None:
    own = messages[messages["phrasing"] != "code_mixed"]
    has_chinese = own["text"].str.contains(CHINESE)
    assert own["text"][has_chinese != own["language"].eq("zh")].tolist() == []
    mixed = messages[messages["phrasing"].eq("code_mixed") & messages["language"].eq("zh")]
    assert mixed["text"].str.contains(CHINESE).all()
    assert mixed["text"].str.contains("[A-Za-z]{2}").all()


def test_the_data_card_counts_what_is_there(messages: pd.DataFrame) -> None:
    rows = {
        name: [int(cell.replace(",", "")) for cell in cells.split("|")]
        for name, cells in re.findall(r"^\| ([\w=]+|all messages) \|((?: [\d,]+ \|){3} [\d,]+) \|$", CARD, re.MULTILINE)
    }
    counted = {"all messages": messages} | {
        f"{column}={value}": part for column in SLICES for value, part in messages.groupby(column)
    }
    assert rows == {
        name: [int(part["label"].eq(label).sum()) for label in sorted(LABELS)] + [len(part)]
        for name, part in counted.items()
    }


def test_the_data_card_states_agreement_customers_and_drift_as_they_are(messages: pd.DataFrame) -> None:
    agreement = messages["annotator_a"].eq(messages["annotator_b"]).mean()
    kappa = cohen_kappa_score(messages["annotator_a"], messages["annotator_b"])
    customers = messages["customer_id"].value_counts()
    late = messages[messages["month"] >= "2025-07"]
    named = int(late["text"].str.contains(NEW_WORDS).sum())
    months, lengths = messages["month"].value_counts(), messages["text"].str.len()
    plain = " ".join(CARD.split())
    for stated in (
        f"{len(messages):,} customer-service messages",
        f"They agree on {agreement:.1%}".replace("%", " %"),
        f"Cohen's κ {kappa:.3f}",
        f"{len(customers):,} invented customers; {customers.ge(2).sum()} of them",
        f"{named} of the {len(late)} messages from July on",
        f"{months.min()} to {months.max()} messages each",
        f"{lengths.min()} to {lengths.max()} characters",
    ):
        assert stated in plain


def test_the_data_card_is_short_and_says_what_the_data_are_not() -> None:
    assert len(CARD.splitlines()) < 70
    for said in (
        "No real customer",
        "large language model",
        "simulated human votes",
        "Not for benchmarking",
        "Apache-2.0",
    ):
        assert said in CARD
