"""Units of numeric answers, in English and Chinese, and what one is in terms of another."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

# What is measured -> the unit's size -> its names.
_UNITS: dict[str, dict[str, str]] = {
    "%": {"1": "% percent percentage 个百分点 百分点"},
    "dollar": {"1": "$ us$ usd dollar dollars 美元 美金", "1/100": "cent cents 美分"},
    "yuan": {"1": "¥ 元 块 块钱 元人民币 人民币 yuan rmb cny", "1/10": "角 毛", "10000": "万元"},
    "euro": {"1": "€ eur euro euros 欧元"},
    "pound sterling": {"1": "£ gbp 英镑"},
    "yen": {"1": "jpy yen 日元"},
    "rupee": {"1": "₹ inr rupee rupees 卢比"},
    "hong kong dollar": {"1": "hk$ hkd 港元 港币"},
    "time": {
        "1": "s sec secs second seconds 秒 秒钟", "60": "min mins minute minutes 分钟",
        "3600": "h hr hrs hour hours 小时 个小时 钟头", "86400": "day days 天 日",
        "604800": "week weeks 周 星期 个星期", "1/1000": "ms millisecond milliseconds 毫秒",
    },
    "working day": {"1": "business_day business_days working_day working_days 个工作日 工作日"},
    "calendar": {"1": "month months 个月 月", "12": "year years yr yrs 年", "3": "quarter quarters 季度 个季度"},
    "length": {
        "1": "m metre metres meter meters 米", "1000": "km kilometre kilometres kilometer kilometers 公里 千米",
        "1/100": "cm centimetre centimetres centimeter centimeters 厘米 公分",
        "1/1000": "mm millimetre millimetres millimeter millimeters 毫米", "3048/10000": "ft foot feet 英尺",
        "254/10000": "inch inches 英寸", "1609344/1000": "mile miles 英里",
    },
    "mass": {
        "1": "g gram grams 克", "1000": "kg kilo kilos kilogram kilograms 千克 公斤", "500": "斤",
        "1000000": "t ton tons tonne tonnes 吨", "1/1000": "mg milligram milligrams 毫克",
    },
    "volume": {
        "1": "l litre litres liter liters 升",
        "1/1000": "ml millilitre millilitres milliliter milliliters 毫升",
    },
    "temperature": {"1": "°c celsius 摄氏度 度"},
    "data": {"1": "kb", "1000": "mb", "1000000": "gb", "1000000000": "tb"},
    "times": {"1": "time times 次 遍 回"},
    "area": {"1": "m^2 m2 sqm 平方米 平米 square_metres square_meters"},
    "speed": {"1": "km/h kmh kph 公里/小时 千米/小时 公里每小时"},
    "thing": {
        "1": "piece pieces item items person persons people 个人 人 名 位 个 件 只 张 条 台 本 笔 份 支 套 道 颗 枚 家"
    },
}  # fmt: skip


class Unit(NamedTuple):
    """A unit: what it measures, how large it is, and how many characters its name took."""

    measures: str
    size: Fraction
    length: int = 0


_NAMES = {
    name.replace("_", " "): (measures, Fraction(size))
    for measures, sizes in _UNITS.items()
    for size, names in sizes.items()
    for name in names.split()
}
_NAME = re.compile(
    "|".join(
        re.escape(name) + (r"(?![A-Za-z])" if name[-1].isascii() and name[-1].isalpha() else "")
        for name in sorted(_NAMES, key=len, reverse=True)
    ),
    re.I,
)


@lru_cache(maxsize=4096)
def unit_at(text: str) -> Unit | None:
    """Return the unit with which a text begins; None where it begins with none that is known.

    Examples
    --------
    >>> unit_at("hours later") == unit_at("小时")._replace(length=5), unit_at("mice")
    (True, None)
    """
    match = _NAME.match(text.lstrip("- "))
    if match is None:
        return None
    return Unit(*_NAMES[match[0].lower()], length=match.end() + len(text) - len(text.lstrip("- ")))


def same(one: Unit, other: Unit) -> bool:
    """Whether two units are the same one, whatever they are called."""
    return one.measures == other.measures and one.size == other.size
