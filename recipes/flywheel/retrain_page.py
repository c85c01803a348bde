"""What a retrained model brought, as Markdown and as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_evalplus.render import markdown
from mlflow_evalplus.results import Outcome

if TYPE_CHECKING:
    from recipes.flywheel.retraining import Retrained

from recipes.flywheel.parts import ASKS, COLLECTED, Part

NONE_APART = (
    "The training data hold no collected cases apart (held_out), so nothing is known of whether they were fixed."
)
NO_CHAMPION = "There was no champion to compare with."
OF_THE_HARD = (
    "The collected cases were chosen because they are hard: they say whether these were fixed, not how good the model "
    "is. Launch thresholds are held against the test set alone."
)
LONGEST = 600


def page(done: Retrained) -> str:
    """Return what was trained on what, the three parts, and what to type next."""
    lines = ["### Retrained", f"**{markdown.escape(headline(done), limit=LONGEST)}**"]
    asked = [(f"{part.name} ({part.n:,})", ASKS[part.name], part.summary) for part in done.parts]
    lines.append(markdown.table(["rows", "question", "challenger against champion"], asked, numbers_from=3))
    accuracy = [(part.name, *_pair(part)) for part in done.parts]
    lines.append(markdown.table(["accuracy", "champion", "challenger"], accuracy))
    lines += [markdown.escape(line, limit=LONGEST) for line in notes(done)]
    said, command = advice(done)
    lines.append(markdown.escape(said, limit=LONGEST) + (f" `{command}`" if command else ""))
    return "\n\n".join(lines)


def _pair(part: Part) -> tuple[str, str]:
    return (str(part.champion) if part.champion else "–", str(part.challenger))


def headline(done: Retrained) -> str:
    """Return in one sentence what it learnt from and whether it is cleared."""
    new = done.series.evaluations[_challenger(done)]
    cleared = "cleared" if new.verdict.outcome is Outcome.PASS else "not cleared"
    version = done.version
    return (
        f"Trained on {done.n_train:,} rows of version {version.number} of the training data ({version.digest[:12]}): "
        f"{cleared} for launch. {new.verdict.sentence}"
    )


def notes(done: Retrained) -> list[str]:
    """Return what a reader has to know of the three parts."""
    said = []
    if done.n_refused:
        said.append(f"{done.n_refused:,} training rows were left out: the test set has their text, or nearly.")
    apart = any(part.name == COLLECTED for part in done.parts)
    said.append(OF_THE_HARD if apart else NONE_APART)
    if done.champion is None:
        said.append(NO_CHAMPION)
    else:
        said.append(f"The champion is version {done.champion.version} of {done.champion.name}.")
    return [done.learnt.sentence, *said] if done.learnt else said


def advice(done: Retrained) -> tuple[str, str]:
    """Return what to do next, and the command that does it; no command for a challenger that is told worse."""
    worse = [part.name for part in done.parts if part.difference and part.difference.upper < 0]
    if worse:
        unfair = bool(done.learnt and done.learnt.favoured)
        until = ", or compare on rows that the champion has not learnt from" if unfair else ""
        return f"Told worse than the champion ({' and '.join(worse)}): keep the champion{until}.", ""
    outcome = done.series.evaluations[_challenger(done)].verdict.outcome
    if outcome is Outcome.PASS:
        return "It passed; make it the champion:", done.promote
    return f"It did not pass. To make it the champion all the same, which overrides the verdict {outcome.value}:", (
        done.force
    )


def terminal(done: Retrained) -> list[str]:
    """Return the same as lines."""
    parts = [f"  {part.name:<16} {ASKS[part.name]:<28} {part.summary}" for part in done.parts]
    said, command = advice(done)
    return [headline(done), "", *parts, "", *notes(done), "", said, *([f"  {command}"] if command else [])]


def _challenger(done: Retrained) -> str:
    runs = done.series.runs
    return next(name for name, run in runs.items() if run.info.run_id == done.run_id)
