"""Where the errors come from, as Markdown tables."""

from __future__ import annotations

import math

from mlflow_evalplus import names
from mlflow_evalplus.render import causes, markdown, word_attribution
from mlflow_evalplus.results.attribution import Attribution, Source

MAX_ROWS = 8
MAX_Q = 0.05


def page(attribution: Attribution) -> str:
    """Return the causes, the class pairs, the slices with more errors than their share, and the words that stand out.

    Tables have two columns, so that several runs stand side by side, and at most 8 rows.
    """
    head = "### Where the errors come from"
    if not attribution.n_errors:
        return f"{head}\n\nNo errors in {attribution.n:,} examples: there is nothing to attribute."
    pairs, slices, words = (
        [source for source in attribution.sources if source.level == level] for level in ("class_pair", "slice", "word")
    )
    above = sorted((source for source in slices if source.excess > 0), key=lambda source: -source.excess)
    parts = [
        head,
        _answer(attribution, pairs, above, words),
        causes.page_part(attribution.causes),
        "#### Sources",
        _table(["label → prediction", "of the errors"], [(row.name, _share(row)) for row in pairs]),
        _table(["slice (n)", "excess errors"], [(_name(row), _excess(row)) for row in above]),
        _table(
            ["word (n)", "error rate with / without"],
            [(_name(row).removeprefix("word="), _rates(row)) for row in words if not math.isnan(row.q_value)],
        ),
        _left(words),
        word_attribution.page_part(attribution.words) if attribution.words else "",
        f"Every source with its examples is in `{names.ATTRIBUTION_TABLE}`; ◆ marks q < 0.05.",
    ]
    return "\n\n".join(part for part in parts if part)


def _answer(attribution: Attribution, pairs: list[Source], above: list[Source], words: list[Source]) -> str:
    first = pairs[0]
    text = (
        f"**{attribution.n_errors:,} of {attribution.n:,} examples are wrong**; {100 * first.share_of_errors:.0f} % of "
        f"the errors are {markdown.escape(first.name)}"
    )
    weak = [source for source in above if source.q_value < MAX_Q]
    if weak:
        text += f", and {markdown.escape(weak[0].name)} has {weak[0].excess:,.0f} more than its share"
    elif above:
        text += ", and no slice has surely more than its share"
    return text + "."


def _left(words: list[Source]) -> str:
    if not words:
        return ""
    if math.isnan(words[0].q_value):
        return "No word has an error rate that is surely above the rest's."
    left = sum(source.share_of_errors for source in words if math.isnan(source.q_value))
    return f"{100 * left:.0f} % of the errors hold no word that stands out (q < 0.05)."


def _table(headers: list[str], rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    left = len(rows) - MAX_ROWS
    return markdown.table(headers, rows[:MAX_ROWS]) + (f"\n\n… {left} more." if left > 0 else "")


def _name(source: Source) -> str:
    return f"{source.name} ({source.n:,})"


def _share(source: Source) -> str:
    return f"{100 * source.share_of_errors:.1f} % ({source.errors:,})"


def _excess(source: Source) -> str:
    mark = " ◆" if source.q_value < MAX_Q else ""
    return f"{source.excess:+,.1f} [{source.excess_lower:+,.1f}, {source.excess_upper:+,.1f}]{mark}"


def _rates(source: Source) -> str:
    return f"{source.error_rate:.3f} / {source.error_rate_rest:.3f}"
