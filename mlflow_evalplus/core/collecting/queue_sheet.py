"""A queue as a CSV file that annotators fill, and no cell of which a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence

from mlflow_evalplus.results.queue import Queue

FORMULA = "=+-@＝＋－＠"  # a spreadsheet takes a cell that begins so for a formula, the full-width ones in East Asia
MAX_CELL = 32_000  # UTF-16 units; Excel cuts a cell at 32,767
CUT = "… [{:,} more characters, in queue.jsonl]"
AFTER_VOTES = ("adjudicated", "note")


def shown(text: str) -> str:
    r"""Return a text as it stands in the cell of a CSV file: no spreadsheet takes it for a formula.

    What goes beyond 32,000 characters is cut, which the cell says; all else is as in `guarded`.

    Examples
    --------
    >>> shown("=1+1"), shown("'=1+1"), shown("1+1")
    ("'=1+1", "''=1+1", '1+1')
    """
    return _cut(guarded(text))


def guarded(text: str) -> str:
    r"""Return a text of which no spreadsheet makes a formula.

    Control characters are left out, and line ends are ``\n``. Where the first thing to be seen is one of ``= + - @``,
    half or full width, or the text begins with a tab, a line end or an apostrophe, an apostrophe goes before it. So two
    texts are shown alike only if they differ in nothing but control characters and line ends: one apostrophe taken away
    gives the text again.

    Examples
    --------
    >>> guarded("@home"), guarded("at home")
    ("'@home", 'at home')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    first = next((c for c in text if not (c.isspace() or unicodedata.category(c) == "Cf")), "")
    risky = text[:1] in ("'", "\t", "\n") or (first and first in FORMULA)
    return f"'{text}" if risky else text


def _cut(text: str) -> str:
    if len(text) * 2 <= MAX_CELL or len(text.encode("utf-16-le")) // 2 <= MAX_CELL:
        return text
    kept = text.encode("utf-16-le")[: 2 * (MAX_CELL - len(CUT) - 10)].decode("utf-16-le", errors="ignore")
    return kept + CUT.format(len(text) - len(kept))


def csv_text(queue: Queue, annotators: Sequence[str] = ("annotator_1", "annotator_2"), *, third: bool = True) -> str:
    """Return the CSV that annotators fill: UTF-8 with a BOM once it is encoded, and nothing of what the model said.

    Parameters
    ----------
    queue : Queue
    annotators : sequence of str
        Their columns, empty.
    third : bool
        Whether there is a column ``adjudicated``, for whoever decides where they differ.
    """
    sliced = list(dict.fromkeys(name for case in queue.cases for name in case.slices or {}))
    after = AFTER_VOTES if third else AFTER_VOTES[1:]
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["case_id", "text", *annotators, *after, *(shown(f"slice.{name}") for name in sliced)])
    for case in queue.cases:
        context = [(case.slices or {}).get(name, "") for name in sliced]
        blank = [""] * (len(annotators) + len(after))
        writer.writerow([shown(case.case_id), shown(case.text), *blank, *map(shown, context)])
    return "\ufeff" + out.getvalue()
