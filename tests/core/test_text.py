"""Slices of texts: tables of cases at which a simpler rule fails, an oracle per row, and real messages."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.text import LENGTH_BOUNDS, LENGTHS, TEXT_SLICES, text_slice
from mlflow_evalplus.errors import ColumnNotFound
from tests.conftest import REAL_DATA
from tests.generated import inputs

MESSAGES = Path(__file__).parents[2] / "recipes" / "sentiment" / "messages.csv"
PIECES = st.sampled_from([
    *"不没别吗呢？！?!:)(.,，。'’@/#のéßПعAz7٣〇ﬀ \n\0\u200d\ufe0f", "カー", "한국", "👍🏽", "🇨🇭", "❤️", "not", "can I",
    "http://", "www.", "example.com", "PLEASE", "don't", "不错", "怎么",
])  # fmt: skip
TEXTS = st.lists(st.none() | st.text() | st.lists(PIECES, max_size=30).map("".join), max_size=5)


def column(texts: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def value(text: str, name: str) -> str:
    return str(text_slice(column([text]), name).to_pylist()[0])


def says(name: str, text: str, expected: bool) -> None:
    assert value(text, name) == ("yes" if expected else "no"), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 40, 0),
        ("a" * 41, 1),
        ("a " * 40 + "!?", 0),  # spaces and marks carry nothing
        ("字" * 13, 0),  # 39 letters' worth
        ("字" * 14, 1),
        ("字" * 34, 2),
        ("е" * 40, 0),  # Cyrillic: two bytes, but one letter
        ("👍" * 99, 0),
        ("한" * 14, 1),
        ("", 0),
        ("1" * 251, 3),
    ],
)
def test_length_counts_a_han_character_as_three_letters(text: str, expected: int) -> None:
    assert value(text, "text_length") == LENGTHS[expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Compost bin: kerb or garden?", True),
        ("退货要几天？", True),
        ("can i use points on the delivery charge", True),
        ("Still nothing. Where is my parcel", True),
        ("hi, what time do you open", True),
        ("Which counter do I go to", True),
        ("What’s the limit", True),
        ("When I arrived it was closed.", False),
        ("What a lovely day", False),
        ("Which is why I left.", False),
        ("Was the best bank I ever had.", False),  # a lost subject
        ("Did the job.", False),
        ("Should you need my address, write.", False),  # a condition
        ("Can openers are sold out.", False),
        ("I know what you did", False),
        ("see https://example.com/?id=7 for it", False),  # a query, no question
        ("did you mean example.com?", True),
        ("有货吗", True),
        ("能改到周五吗，谢谢", True),
        ("吗啡类药物不能寄", False),
        ("退货三周了，钱呢", True),
        ("还没到呢。", False),
        ("我还在等着呢", False),
        ("我呢，昨天刚办的卡", False),  # a topic
        ("滤芯多久换", True),
        ("烦请核实是否为官方发送。", True),
        ("请问卡丢了", True),
        ("怎么扣的钱我已经查到，谢谢", False),  # not in the last clause
        ("客服教我怎么改密码。", False),
        ("也不知道怎么回事", False),
        ("无论如何都要感谢你们", False),
        ("服务不怎么好", False),
        ("", False),
    ],
)
def test_question(text: str, expected: bool) -> None:
    says("text_question", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("Thanks!", True), ("谢谢！", True), ("late ‼️", True), ("late.", False), ("¡hola", False)]
)
def test_exclamation(text: str, expected: bool) -> None:
    says("text_exclamation", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It does NOT work", True),
        ("I didn't", True),
        ("I didn’t", True),
        ("wasnt", True),
        ("no-one called", True),
        ("It works without a card", True),
        ("I hardly noticed", True),
        ("The knot in my notebook, nowadays", False),
        ("noël", False),
        ("another note", False),
        ("Not only fast but kind", False),
        ("No. 5 and no 7", False),
        ("Early payoff fee, yes or no?", False),
        ("an ant isn at", False),
        ("see example.com/no-reply", False),
        ("打不开", True),
        ("还没收到", True),
        ("無法登入", True),
        ("至今未处理", True),
        ("请勿打扰", True),
        ("别再推了", True),
        ("你们别打电话", True),
        ("并非本人操作", True),
        ("不同意就用不了", True),
        ("没事先通知我", True),  # 没事 means "no matter"
        ("没准备好", True),  # 没准 means "perhaps"
        ("东西不便宜", True),
        ("挺不错的", False),
        ("不过很快", False),
        ("非常好，特别快", False),
        ("分别寄到两个区别很大的地方", False),
        ("跟别人的差不多", False),
        ("没关系", False),
        ("对不起，不好意思", False),
        ("無論如何都感謝", False),
        ("未来可期", False),
        ("无线耳机很好", False),
        ("能不能寄到公司？有没有货", False),
        ("能查到不？", False),
        ("不错，但是打不开", True),
        ("送料無料です", False),  # Japanese: free of charge
    ],
)
def test_negation(text: str, expected: bool) -> None:
    says("text_negation", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👍🏽", True),
        ("👩‍👩‍👧", True),
        ("🇨🇭", True),
        ("1️⃣", True),
        ("❤", True),
        ("☎️", True),
        ("☎", False),
        ("© 2024 ®", False),
        ("1 2 # *", False),
        ("，。！？「」〜", False),
        ("𝐛𝐨𝐥𝐝 字", False),
        ("thanks :)", True),
        ("thanks:-)", True),
        ("谢谢:)", True),
        ("谢谢：）", True),
        ("oh no :'(", True),
        ("great :D", True),
        ("love it <3", True),
        ("in <3 days", False),
        ("^_^", True),
        ("(at 10:30)", False),
        ("ratio 3:(4)", False),
        ("http://example.com/a", False),  # :/
        ("Note:do it", False),
        ("XDR display", False),
    ],
)
def test_emoji(text: str, expected: bool) -> None:
    says("text_emoji", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WHERE IS MY CARD", True),
        ("WHERE IS MY CARD, mate", True),  # 13 of 17
        ("came on a SUNDAY and he gave my dog a biscuit", False),
        ("IBAN", False),
        ("OK 1234567890", False),
        ("ABCDEFG", False),
        ("ABCDEFGH", True),
        ("我的APP和ATM还有PIN都用不了", False),  # every Latin letter is a capital, nobody shouts
        ("PLEASE 快点", True),
        ("ГДЕ МОЯ КАРТА", True),
        ("ok https://EXAMPLE.COM/ABCDEFGHIJK", False),
        ("", False),
    ],
)
def test_capitals(text: str, expected: bool) -> None:
    says("text_capitals", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://t.co/a1", True),
        ("打开https://例子.中国看看", True),
        ("see WWW.example.org", True),
        ("at example.com.", True),
        ("查看example.com/path，谢谢", True),
        ("goo.gl/maps", True),
        ("mail bob@example.com please", False),
        ("mail bob@mail.example.com", False),
        ("it arrived.So I left", False),
        ("e.g. 3.5/5 and/or node.js", False),
        ("awww.so cute", False),
        ("http and www", False),
        ("example.community", False),
    ],
)
def test_url(text: str, expected: bool) -> None:
    says("text_url", text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("打不开", "zh"),
        ("我的iPhone坏了", "zh"),
        ("这个 feature 真的 very useful", "mixed"),
        ("VIP卡", "zh"),
        ("please call 王小姐 about my order tomorrow", "latin"),
        ("看 https://example.com/a/very/long/path", "zh"),
        ("カードが届きません", "ja"),
        ("送料無料です", "ja"),
        ("鲜の每日水果店", "zh"),
        ("I don't know ¯\\_(ツ)_/¯", "latin"),
        ("카드가 안 와요", "ko"),
        ("Где карта", "cyrillic"),
        ("أين بطاقتي", "arabic"),
        ("ســـــــــــلام", "arabic"),  # a drawn-out letter belongs to no script
        ("Πού είναι", "other"),
        ("12:30 👍", "none"),
        ("", "none"),
    ],
)
def test_script(text: str, expected: str) -> None:
    assert value(text, "text_script") == expected


def test_a_missing_text_is_missing_and_an_unknown_slice_is_answered_with_the_nearest() -> None:
    for name in TEXT_SLICES:
        found = text_slice(pa.chunked_array([["a"], [None, "b"]]), name)
        assert found.type == pa.dictionary(pa.int32(), pa.string())
        assert found.num_chunks == 1
        assert [text == names.MISSING for text in found.to_pylist()] == [False, True, False]
        assert text_slice(pa.chunked_array([[None]], pa.string()), name).to_pylist() == [names.MISSING]
        assert text_slice(pa.chunked_array([], pa.large_string()), name).to_pylist() == []
    with pytest.raises(ColumnNotFound, match=r"no slice 'text_lenght'.*Did you mean 'text_length'\?"):
        text_slice(column(["a"]), "text_lenght")


@settings(deadline=None, max_examples=inputs(50))
@given(TEXTS)
def test_any_text_has_one_of_the_declared_values(texts: list[str | None]) -> None:
    for name, known in TEXT_SLICES.items():
        found = text_slice(column(texts), name).to_pylist()
        assert [text is None for text in texts] == [one == names.MISSING for one in found]
        assert set(found) <= {*known.values, names.MISSING}
        assert found[::-1] == text_slice(column(texts[::-1]), name).to_pylist(), "a row is judged by itself"


SCRIPT_NAMES = {"HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "HANGUL": "ko", "LATIN": "latin"}


def script_of(character: str) -> str | None:
    """Return the script by the character's Unicode name; None for what is no letter."""
    if not unicodedata.category(character).startswith("L"):
        return None
    first = unicodedata.name(character, "?").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").split()[0]
    return SCRIPT_NAMES.get(first.split("-")[0], first.lower())


def script_oracle(text: str) -> str:
    scripts = [script_of(character) for character in text]
    if any(a == b == "ja" for a, b in pairwise(scripts)):
        scripts = ["ja" if script == "zh" else script for script in scripts]
    tally: dict[str, int] = {}
    for script in scripts:
        if script:
            tally[script] = tally.get(script, 0) + (3 if script in ("zh", "ja", "ko") else 1)
    asian, latin = sum(tally.get(script, 0) for script in ("zh", "ja", "ko")), tally.get("latin", 0)
    if latin >= 4 and 1 / 3 < latin / (latin + asian) < 2 / 3 and max(latin, asian) >= max(tally.values()):
        return "mixed"
    order = ["zh", "ja", "ko", "latin", "cyrillic", "arabic"]
    return max(tally, key=lambda script: (tally[script], -order.index(script))) if tally else "none"


# Letters of which the Unicode name tells the script.
LETTERS = st.text(st.sampled_from("的卡打开のカーｶ카드abcdXYZéßПкعس 7!.，👍"), max_size=40)


@settings(deadline=None)
@given(LETTERS)
def test_script_and_length_agree_with_a_count_by_character_names(text: str) -> None:
    assert value(text, "text_script") == script_oracle(text)
    weight = sum(3 if script_of(c) in ("zh", "ja", "ko") else 1 for c in text if c.isalnum())
    assert value(text, "text_length") == LENGTHS[sum(weight > bound for bound in LENGTH_BOUNDS)]


@given(st.text())
def test_exclamation_is_a_character(text: str) -> None:
    says("text_exclamation", text, bool(set(text) & set("!！﹗‼⁉❕❗")))


@given(st.lists(PIECES | st.sampled_from(["b@", "co.uk", "done.so", "t.co/x", "-", "_"]), max_size=8).map("".join))
def test_url_agrees_with_looking_around(text: str) -> None:
    """Python's re has what RE2 lacks."""
    address = re.compile(
        r"https?://[^\W_]|(?<![a-z0-9_@./-])(www\.([a-z0-9-]+\.)+[a-z]+|([a-z0-9-]+\.)+"
        r"((com|org|net|edu|gov|cn|co\.uk)(/[!-~]*)?|[a-z]{2}/[!-~]*?[a-z0-9/_=&%#+~-]))(?![a-z0-9_@-])",
        re.IGNORECASE,
    )
    says("text_url", text, bool(address.search(text)))


def test_the_messages_of_the_recipe_say_their_language() -> None:
    messages = pd.read_csv(MESSAGES)
    texts = pa.chunked_array([pa.array(messages["text"])])
    script = pd.Series(text_slice(texts, "text_script").to_pylist())
    assert (script[messages["language"] == "en"] == "latin").all()
    chinese = messages["language"] == "zh"
    mixed = messages["phrasing"] == "code_mixed"
    assert (script[chinese & ~mixed] == "zh").all()
    assert set(script[chinese & mixed]) == {"zh", "mixed"}
    short = pd.Series(text_slice(texts, "text_length").to_pylist()) == LENGTHS[0]
    assert abs(short[chinese].mean() - short[~chinese].mean()) < 0.05, "the weight of a character treats both alike"


@pytest.mark.skipif(not REAL_DATA.exists(), reason="the real data sets are not part of the repository")
def test_tweets_in_arabic_are_in_arabic() -> None:
    tweets = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")
    script = pd.Series(text_slice(pa.chunked_array([pa.array(tweets["text"])]), "text_script").to_pylist())
    arabic = tweets["language"] == "arabic"
    assert (script[arabic] == "arabic").mean() > 0.98
    assert (script[~arabic] == "latin").mean() > 0.99
