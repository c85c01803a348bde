"""One version of the training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IN_WORDS = {
    "same_text": "the text of a test row",
    "same_words": "the words of a test row",
    "near_copy": "nearly the text of a test row",
    "conflicting_label": "another label further down",
}


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of the training data holds, and how it came about.

    Attributes
    ----------
    number : int
        From 1.
    at : str
        When it was made: ISO 8601, UTC.
    digest : str
        Of all that it holds: its own rows, and by `parent` those of every version before it.
    parent : str
        The digest of the version before; empty for the first.
    n_rows, n_held_out : int
        Rows to train on, and rows kept apart to test on, as they stand in this version.
    n_added, n_retired : int
        Rows of either kind that came with this version, and that are out of use from it on.
    n_known : int
        Rows that were given, and were there already with the same label.
    refused : mapping of str to int
        Rows that were given and not taken, by reason: one of ``names.REFUSALS``, or ``conflicting_label``.
    n_test_texts : int
        Different test texts, as they are written, that no row may ever be like; they are remembered from all versions.
    source, note : str
    changed : bool
        False where a call changed nothing: then this is the version that stays the newest, with `n_added` and
        `n_retired` 0 and with what became of the rows that were given.

    Examples
    --------
    >>> one = Version(3, "2026-07-01T09:00:00Z", "c0ffee", "", 1240, 60, 200, 3, 12, {"near_copy": 2}, 400)
    >>> one.sentence
    'Version 3: 1,240 rows to train on, 60 held out; 200 added, 3 retired, 12 already there, 2 refused (2 nearly the \
text of a test row).'
    """

    number: int
    at: str
    digest: str
    parent: str
    n_rows: int
    n_held_out: int
    n_added: int = 0
    n_retired: int = 0
    n_known: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    n_test_texts: int = 0
    source: str = ""
    note: str = ""
    changed: bool = True

    @property
    def n_refused(self) -> int:
        """Rows that were given and not taken."""
        return sum(self.refused.values())

    @property
    def sentence(self) -> str:
        """What was done, in one sentence."""
        reasons = ", ".join(f"{n:,} {IN_WORDS[reason]}" for reason, n in self.refused.items() if n)
        done = [
            f"{n:,} {what}"
            for n, what in (
                (self.n_added, "added"), (self.n_retired, "retired"), (self.n_known, "already there"),
                (self.n_refused, f"refused ({reasons})"),
            )
            if n
        ]  # fmt: skip
        came = f"; {', '.join(done)}" if done else ""
        if not self.changed:
            return f"Nothing changed{came}; the newest version is still {self.number}."
        return f"Version {self.number}: {self.n_rows:,} rows to train on, {self.n_held_out:,} held out{came}."
