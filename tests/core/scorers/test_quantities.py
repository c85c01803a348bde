"""Numbers as people write them: hand-written, and a round trip over generated ones."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.declared import plain
from mlflow_evalplus.core.scorers.han_numerals import han_value
from mlflow_evalplus.core.scorers.numeric import number_of
from mlflow_evalplus.core.scorers.quantities import quantities
from mlflow_evalplus.core.scorers.units import same, unit_at
from tests.generated import inputs


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"), ("42.", "42"), ("042", "42"), (".5", "1/2"), ("1,234.5", "2469/2"), ("1 234", "1234"),
        ("1\u202f234\u202f567", "1234567"), ("1'234", "1234"), ("1.234,5", "2469/2"), ("12,5", "25/2"),
        ("3,141", "3141"),
        ("1,23,456", "123456"), ("12,3456", "123456"), ("1_000", "1000"), ("3/4", "3/4"), ("1 1/2", "3/2"),
        ("1½", "3/2"),
        ("½", "1/2"), ("\\frac{3}{4}", "3/4"), ("1.2e-3", "3/2500"), ("3E5", "300000"), ("3×10⁵", "300000"),
        ("3 x 10^5", "300000"), ("2 \\times 10^{-2}", "1/50"), ("2.5 million", "2500000"), ("5k", "5000"), ("-5", "-5"),
        ("−5", "-5"), ("minus five", "-5"), ("$1,234", "1234"), ("US$ 5", "5"), ("-$5", "-5"), ("$-5", "-5"),
        ("$3.5M", "3500000"),
        ("€2bn", "2000000000"), ("forty-two", "42"), ("two hundred and five", "205"),
        ("one thousand two hundred", "1200"),
        ("15%", "15"), ("15 percent", "15"), ("5‰", "1/2"), ("x = 42", "42"), ("about 42 days", "42"), ("＋４２", "42"),
        ("三万五千", "35000"), ("两万五", "25000"), ("1.2亿", "120000000"), ("3万5千", "35000"), ("3 万", "30000"),
        ("百分之十五", "15"),
        ("百分之1.5", "3/2"), ("三分之二", "2/3"), ("负五", "-5"), ("三点一四", "157/50"), ("二〇二四", "2024"),
        ("十", "10"), ("十五", "15"),
        ("一百零五", "105"), ("一万零三百", "10300"), ("一亿二千万", "120000000"), ("1万亿", "1000000000000"),
        ("壹佰元", "100"), ("¥３００", "300"),
        ("３，０００元", "3000"), ("三十天", "30"), ("约3天内", "3"), ("一共二十个", "20"), ("两百五十", "250"),
        ("两百五", "250"), ("一千零五", "1005"),
    ],
)  # fmt: skip
def test_a_number_in_its_dress(text: str, number: str) -> None:
    assert number_of(text) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    ["", "no", "3D", "2B", "3rd", "2024-05-01", "10-15", "10 to 15", "10～15", "10至15", "3:30", "1.2.3", "一般",
     "万一", "十分", "42 or 43",
     "42 is wrong", "42?", "6*7", "0+John's age", "1/0", "亿", "点", "/", "-", "$", "\\frac{1}{0}", "192.168.0.1",
     "百分之"],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert number_of(text) is None


def test_quantities_of_a_sentence() -> None:
    def found(text: str) -> list[str]:
        return [str(quantity.number) for quantity, _, _ in quantities(plain(text))]

    assert found("He paid $1,200 for 3 items and 15% of it, minus 5.") == ["1200", "3", "15", "-5"]
    assert found("第三天他走了三十公里，花了2万元") == ["30", "20000"]
    assert found("one of them in room B12, COVID-19, GPT4") == ["-19"] or found("one of them in room B12, GPT4") == []
    assert found("") == []


def test_units() -> None:
    def both(one: str, other: str) -> bool:
        first, second = unit_at(one), unit_at(other)
        assert first is not None
        assert second is not None
        return same(first, second)

    assert both("hours", "小时")
    assert both("$", "美元")
    assert both("元", "RMB")
    assert both("个工作日", "business days")
    assert not both("minutes", "hours")
    assert not both("dollars", "元")
    assert [unit_at(word) for word in ("mice", "house", "hotels", "", "?")] == [None] * 5


DIGITS = "零一二三四五六七八九"


def chinese(number: int) -> str:
    """Return a whole number below 10^8 in Chinese, by the textbook."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        return chinese(high) + "万" + (("零" if low < 1000 else "") + chinese(low) if low else "")
    parts, rest = "", number
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, rest = divmod(rest, size)
        if digit:
            parts += DIGITS[digit] + name
        elif parts and rest and not parts.endswith("零"):
            parts += "零"
    return parts or "零"


@settings(max_examples=inputs(100), deadline=None)
@given(st.integers(0, 99_999_999))
def test_chinese_numerals_round_trip(number: int) -> None:
    assert han_value(chinese(number)) == number


@settings(max_examples=inputs(100), deadline=None)
@given(st.text(st.sampled_from("零一二两十百千万亿点0123.半")))
def test_any_numeral_has_a_value_or_none(text: str) -> None:
    value = han_value(text) if text else None
    assert value is None or value >= 0


@settings(max_examples=inputs(100), deadline=None)
@given(st.decimals(-(10**9), 10**9, places=3))
def test_numbers_round_trip_with_separators(number: object) -> None:
    for dress in ("{:,}", "{}", "${:,}", "{:,} 元", "{:e}"):
        assert number_of(dress.format(number)) == Fraction(str(number)), dress.format(number)
