"""The quality of the labels as a Markdown page, and in words."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.labels import LabelQuality

MAX_ROWS = 20
MAX_QUEUE = 5
TITLES = {
    "percent_agreement": "agreement",
    "cohen_kappa": "Cohen's κ",
    "fleiss_kappa": "Fleiss' κ",
    "krippendorff_alpha": "Krippendorff's α",
}

REACH = {
    True: "is in reach",
    None: "may be out of reach with these labels: their ceiling is not known well enough",
    False: "is out of reach with these labels: correct them first",
}


def page(quality: LabelQuality, accuracy: Estimate | None = None, launch: float | None = None) -> str:
    """Return the answer in a few sentences, then short tables of two columns.

    Parameters
    ----------
    quality : LabelQuality
    accuracy : Estimate, optional
        Of a run on these labels, held against the ceiling.
    launch : float, optional
        The accuracy that a launch needs.
    """
    said = sentences(quality, accuracy, launch)
    answer = {key: markdown.escape(text, limit=600) for key, text in said.items()}
    strong = {key: f"**{text}**" if key == "ceiling" else text for key, text in answer.items()}
    parts = ["### Labels", " ".join(strong.values())]
    parts += _table("all rows", "value", overall(quality))
    if quality.annotators:
        parts.append(markdown.table(["consensus", "rows"], consensus(quality)))
    parts += _table("two annotators (n)", "Cohen's κ", counted(quality.of("pair", "cohen_kappa")))
    parts += _table("label", "Fleiss' κ", quality.of("class", "fleiss_kappa"))
    parts += _table("slice (n)", "Fleiss' κ", counted(quality.of("slice", "fleiss_kappa")))
    parts += _table("annotator (votes)", "right, estimated", counted(quality.of("annotator", "accuracy")))
    confused = confusions(quality)
    if confused:
        parts.append(markdown.table([confusion_title(quality), "n"], confused[:MAX_ROWS]))
    if quality.adjudicate:
        parts.append(markdown.escape(disputed(quality, MAX_QUEUE), limit=1000))
    return "\n\n".join(parts)


def sentences(quality: LabelQuality, accuracy: Estimate | None = None, launch: float | None = None) -> dict[str, str]:
    """Return as plain text what is known: ``agreement``, ``ceiling``, where the ``run`` stands, ``launch``, a ``note``.

    Where the ceiling is not known, ``ceiling`` says so; what is odd about the labels is the ``warning``.
    """
    said = {"warning": quality.warning} if quality.warning else {}
    best, agree = quality.ceiling, quality.of("all", "percent_agreement").get("")
    if agree and agree.defined:
        kappa = quality.of("all", "fleiss_kappa")[""]
        beyond = f" (Fleiss' κ {interval(kappa)})" if kappa.defined else ""
        said["agreement"] = f"Annotators agree on {100 * agree.value:.1f} % of pairs of votes{beyond}."
    if best is None:
        why = (
            "from these votes"
            if quality.annotators
            else "by this model: it is nowhere sure enough, or too often wrong there"
        )
        return {**said, "ceiling": f"What accuracy the labels allow cannot be told {why}."}
    if quality.annotators:
        said["ceiling"] = f"A perfect model would score {interval(best)} on these labels."
    else:
        said["ceiling"] = (
            f"These labels allow an accuracy of at least {interval(best)}, as far as the model's own probabilities "
            "tell: an estimate."
        )
    if accuracy and accuracy.defined:
        said["run"] = f"The run stands at {interval(accuracy)}{_distance(quality, best.value - accuracy.value)}."
    if launch is not None:
        said["launch"] = f"The launch threshold of {launch:g} {REACH[quality.reachable(launch)]}."
    said["note"] = f"The ceiling is that {quality.ceiling_note}."
    return said


def _distance(quality: LabelQuality, gap: float) -> str:
    """Return how far the run is from the ceiling; from a mere lower bound only if it is below."""
    if not quality.annotators:
        return f", at least {100 * gap:.1f} points below it" if gap > 0 else ""
    return f", {100 * abs(gap):.1f} points {'below' if gap >= 0 else 'above'} it"


def overall(quality: LabelQuality) -> dict[str, Estimate]:
    """Return title → figure of all rows, the ceiling too."""
    found = {title: quality.of("all", name).get("") for name, title in TITLES.items()}
    found["accuracy ceiling" if quality.annotators else "accuracy ceiling, at least"] = quality.ceiling
    return {title: estimate for title, estimate in found.items() if estimate}


def consensus(quality: LabelQuality) -> list[tuple[str, str]]:
    """Return how many rows the annotators agree on, and how many not, in words."""
    single = quality.n - quality.n_agreed - quality.n_majority - quality.n_split
    rows = {
        "all votes agree": quality.n_agreed, "a majority": quality.n_majority, "no majority": quality.n_split,
        "fewer than two votes": single, "to adjudicate": quality.n_adjudicate,
    }  # fmt: skip
    if len(quality.annotators) > 2:
        rows["Dawid–Skene overrules the votes"] = quality.n_overruled
    return [(name, f"{n:,}") for name, n in rows.items()]


def disputed(quality: LabelQuality, limit: int = MAX_ROWS) -> str:
    """Return the first rows to adjudicate, each with the suggested label where there is one, as plain text."""
    shown = [f"{row.example_id} ({row.suggested})" if row.suggested else row.example_id for row in quality.adjudicate]
    hint = " (suggested label)" if any(row.suggested for row in quality.adjudicate[:limit]) else ""
    left = quality.n_adjudicate - len(shown[:limit])
    more = f", and {left:,} more" if left else ""
    return f"To adjudicate, the most disputed first{hint}: {', '.join(shown[:limit])}{more}."


def counted(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return the same with each one's n in its name."""
    return {f"{key} ({found.n:,})": found for key, found in estimates.items()}


def confusion_title(quality: LabelQuality) -> str:
    """Return what `confusions` counts."""
    return "labels taken for each other" if quality.annotators else "label → what it should be"


def confusions(quality: LabelQuality) -> list[tuple[str, str]]:
    """Return the pairs of different labels, the most frequent first; both directions together between annotators."""
    cells, both = quality.confusion, bool(quality.annotators)
    halved = 2 if len(quality.annotators) > 2 else 1  # there each pair of votes stands in both directions
    pairs = [
        ((cells[i][j] + cells[j][i] * both) // halved, f"{one} {'–' if both else '→'} {other}")
        for i, one in enumerate(quality.labels)
        for j, other in enumerate(quality.labels)
        if (i < j if both else i != j)
    ]
    return [(name, f"{n:,}") for n, name in sorted(pairs, key=lambda row: -row[0]) if n]


def _table(title: str, measure: str, estimates: Mapping[str, Estimate]) -> list[str]:
    if not estimates:
        return []
    rows = [(key, interval(found)) for key, found in estimates.items()]
    left = len(rows) - MAX_ROWS
    return [markdown.table([title, measure], rows[:MAX_ROWS]) + (f"\n\n… {left} more." if left > 0 else "")]
