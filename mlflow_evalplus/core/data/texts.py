"""Texts that are missing, or are none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core import text_rules
from mlflow_evalplus.core.data.phrases import graded, share
from mlflow_evalplus.core.data.rows import Rows
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.results.data_checks import DataFinding, Level

FEW = 0.005  # of a part's rows
BLANK = r"^[\s\p{Z}\p{C}]*$"
# What programs write for no text; a person who writes "none" is one of few.
PLACEHOLDER = (
    r"(?i)^\s*(?:nan|null|none|n/?a|#n/a|<na>|nil|undefined|-+|\[(?:deleted|removed|redacted)\]|lorem ipsum.*)\s*$"
)
GARBLED = r"\x{FFFD}|Ã[\x{80}-\x{BF}ƒ©¨¤¶¼±]|â€[™œ\x{9D}“”¦˜]|Â[\x{A0}-\x{BF}]|ï¿½"
PICTURE = f"{text_rules.EMOJI}|{text_rules.EMOTICON}"


def empty_texts(rows: Rows) -> DataFinding:
    """Find texts that are missing or hold nothing that is seen."""
    blank = is_blank(_texts(rows))
    return _found(rows, "empty_texts", [("are empty", blank)], 1e-12, "Fill these texts or take the rows out.")


def not_texts(rows: Rows) -> DataFinding:
    """Find placeholders, broken encodings, and texts without a letter, an emoji or an emoticon."""
    texts = _texts(rows).fill_null("")
    placeholder = _matches(texts, PLACEHOLDER)
    garbled = _matches(texts, GARBLED)
    wordless = ~_matches(texts, r"\p{L}") & ~is_blank(texts) & ~placeholder
    wordless[wordless] = ~_matches(texts.filter(pa.array(wordless)), PICTURE)
    kinds = [("are placeholders such as 'nan'", placeholder), ("have a broken encoding", garbled & ~placeholder),
             ("have no letter", wordless & ~garbled)]  # fmt: skip
    action = "Read the file again in its own encoding, and take out rows without a text."
    return _found(rows, "not_texts", kinds, FEW, action)


def is_blank(texts: pa.ChunkedArray) -> Bools:
    """Return which texts are missing or hold only spaces and characters that are not seen."""
    return _matches(texts.fill_null(""), BLANK)


def _found(rows: Rows, check: str, kinds: list[tuple[str, Bools]], least: float, action: str) -> DataFinding:
    chosen = np.logical_or.reduce([found for _, found in kinds])
    n, effect = int(chosen.sum()), max(part / size for part, size in rows.count(chosen).values())
    level = graded(effect, least)
    if not n:
        nothing = {"empty_texts": "Every row has a text.", "not_texts": "Every text reads as a text."}[check]
        return DataFinding(check, level, nothing, effect=0.0)
    said = "; ".join(_counted(rows, what, found) for what, found in kinds if found.any())
    return DataFinding(
        check, level, f"{said}.", n, effect=effect, action="" if level is Level.OK else action,
        examples=rows.examples(np.flatnonzero(chosen)),
    )  # fmt: skip


def _counted(rows: Rows, what: str, found: Bools) -> str:
    parts = [f"{share(n, size)} {part} texts" for part, (n, size) in rows.count(found).items() if n]
    return f"{' and '.join(parts)} {what}"


def _texts(rows: Rows) -> pa.ChunkedArray:
    assert rows.texts is not None
    return rows.texts


def _matches(texts: pa.ChunkedArray, pattern: str) -> Bools:
    return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(), dtype=np.bool_)
