"""Draw the picture of docs/intervals.md: three intervals beside a number to clear.

Run from the repository root: ``python docs/interval_picture.py``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

import mlflow_evalplus as ep

TARGET = Path(__file__).with_name("images") / "intervals.svg"
ASKED = 0.90
RIGHT = {470: "pass", 410: "fail", 455: "undecided"}  # of 500
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
COLOURS = {"pass": "#2e7d32", "fail": "#c62828", "undecided": "#b26a00"}


def figure() -> Figure:
    """Return the picture: one row for each test, with its verdict and its interval."""
    drawing = Figure(figsize=(7.2, 2.5), layout="constrained")
    axes = drawing.add_subplot()
    for row, (right, outcome) in enumerate(RIGHT.items()):
        frame = pd.DataFrame({"label": ["yes"] * 500, "prediction": ["yes"] * right + ["no"] * (500 - right)})
        result = ep.evaluate(frame, requirements={"thresholds": [{"metric": "accuracy", "min": ASKED}]})
        assert result.verdict.outcome.value == outcome
        measured, colour = result.metrics["accuracy"], COLOURS[outcome]
        axes.plot([measured.lower, measured.upper], [-row, -row], color=colour, linewidth=7, solid_capstyle="round")
        axes.plot(measured.value, -row, "o", color="white", markeredgecolor=colour, markersize=8, markeredgewidth=2)
        axes.text(0.975, -row, outcome, color=colour, weight="bold", va="center", size=11)
        text = f"{measured.value:.3f} [{measured.lower:.3f}, {measured.upper:.3f}]"
        axes.text(measured.value, -row + 0.24, text, color="#333333", ha="center", va="bottom", size=9, bbox=PAPER)
    axes.axvline(ASKED, color="#333333", linestyle=(0, (4, 3)), linewidth=1.3)
    axes.text(ASKED, -2.55, "asked: at least 0.90", ha="center", va="top", size=9, color="#333333")
    axes.set(xlim=(0.76, 1.02), ylim=(-2.5, 0.7), yticks=[], xlabel="")
    axes.set_xticks([0.80, 0.85, 0.95])
    axes.spines[["left", "right", "top"]].set_visible(False)
    return drawing


def main() -> None:
    """Write docs/images/intervals.svg."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "intervals", "font.family": "sans-serif"}):
        figure().savefig(TARGET, metadata={"Date": None, "Creator": None}, facecolor="white")


if __name__ == "__main__":
    main()
