"""Characters that a reader does not see, or that turn the reading order around."""

from __future__ import annotations

CONTROLS = (*range(0x20), 0x7F)
# By Unicode's tables all others of their kind: C1 controls, soft hyphen, zero-width spaces and joiners, direction
# marks, line separators, embeddings and isolates, invisible operators, annotations, shorthand and music, tags.
FORMATS = (
    *range(0x80, 0xA0), 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2065),
    *range(0x2066, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B),
    0xE0001, *range(0xE0020, 0xE0080),
)  # fmt: skip
SURROGATES = range(0xD800, 0xE000)
