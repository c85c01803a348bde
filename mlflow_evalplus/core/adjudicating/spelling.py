"""What annotators write in a cell → one of the labels, or that they cannot tell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from mlflow_evalplus.core.words import folded
from mlflow_evalplus.errors import shorten

UNSURE = "?"
CANNOT_TELL = ("?", "??", "???", "unclear", "unsure", "skip", "不确定")


class Spelling:
    """The labels, and by what other spellings they are known.

    Parameters
    ----------
    labels : iterable of str
        Those that are permitted. Without any every word is a label, and spellings of one differ in case, width and
        spaces only; which of them is taken is told by `words`.
    words : iterable of str
        All that the annotators wrote.

    Examples
    --------
    >>> spelling = Spelling(["negative", "positive"])
    >>> spelling.meant(" NEGATIVE "), spelling.meant("？"), spelling.meant("negatve")
    ('negative', '?', None)
    >>> spelling.instead("negatve")
    "; permitted are ['negative', 'positive']. Did you mean 'negative'?"
    """

    def __init__(self, labels: Iterable[str], words: Iterable[str] = ()) -> None:
        permitted = tuple(dict.fromkeys(labels))
        self.given = bool(permitted)
        if not permitted:
            unsure = set(map(folded, CANNOT_TELL))
            first: dict[str, str] = {}
            for word in sorted({" ".join(word.split()) for word in words}):
                if folded(word) not in unsure:
                    first.setdefault(folded(word), word)
            permitted = tuple(sorted(first.values()))
        self.labels = permitted
        known = defaultdict(list)
        for label in permitted:
            known[folded(label)].append(label)
        self._known = known

    def meant(self, cell: str) -> str | None:
        """Return the label that is meant, ``?`` where the annotator cannot tell, None where nobody knows.

        A number that a table program made of a label counts as that label (``1.0`` for ``1``; ``1,000`` may be a
        thousand, and does not), and so does a cell that begins with the apostrophe by which a spreadsheet is kept from
        computing it.
        """
        if cell.strip() in self.labels:
            return cell.strip()
        word = folded(cell)
        for tried in (word, word.removeprefix("'"), re.sub(r"^([+-]?\d+)[.,]00?$", r"\1", word)):
            if len(found := self._known.get(tried, [])) == 1:
                return found[0]
        return UNSURE if word in CANNOT_TELL else None

    def instead(self, cell: str) -> str:
        """Return what is permitted, and the nearest of it, as the end of a sentence."""
        near = get_close_matches(folded(cell), self._known, n=1, cutoff=0.6)
        hint = f" Did you mean {self._known[near[0]][0]!r}?" if near else ""
        return f"; permitted are {shorten(self.labels)}.{hint}"
