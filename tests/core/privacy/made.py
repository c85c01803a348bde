"""Numbers of nobody, with check digits worked out here, in sentences of both languages."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

DIGITS = "0123456789"
SENTENCES = (
    "{}", "my order is late, {}", "please use {} from now on", "我的是{}谢谢", "用户留下{}，请处理", "1299元 {}",
    "({})", "{}。",
)  # fmt: skip
FULL_WIDTH = str.maketrans(DIGITS + "-", "０１２３４５６７８９－")


def _digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=least, max_size=most or least)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """Draw a payment card; the check digit is tried out, not worked out."""
    start, length = draw(st.sampled_from([("4", 16), ("51", 16), ("37", 15), ("6222", 16), ("6217", 19), ("3530", 16)]))
    body = start + draw(_digits(length - len(start) - 1))
    card = next(body + last for last in DIGITS if _luhn(body + last) == 0)
    groups = [card[:4], card[4:10], card[10:]] if length == 15 else [card[at : at + 4] for at in range(0, length, 4)]
    return draw(st.sampled_from(["", " ", "-"])).join(groups)


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(number[::-1]):
        value = int(digit)
        if place % 2 == 1:
            value = 2 * value
            if value > 9:
                value -= 9
        total += value
    return total % 10


@st.composite
def chinese_ids(draw: st.DrawFn) -> str:
    """Draw a resident identity number; weights are powers of two modulo 11."""
    place = draw(st.sampled_from(["110101", "310104", "440308", "510107", "650102"]))
    born = draw(st.dates(date(1930, 1, 1), date(2020, 12, 31)))
    body = f"{place}{born:%Y%m%d}{draw(_digits(3))}"
    rest = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(body)) % 11
    return body + str((1 - rest) % 11).replace("10", "X")


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """Draw a German or a British IBAN."""
    country, bank = draw(st.sampled_from([("DE", _digits(18)), ("GB", _digits(14).map(lambda n: "WEST" + n))]))
    body = draw(bank)
    values = "".join(str(ord(c) - 55) if c.isalpha() else c for c in f"{body}{country}00")
    whole = f"{country}{98 - int(values) % 97:02d}{body}"
    spaced = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
    return draw(st.sampled_from([whole, spaced]))


@st.composite
def phones(draw: st.DrawFn) -> str:
    """Draw a mobile of China, a landline, a US number or an international one."""
    shape = draw(st.sampled_from(["1M#########", "1M#-####-####", "1M# #### ####", "+86 1M#########", "010-N#######",
                                  "0571-N#######", "(N##) N##-####", "N##-N##-####", "+1 N## N## ####",
                                  "+49 30 N#######", "+44 20 7### ####"]))  # fmt: skip
    kinds = {"#": DIGITS, "M": "3456789", "N": "23456789"}
    return "".join(draw(st.sampled_from(kinds[c])) if c in kinds else c for c in shape)


def emails() -> st.SearchStrategy[str]:
    """Draw an address of plain ASCII."""
    name = st.from_regex(r"[a-z][a-z0-9]{0,10}([._+-][a-z0-9]{1,8})?", fullmatch=True)
    host = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9]", fullmatch=True)
    return st.builds("{}@{}.{}".format, name, host, st.sampled_from(["com", "cn", "com.cn", "co.uk", "org"]))


def social_security() -> st.SearchStrategy[str]:
    """Draw a US social security number."""
    return st.builds("{:03d}-{:02d}-{:04d}".format, st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999))


def others() -> st.SearchStrategy[str]:
    """Draw numbers that are of no person: money, dates, times, versions, counts, numbers of orders."""
    return st.one_of(
        st.decimals(0, 10**7, places=2).map(str),
        st.builds("{:,}".format, st.integers(0, 10**9)),
        st.dates().map(str),
        st.times().map(lambda when: f"{when:%H:%M:%S}"),
        st.datetimes().map(lambda when: f"{when:%Y%m%d%H%M%S}".zfill(14)),
        st.builds("v{}.{}.{}".format, st.integers(0, 99), st.integers(0, 99), st.integers(0, 9999)),
        st.integers(0, 999_999).map(str),
        st.integers(10**9, 2 * 10**9).map(str),
        st.builds("{}-{}".format, st.integers(1, 9999), st.integers(1, 9999)),
    )


def everything() -> st.SearchStrategy[tuple[str, str]]:
    """Draw kind and number."""
    kinds = {"card": cards(), "id": chinese_ids() | social_security(), "iban": ibans(), "phone": phones(),
             "email": emails()}  # fmt: skip
    return st.one_of(*(st.tuples(st.just(kind), numbers) for kind, numbers in kinds.items()))
