"""Check digits, and what else tells a number of a person from any other number."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_address

DOUBLED = str.maketrans("0123456789", "0246813579")  # twice a digit, the sum of its digits
CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PROVINCES = frozenset(
    [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83]
)
# Lengths in the IBAN registry (SWIFT, ISO 13616).
IBAN_LENGTHS = {
    place: length
    for length, places in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "PT ST"),
        (26, "IS TR"),
        (27, "FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU"),
        (31, "MT SC"),
        (32, "LC"),
    )
    for place in places.split()
}
# First digits → lengths, of the card networks that are in use (ISO/IEC 7812).
CARDS = (
    (re.compile("4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile("3[47]"), (15,)),
    (re.compile("30[0-5]|3[689]"), (14, 16)),
    (re.compile("35"), (16,)),
    (re.compile("62|81"), (16, 17, 18, 19)),
    (re.compile(r"6011|64[4-9]|65|5[06789]|6[37]"), (16, 17, 18, 19)),
)


def may_be_card(first: str) -> bool:
    """Say whether a card's number may begin with this digit."""
    return first in "234568"


def is_card(digits: str) -> bool:
    """Say whether these are the digits of a payment card: a known network, its length, and Luhn's check digit.

    Examples
    --------
    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    return any(len(digits) in lengths and start.match(digits) for start, lengths in CARDS) and _luhn(digits)


def _luhn(digits: str) -> bool:
    as_is, doubled = digits[-1::-2], digits[-2::-2].translate(DOUBLED)
    return len(set(digits)) > 1 and sum(map(int, as_is + doubled)) % 10 == 0


def is_chinese_id(number: str) -> bool:
    """Say whether this is a resident identity number: 18 places with check digit (GB 11643), or the old 15.

    Examples
    --------
    >>> is_chinese_id("11010519491231002X"), is_chinese_id("110105194912310021"), is_chinese_id("110105491231002")
    (True, False, True)
    """
    if int(number[:2]) not in PROVINCES:
        return False
    born = number[6:14] if len(number) == 18 else f"19{number[6:12]}"
    if not _is_day(born):
        return False
    if len(number) == 15:
        return True
    total = sum(weight * int(digit) for weight, digit in zip(CHINESE_WEIGHTS, number[:17], strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_day(digits: str) -> bool:
    if not "01" <= digits[4:6] <= "12":
        return False
    try:
        return 1850 < date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


def iban_length(start: str) -> int:
    """Return how long the IBAN of a country is, by its first two letters; 0 where there are none."""
    return IBAN_LENGTHS.get(start.upper(), 0)


def is_iban(number: str) -> bool:
    """Say whether this is an IBAN: of its country's length, with ISO 7064's check digits.

    Examples
    --------
    >>> is_iban("GB82WEST12345698765432"), is_iban("GB83WEST12345698765432")
    (True, False)
    """
    if len(number) != iban_length(number[:2]):
        return False
    return int("".join(str(int(place, 36)) for place in number[4:] + number[:4])) % 97 == 1


def is_social_security(number: str) -> bool:
    """Say whether a US social security number may have been given out: no 000, 666, 9xx; no 00; no 0000.

    Examples
    --------
    >>> is_social_security("123456789"), is_social_security("000456789")
    (True, False)
    """
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_hong_kong_id(number: str) -> bool:
    """Say whether this is a Hong Kong identity card number, by its check digit.

    Examples
    --------
    >>> is_hong_kong_id("A1234563"), is_hong_kong_id("A1234564")
    (True, False)
    """
    places = [36 if place == " " else int(place, 36) for place in number[:-1].rjust(8)]
    total = sum(weight * value for weight, value in zip(range(9, 1, -1), places, strict=True))
    return "0A987654321"[total % 11] == number[-1].upper()


def is_address(text: str) -> bool:
    """Say whether this is an IP address; four single digits are taken as a version.

    Examples
    --------
    >>> is_address("192.168.10.4"), is_address("1.2.3.4"), is_address("2001:db8::8a2e:370:7334"), is_address("12:30")
    (True, False, True, False)
    """
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return len(text) > 7 if found.version == 4 else any(place in text for place in "0123456789")
