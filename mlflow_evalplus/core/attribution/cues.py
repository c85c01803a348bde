"""What in a text turns its meaning round: negation, contrast, sarcasm; in English and in Chinese."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core import text_rules
from mlflow_evalplus.core.columns import strings
from mlflow_evalplus.core.text import TEXT_SLICES

# What the cue looks like; what looks like it and does not mean it.
PATTERNS = {
    "contrast": (text_rules.CONTRAST, text_rules.NO_CONTRAST),
    "sarcasm": (text_rules.SARCASM, text_rules.NO_SARCASM),
}


def cues(texts: pa.ChunkedArray) -> dict[str, np.ndarray]:
    """Return cue → bool array, [texts]; ``negation`` is that of the slice ``text_negation``.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        A missing text holds no cue.

    Examples
    --------
    >>> texts = pa.chunked_array([["Nice app but slow", "Oh great, closed again", "没收到", "fine", None]])
    >>> {cue: np.flatnonzero(found).tolist() for cue, found in cues(texts).items()}
    {'negation': [2], 'contrast': [0], 'sarcasm': [1]}
    """
    filled = strings(texts).fill_null("")
    found = {"negation": TEXT_SLICES["text_negation"].codes(filled) == 1}
    for cue, (pattern, not_meant) in PATTERNS.items():
        found[cue] = _matches(filled, pattern)
        likely = np.flatnonzero(found[cue])  # few, so that little is replaced
        rest = pc.replace_substring_regex(filled.take(pa.array(likely)), not_meant, " ")
        found[cue][likely] = _matches(rest, pattern)
    return found


def _matches(texts: pa.ChunkedArray, pattern: str) -> np.ndarray:
    return np.array(pc.match_substring_regex(texts, pattern).to_numpy(), dtype=np.bool_)
