"""The words that push a model towards its errors, as Markdown tables."""

from __future__ import annotations

import math

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results.word_attribution import WordAttribution, WordContribution

MAX_PAIRS = 3
MAX_WORDS = 5  # of each


def page_part(words: WordAttribution) -> str:
    """Return 5 words of each of the 3 class pairs with most errors, in two columns, so that runs stand side by side."""
    pairs = list(dict.fromkeys((row.label, row.prediction) for row in words.rows))
    parts = ["#### Words that push the model towards its errors", _how(words)]
    for pair in pairs[:MAX_PAIRS]:
        parts.append(f"**{markdown.escape(pair[0])} → {markdown.escape(pair[1])}**")
        rows = [_cells(row) for row in words.rows if (row.label, row.prediction) == pair][:MAX_WORDS]
        parts.append(markdown.table(["word (errors with it)", "push in errors / in right rows"], rows))
    if pairs:
        parts.append(f"Every pair's words with examples are in `{names.WORDS_TABLE}`.")
    return "\n\n".join(parts)


def _how(words: WordAttribution) -> str:
    explained = f"{words.n_explained:,} of {words.n_errors:,} errors explained"
    if words.method == "exact":
        pushes = "log-odds" if words.unit == "log-odds" else "differences of decision values"
        how = f"{explained}, by the model's own coefficients: {pushes} towards the prediction, on average over rows."
        return f"{how} {_not_reproduced(words.n_not_reproduced)}".strip()
    return (
        f"{explained}, by leaving out a word at a time ({words.n_predictions:,} predictions asked for): what the "
        "prediction loses against the label, on average over rows."
    )


def _not_reproduced(n: int) -> str:
    if not n:
        return ""
    errors = f"{n:,} errors are" if n > 1 else "1 error is"
    return f"{errors} not explained, as these coefficients say otherwise: rules on top, or another model, decided."


def _cells(row: WordContribution) -> tuple[str, str]:
    right = "–" if math.isnan(row.contribution_right) else f"{row.contribution_right:+.3f}"
    return f"{row.word} ({row.n:,})", f"{row.contribution:+.3f} / {right}"
