"""A candidate in one line: what is trained, and what is put around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_evalplus.errors import DataError, did_you_mean

# What can be trained, with what its argument names; then what can be put around any of it.
BASES = {
    "majority": ("", "always the most frequent label: the floor"),
    "words": ("", "word TF-IDF + logistic regression"),
    "words_chars": ("", "word and character TF-IDF + logistic regression"),
    "embedding": ("checkpoint", "frozen embeddings + logistic regression"),
    "transformer": ("checkpoint", "a fine-tuned transformer"),
}
PARTS = {
    "by": ("column", "one for each value of {}"),
    "consensus": ("", "trained only on rows whose annotators agree"),
    "temperature": ("", "its probabilities calibrated on rows held out"),
    "rules": ("", "keyword rules on top"),
}
SCENARIO = "scenario"  # written for words+by


@dataclass(frozen=True)
class Candidate:
    """One iteration: what its classifier is, and what sets it apart.

    Attributes
    ----------
    name : str
        As it was written: the name of its run.
    base : str
        One of `BASES`.
    checkpoint : str
        Of a transformer or an embedding: a hub id or a folder; empty for the default.
    by : str or None
        A column: each of its values has a classifier of its own.
    consensus, temperature, rules : bool
        Whether it learns only from rows whose annotators agree; whether its probabilities are calibrated; whether
        keyword rules lie on top.
    """

    name: str
    base: str
    checkpoint: str = ""
    by: str | None = None
    consensus: bool = False
    temperature: bool = False
    rules: bool = False

    @property
    def note(self) -> str:
        """What it is, in words."""
        parts = [part.format(self.by) for key, (_, part) in PARTS.items() if getattr(self, key)]
        return ", ".join([BASES[self.base][1] + (f" ({self.checkpoint})" if self.checkpoint else ""), *parts])

    @property
    def heavy(self) -> bool:
        """Whether it needs torch."""
        return self.base in ("embedding", "transformer")

    @property
    def holds_out(self) -> bool:
        """Whether a part of the training rows is kept apart."""
        return self.base == "transformer" or self.temperature

    @property
    def for_all(self) -> Candidate | None:
        """The same as one model for all values; None where it is that already."""
        return replace(self, by=None) if self.by else None

    def same_as(self, other: Candidate) -> bool:
        """Whether two candidates are the same, whatever they are called."""
        return replace(self, name="") == replace(other, name="")


def parse(text: str, presets: Mapping[str, str] | None = None, columns: Sequence[str] = ()) -> Candidate:
    """Read ``base[:argument][+part[:argument]]…``.

    Parameters
    ----------
    text : str
        For example ``transformer:distilbert-base-uncased+temperature+rules`` or ``words+by:language``.
        ``scenario:COLUMN`` is ``words+by:COLUMN``.
    presets : mapping of str to str, optional
        Names of one's own for such lines.
    columns : sequence of str
        The slice columns; the first of them is the one of a ``by`` or ``scenario`` without column.

    Raises
    ------
    DataError
        A name is not known, is given an argument that it does not take, or lacks one.

    Examples
    --------
    >>> candidate = parse("words_chars+by:language+rules")
    >>> candidate.base, candidate.by, candidate.rules, candidate.note.endswith("keyword rules on top")
    ('words_chars', 'language', True, True)
    >>> parse("scenario", columns=["business_line"]).by
    'business_line'
    """
    presets = presets or {}
    first, plus, more = text.partition("+")
    line = presets.get(first.strip(), first) + plus + more
    (base, argument), *parts = [_named(part) for part in line.split("+")]
    if base == SCENARIO:
        base, argument, parts = "words", "", [("by", argument), *parts]
    if base not in BASES:
        known = [*presets, *(name for name in (*BASES, SCENARIO) if name not in presets)]
        raise DataError(f"unknown candidate {text!r}; candidates are {known}, and parts to add to each with + "
                        f"{list(PARTS)}.{did_you_mean(base, known)}")  # fmt: skip
    if argument and not BASES[base][0]:
        raise DataError(f"candidate {text!r}: {base!r} takes no argument after ':'")
    found = Candidate(text, base, checkpoint=argument)
    twice = [name for name, _ in parts if [other for other, _ in parts].count(name) > 1]
    if twice:
        raise DataError(f"candidate {text!r} has the part {twice[0]!r} twice; once is enough")
    for part, value in parts:
        found = _with(found, part, value, columns)
    return found


def _named(part: str) -> tuple[str, str]:
    name, colon, argument = (piece.strip() for piece in part.strip().partition(":"))
    if colon and not argument:
        raise DataError(f"candidate part {part!r} ends with ':'; write what is meant after it, or leave it out")
    return name, argument


def _with(candidate: Candidate, part: str, argument: str, columns: Sequence[str]) -> Candidate:
    if part not in PARTS:
        raise DataError(f"candidate {candidate.name!r} has the unknown part {part!r}; parts are {list(PARTS)}."
                        + did_you_mean(part, PARTS))  # fmt: skip
    if part != "by":
        if argument:
            raise DataError(f"candidate {candidate.name!r}: {part!r} takes no argument after ':'")
        return replace(candidate, **{part: True})  # type: ignore[arg-type]
    if not argument and not columns:
        raise DataError(f"candidate {candidate.name!r} needs a column: write 'by:COLUMN' or 'scenario:COLUMN', "
                        "or name slices")  # fmt: skip
    return replace(candidate, by=argument or columns[0])
