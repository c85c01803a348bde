"""What becomes of rows that are given: which are new, which are refused, which are kept apart to test on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data.contamination import contaminated
from mlflow_evalplus.core.training_data.keys import strict_key
from mlflow_evalplus.core.training_data.rows import HELD_OUT, ID, PART, TRAIN, Row, Settings
from mlflow_evalplus.core.words import folded

RELABELLED, IN_TEST = "relabelled", "in_test"


@dataclass
class Addition:
    """What a version adds to those before it.

    Attributes
    ----------
    rows : list of dict
        The new ones, each with its part.
    retired : dict of str to list of str
        Reason → ids of rows that are out of use from now on.
    n_known : int
    refused : Counter of str
    """

    rows: list[Row] = field(default_factory=list)
    retired: dict[str, list[str]] = field(default_factory=dict)
    n_known: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def addition(
    given: Sequence[Row], there: Sequence[Row], tests: Sequence[str], new_tests: Sequence[str], settings: Settings,
    *, held_out: float, seed: int,
) -> Addition:  # fmt: skip
    """Decide what to take of the rows given.

    Parameters
    ----------
    given, there : sequence of dict
        New rows, and those in use.
    tests, new_tests : sequence of str
        Texts of all test sets ever named, and those among them that are named for the first time.
    settings : Settings
    held_out : float
        The share of new texts to keep apart, 0 … 1.
    seed : int
        Of the hash that chooses them.

    Returns
    -------
    Addition
        No training row of it, nor of those that stay in use, is like a test text or a row that is held out.
    """
    found = Addition()
    text = settings.text
    trained = [row for row in there if row[PART] == TRAIN]
    kept_apart = [row[text] for row in there if row[PART] == HELD_OUT]
    in_test = {row[ID] for row in _refused(trained, new_tests, text)}
    if in_test:
        found.retired[IN_TEST] = sorted(in_test)
    fresh, corrected = _news(given, [row for row in there if row[ID] not in in_test], settings, found)
    train = [row[text] for row in trained]
    kept_apart += _relabelled(corrected, HELD_OUT, train, text, found)  # one to test on may be like any test
    train += _relabelled(corrected, TRAIN, [*tests, *kept_apart], text, found)
    accepted = []
    for row, reason in zip(fresh, contaminated([row[text] for row in fresh], [*tests, *kept_apart]), strict=True):
        if reason:
            found.refused[reason] += 1
        else:
            accepted.append(row)
    apart = _kept_apart(accepted, train, settings, held_out, seed)
    found.rows += [{**row, PART: HELD_OUT if row[text] in apart else TRAIN} for row in accepted]
    return found


def _news(
    given: Sequence[Row], there: Sequence[Row], settings: Settings, found: Addition
) -> tuple[list[Row], list[tuple[Row, Row]]]:
    """Return rows with a new text, and those with a new label, each with the row that has the old one."""
    last = {folded(row[settings.text]): row for row in given}
    for row in given:
        kept = last[folded(row[settings.text])]
        if kept is not row:
            if kept[settings.label] == row[settings.label]:
                found.n_known += 1
            else:
                found.refused[names.CONFLICT] += 1
    in_use = {folded(row[settings.text]): row for row in there}
    fresh, corrected = [], []
    for key, row in last.items():
        before = in_use.get(key)
        if before is None:
            fresh.append(row)
        elif before[settings.label] == row[settings.label]:
            found.n_known += 1
        else:
            corrected.append((row, before))
    return fresh, corrected


def _relabelled(
    corrected: Sequence[tuple[Row, Row]], part: str, others: Sequence[str], text: str, found: Addition
) -> list[str]:
    """Put rows with a new label in the place of those of one part, unless they are like others; return their texts."""
    pairs = [(row, before) for row, before in corrected if before[PART] == part]
    taken = []
    reasons = contaminated([row[text] for row, _ in pairs], others)
    for (row, before), reason in zip(pairs, reasons, strict=True):
        if reason and (part == TRAIN or row[text] != before[text]):
            found.refused[reason] += 1
        else:
            found.rows.append({**row, PART: part})
            found.retired.setdefault(RELABELLED, []).append(before[ID])
            taken.append(row[text])
    return taken


def _refused(rows: Sequence[Row], tests: Sequence[str], text: str) -> list[Row]:
    reasons = contaminated([row[text] for row in rows], tests)
    return [row for row, reason in zip(rows, reasons, strict=True) if reason]


def _kept_apart(rows: Sequence[Row], trained: Sequence[str], settings: Settings, share: float, seed: int) -> set[str]:
    """Return the texts to test on: by a hash of their letters, and none that is like a text to train on."""
    texts = [row[settings.text] for row in rows]
    chosen = [_hash(text, seed) < share for text in texts]
    apart = [text for text, held in zip(texts, chosen, strict=True) if held]
    train = [*trained, *(text for text, held in zip(texts, chosen, strict=True) if not held)]
    while apart:
        like = contaminated(apart, train)
        train = [text for text, reason in zip(apart, like, strict=True) if reason]
        apart = [text for text, reason in zip(apart, like, strict=True) if not reason]
        if not train:
            break
    return set(apart)


def _hash(text: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{strict_key(text)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
