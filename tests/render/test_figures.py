"""The pictures: their width is a contract, and no label breaks them, with or without a Chinese font."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from mlflow_evalplus import evaluate, render
from mlflow_evalplus.render import figures
from mlflow_evalplus.results import Confusion, Estimate, SliceResult, Slices
from tests.render.test_markdown import HOSTILE

CHINESE = ("负面", "中性", "非常非常长的一个正面标签的名称")
CACHED = (figures._chinese_font, figures._glyphs, figures._say_once)


@pytest.fixture
def fresh_fonts() -> Iterator[None]:
    """Let the module look for fonts anew, now and after the test."""
    for function in CACHED:
        function.cache_clear()
    yield
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def no_chinese_font(fresh_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "CHINESE_FONTS", ())


@pytest.fixture
def a_chinese_font(fresh_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make matplotlib know an installed Chinese font, though its list may be older than the font."""
    files = [path for path in font_manager.findSystemFonts() if "NotoSansCJK-Regular" in path or "wqy" in path]
    if not files:
        pytest.skip("no Chinese font is installed: apt install fonts-noto-cjk")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(files[0])


def confusion_of(labels: tuple[str, ...]) -> Confusion:
    counts = np.random.default_rng(0).integers(0, 50, (len(labels), len(labels)))
    return Confusion(labels, labels, tuple(map(tuple, counts.tolist())))


def slices_of(values: tuple[str, ...], column: str = "channel") -> Slices:
    accuracy = Estimate(0.8, 0.7, 0.9, 50)
    rows = [
        SliceResult((column,), (value,), 50, {"accuracy": accuracy}, -0.1, 0.01, 0.02, i % 2 == 0, i % 3 == 0)
        for i, value in enumerate(values)
    ]  # fmt: skip
    return Slices(tuple(rows), accuracy)


def saved(figure: Figure, path: Path) -> Image.Image:
    figures.save(figure, path)
    with Image.open(path) as image:
        return image.convert("RGB")


def assert_drawn(figure: Figure, path: Path) -> None:
    image = saved(figure, path)
    assert image.width == 340
    assert 80 < image.height < 650
    colours = image.getcolors(maxcolors=340 * 650)
    assert colours is not None
    assert len(colours) > 20


def every_picture() -> Iterator[Figure]:
    """Yield pictures of Chinese and hostile labels, of 60 labels, of one, and of none."""
    hostile = tuple(text[:2_000] for text in HOSTILE if text)
    for labels in (CHINESE, hostile, hostile[:8], tuple(f"label {i}" for i in range(60)), ("only",), ("हिन्दी", "🤖")):
        yield confusion_of(labels).figure()
        yield slices_of(labels).figure()
        yield slices_of(labels, column="渠道" * 20).figure()
    nan = Estimate(float("nan"), float("nan"), float("nan"), 0)
    yield Slices((), nan).figure()
    yield Confusion(("a", "b"), ("a", "b"), ((0, 0), (0, 3))).figure()
    yield Confusion(("a",), ("a", "(other)"), ((0, 0),)).figure()


@pytest.mark.slow
def test_no_label_breaks_a_picture_without_a_chinese_font(no_chinese_font: None, tmp_path: Path) -> None:
    """A glyph that a font lacks, or a layout that collapses, is a warning, and warnings are errors here."""
    for figure in every_picture():
        assert_drawn(figure, tmp_path / "figure.png")


@pytest.mark.slow
def test_no_label_breaks_a_picture_with_a_chinese_font(a_chinese_font: None, tmp_path: Path) -> None:
    for figure in every_picture():
        assert_drawn(figure, tmp_path / "figure.png")
    labels = [tick.get_text() for tick in confusion_of(CHINESE).figure().axes[0].get_yticklabels()]
    assert labels == ["负面", "中性", "非常非常长的…"]


def test_without_a_chinese_font_it_is_said_once_what_to_do(
    no_chinese_font: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        shown = [figures.displayable(text) for text in ("好 good", "坏 bad", "plain", "naïve ✔")]
    assert shown == ["? good", "? bad", "plain", "naïve ✔"]
    (record,) = caplog.records
    assert "fonts-noto-cjk" in record.getMessage()
    assert mpl.get_cachedir() in record.getMessage()


def test_a_glyph_that_no_font_has_is_a_question_mark_not_a_box(a_chinese_font: None) -> None:
    assert figures.displayable("退款 🤖 हि") == "退款 ? ??"
    assert figures.displayable("a\x00b\tc\nd") == "a?b c d"


def test_a_dollar_is_a_dollar_and_no_formula() -> None:
    figure = confusion_of(("$x_1$", "cost $5 or $6")).figure()
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [r"\$x_1\$", r"cost \$5 or \$6"]


def test_the_width_does_not_depend_on_the_users_settings(tmp_path: Path) -> None:
    """Four pictures fit side by side on MLflow's compare page only at 340 pixels."""
    with mpl.rc_context({"savefig.dpi": 300, "savefig.bbox": "tight", "figure.dpi": 200, "font.size": 20}):
        before = dict(mpl.rcParams)
        assert saved(confusion_of(("a", "b")).figure(), tmp_path / "a.png").width == 340
        assert saved(slices_of(("a", "b")).figure(), tmp_path / "b.png").width == 340
        assert dict(mpl.rcParams) == before


def test_the_matrix_shows_counts_and_shares_on_a_fixed_scale(frame: pd.DataFrame) -> None:
    found = evaluate(frame).confusion
    axes = found.figure().axes[0]
    crossed = pd.crosstab(frame["label"], frame["prediction"])
    shares = pd.crosstab(frame["label"], frame["prediction"], normalize="index")
    texts = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert texts == {
        (i, j): f"{crossed.iloc[i, j]}\n{shares.iloc[i, j]:.0%}" for i in range(3) for j in range(3)
    }  # fmt: skip
    (image,) = axes.images
    assert image.get_clim() == (0, 1)
    assert np.asarray(image.get_array()) == pytest.approx(shares.to_numpy())


def test_of_sixty_labels_the_first_twenty_are_drawn_without_overlap() -> None:
    figure = confusion_of(tuple(f"label {i:02}" for i in range(60))).figure()
    figure.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 20
    tops = sorted(box.y0 for box in boxes)
    # half a line of text at the least
    assert min(np.diff(tops)) > boxes[0].height / 2


@pytest.mark.parametrize("k", [3, 20, 60])
def test_predictions_that_are_no_label_are_the_last_column_that_is_drawn(k: int) -> None:
    labels = tuple(f"label {i:02}" for i in range(k))
    found = Confusion(labels, (*labels, "(other)"), tuple((*[1] * k, 3 * k) for _ in range(k)))
    axes = found.figure().axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [*labels[:20], "(other)"]
    np.testing.assert_allclose(axes.get_images()[0].get_array()[:, -1], [0.75] * min(k, 20))
    cut = " (first 20 of 60)" if k == 60 else ""
    assert (axes.get_xlabel(), axes.get_ylabel()) == (f"prediction{cut}", f"label{cut}")


@pytest.mark.parametrize(
    "labels", [CHINESE, ("negative", "neutral", "positive"), tuple(f"a long label {i}" for i in range(4))]
)
def test_the_names_of_predictions_do_not_overlap(a_chinese_font: None, labels: tuple[str, ...]) -> None:
    figure = confusion_of(labels).figure()
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_xticklabels()
    boxes = [tick.get_window_extent() for tick in ticks]
    turned = {tick.get_rotation() for tick in ticks} != {0.0}
    assert turned or all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert turned == (len(labels) > 3)


def test_slices_are_drawn_on_a_fixed_axis_with_the_weak_ones_apart(frame: pd.DataFrame) -> None:
    found = evaluate(frame, slices=["channel", "language"]).slices
    axes = found.figure().axes[0]
    assert axes.get_xlim() == (0, 1)
    colours = dict(
        zip(
            [t.get_text() for t in axes.get_yticklabels()], [line.get_color() for line in axes.lines[::2]], strict=False
        )
    )
    weak = {f"{row.columns[0]}={row.values[0]}" for row in found.rows if row.weak and len(row.columns) == 1}
    assert "channel=web" in weak
    assert {name for name, colour in colours.items() if colour == figures.ORANGE} >= weak
    ends = {tuple(line.get_xdata()) for line in axes.lines[::2]}
    web = found["channel=web"].metrics["accuracy"]
    assert (web.lower, web.upper) in ends


def test_a_name_heads_the_picture_and_fits(no_chinese_font: None, frame: pd.DataFrame) -> None:
    figure = evaluate(frame).confusion.figure()
    title = figure.get_suptitle()
    right = int(frame["label"].eq(frame["prediction"]).sum())
    assert title == f"{right} of 600 right ({right / 600:.1%})"
    for name, shown in (
        ("words_chars_rules", "words_chars_rules"),
        ("第三版" * 20, "?" * 9 + "…"),
        ("x" * 99, "x" * 19 + "…"),
    ):
        figures.title(figure, title)
        figures.head(figure, name)
        assert figure.get_suptitle() == f"{shown}: {title}"
        figure.draw_without_rendering()
        (text,) = (child for child in figure.texts if child.get_text() == figure.get_suptitle())
        assert text.get_window_extent().x0 >= 0
        assert text.get_window_extent().x1 <= 340


def test_what_has_no_picture_says_so() -> None:
    with pytest.raises(TypeError, match="Estimate has no picture"):
        render.figure(Estimate(0.5, 0.4, 0.6, 10))  # type: ignore[arg-type]
