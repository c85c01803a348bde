"""The report of a run: whatever the data hold is text, nothing is loaded, and it stays small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.render import examples, html, report
from mlflow_evalplus.results import Confusion, Estimate, Evaluation, Latency
from tests.render.test_html import Reader
from tests.render.test_markdown import CONTROL, HOSTILE

TEXTS = [text for text in HOSTILE if text]
RUN = "</title><script>alert(1)</script> \u202e\x00"
# all that our templates make
ELEMENTS = set(
    """html head meta title style body header p bdi wbr br h1 h2 h3 span nav ul ol li a main section div table caption
    thead tbody tr th td svg path circle rect text dl dt dd details summary strong fieldset legend label input button
    code footer script""".split()  # noqa: SIM905
)
ATTRIBUTES = set(
    """lang charset http-equiv content name id class href scope style type value checked hidden placeholder autocomplete
    for tabindex role transform d cx cy r x y width height viewbox text-anchor preserveaspectratio""".split()  # noqa: SIM905
)


@cache
def hostile() -> Evaluation:
    """Return an attributed evaluation of which every string is hostile: labels, texts, slices, columns, annotators."""
    rng = np.random.default_rng(0)
    labels = [*TEXTS[:6], "<script>alert(1)</script>"]
    label = np.resize(np.array(labels, dtype=object), 900)
    column, scores = "col|<i>umn\n`x`\"'", {name: f"score of <b>{place}" for place, name in enumerate(labels)}
    frame = pd.DataFrame(
        {
            "label": label,
            "prediction": np.where(rng.random(900) < 0.7, label, rng.permutation(label)),
            "text": np.resize(np.array(TEXTS, dtype=object), 900),
            column: rng.permutation(np.resize(np.array(TEXTS, dtype=object), 900)),
            "plain": rng.choice(["a", "b"], 900),
        }
    )
    frame.loc[frame["plain"].eq("b") & (rng.random(900) < 0.5), "prediction"] = "</td><nothing known>"
    frame[list(scores.values())] = rng.dirichlet(np.ones(len(labels)), 900)
    votes = ["<img src=x>", "</script>"]
    frame[votes] = frame[["label", "label"]].to_numpy()
    wanted = {
        "task": {"labels": labels}, "slices": [column, "plain"],
        "thresholds": [{"metric": "accuracy", "every": column, "min": 0.9},
                       {"metric": "recall", "class": "<script>alert(1)</script>", "min": 0.9}],
        "prices": {"currency": "<u>S|D</u>", "machine_per_hour": 1, "label": 0.1},
    }  # fmt: skip
    found = attribute(ep.evaluate(frame, scores=scores, text="text", annotators=votes, discover=1, requirements=wanted))
    return replace(found, notes=(*found.notes, "a <b>note</b> | with\nlines\x00"))


def messages(n: int, long: str = "") -> pd.DataFrame:
    rng = np.random.default_rng(1)
    names_of = np.array(["negative", "neutral", "positive"])
    label = rng.choice(names_of, n)
    frame = pd.DataFrame({"label": label, "prediction": np.where(rng.random(n) < 0.8, label, rng.choice(names_of, n))})
    frame["text"] = [f"message {i} " + "很长的文本 " * 20 for i in range(n)]
    frame.loc[0, ["label", "prediction", "text"]] = ["negative", "neutral", long or "short"]
    frame[["p0", "p1", "p2"]] = rng.dirichlet([1, 1, 1], n)
    frame.loc[0, ["p0", "p1", "p2"]] = [0.0, 1.0, 0.0]
    for column, values in (("shop", 150), ("city", 100)):
        frame[column] = rng.integers(0, values, n).astype(str)
    return frame


SCORES = {"negative": "p0", "neutral": "p1", "positive": "p2"}


def listed(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="listed">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_no_element_and_no_attribute_comes_from_data() -> None:
    read = Reader(report.page(hostile(), RUN))
    assert {tag for tag, _ in read.elements} <= ELEMENTS
    attributes = {name for _, attributes in read.elements for name in attributes}
    assert {name for name in attributes if not name.startswith(("aria-", "data-"))} <= ATTRIBUTES
    assert [tag for tag, _ in read.elements].count("script") == 2
    assert not [name for name in attributes if name.startswith("on")]


def test_hostile_strings_are_shown_as_they_are() -> None:
    shown = "\n".join(Reader(report.page(hostile(), RUN)).texts)
    assert html.visible(RUN) in shown
    for label in hostile().labels:
        assert html.visible(label, 40) in shown
    assert html.visible("a <b>note</b> | with\nlines\x00") in shown
    assert "<img src=x>" in shown


def test_no_hidden_character_is_on_the_page() -> None:
    page = report.page(hostile(), RUN)
    assert not set(page) & (CONTROL - {"\n", "\t"})
    page.encode("utf-8")


def test_the_embedded_examples_come_out_as_they_went_in() -> None:
    evaluation = hostile()
    found = listed(report.page(evaluation))
    listing = examples.listing(evaluation)
    assert listing
    assert found == json.loads(str(html.embedded(listing.within())))
    texts = {example["text"] for cell in found["cells"].values() for example in cell["shown"] if "text" in example}
    assert texts <= {html.visible(text, examples.MAX_TEXT, newlines=True) for text in TEXTS}
    assert len(texts) > 10


def test_the_examples_of_a_cell_are_its_worst_with_the_number_of_all() -> None:
    frame = messages(2_000)
    evaluation = attribute(ep.evaluate(frame, scores=SCORES, slices=["shop"], intersections=1))
    cells = listed(report.page(evaluation))["cells"]
    ids = evaluation.predictions.with_ids().table["example_id"].to_pylist()
    for i, label in enumerate(SCORES):
        for j, prediction in enumerate(SCORES):
            rows = frame[frame["label"].eq(label) & frame["prediction"].eq(prediction)]
            ranked = rows[SCORES[prediction]].sort_values(ascending=i == j, kind="stable").index
            shown = cells[f"{i},{j}"]["shown"]
            assert cells[f"{i},{j}"]["n"] == len(rows)
            assert len(shown) == (10 if i == j else 30)
            assert [example["id"] for example in shown] == [ids[row] for row in ranked[: len(shown)]]
            assert all(bool(example.get("cause")) == (i != j) for example in shown)


def test_the_page_is_small_whatever_the_data_are() -> None:
    evaluation = ep.evaluate(
        messages(10_000, long="长" * 100_000), scores=SCORES, slices=["shop", "city"], intersections=1
    )
    page = report.page(evaluation, "run")
    assert len(page.encode()) < 500_000
    assert "长" * 399 + "…" in page
    assert "200 of" in page


def test_the_page_is_small_with_many_long_labels_and_slices() -> None:
    """The worst case: every name is long, and four bytes or an entity a character."""
    rng = np.random.default_rng(2)
    labels = np.array([f"{i}{chr(34) * 60}{'🤖' * 40}" for i in range(24)], dtype=object)
    label = rng.choice(labels, 3_000)
    frame = pd.DataFrame({"label": label, "prediction": rng.choice(labels, 3_000), "text": "🤖" * 500})
    for column in ("<" * 60 + "a", "<" * 60 + "b"):
        frame[column] = rng.choice([f"{i}{'&' * 100}" for i in range(150)], 3_000)
    evaluation = ep.evaluate(frame, slices=list(frame.columns[3:]), intersections=1)
    page = report.page(evaluation, "<" * 100_000)
    assert len(page.encode()) < 500_000
    shown = re.search(r"(\d+) of 300 slices shown", page)
    assert shown
    assert 20 <= int(shown[1]) < 200
    table = re.search(r'id="slices-table">(.*?)</table>', page, re.DOTALL)
    assert table
    assert table[1].count("<tr") == 1 + int(shown[1])
    assert "4 more labels are in" in page


def many_labels(k: int, n: int, text: str) -> Evaluation:
    """Return an evaluation of `k` labels, 30 of them with scores; its classes are those of three, which is fast."""
    rng = np.random.default_rng(3)
    labels = np.array([f"{i:03}{text}" for i in range(k)], dtype=object)
    label, other = rng.integers(0, k, n), rng.integers(0, k + 1, n)
    prediction = np.where(rng.random(n) < 0.5, label, other)
    answers = np.append(labels, "none of them")
    frame = pd.DataFrame({"label": labels[label], "prediction": answers[prediction], "text": text * 9})
    scores = {name: f"p{i}" for i, name in enumerate(labels[:30])}
    frame[list(scores.values())] = rng.dirichlet(np.ones(31), n)[:, :30]
    rows = read(frame, labels=list(labels), scores=scores, text="text")
    counts = np.zeros((k, k + 1))
    np.add.at(counts, (label, prediction), 1)
    confusion = Confusion(tuple(labels), (*labels, names.OTHER), tuple(map(tuple, counts.tolist())))
    return replace(ep.evaluate(messages(200)), n=n, labels=confusion.labels, confusion=confusion, predictions=rows)


@pytest.mark.parametrize("text", ["label", "<" * 80, "\u202e" * 80, "🤖" * 80], ids=["plain", "tags", "marks", "emoji"])
def test_the_page_is_small_with_five_hundred_labels(text: str) -> None:
    evaluation = many_labels(500, 20_000, text)
    page = report.page(evaluation)
    assert len(page.encode()) < 500_000
    found = listed(page)
    buttons = set(re.findall(r'data-cell="(\d+,\d+)"', page))
    filled = {f"{i},{j}" for i in range(20) for j in (*range(20), 500) if evaluation.confusion.counts[i][j]}
    assert filled < buttons == set(found["cells"])
    assert all(cell["shown"] for place, cell in found["cells"].items() if len(set(place.split(","))) == 2)
    named = {place for key in found["cells"] for place in key.split(",")}
    scored = {str(place) for cell in found["cells"].values() for example in cell["shown"]
              for place, _ in example["scores"]}  # fmt: skip
    assert set(found["labels"]) == named | scored


@pytest.mark.parametrize("k", [20, 21, 60])
def test_predictions_that_are_no_label_stay_a_column_with_its_examples(k: int) -> None:
    labels = [f"label {i:02}" for i in range(k)]
    frame = pd.DataFrame({"label": labels * 10, "prediction": labels * 5 + ["none of them"] * 5 * k})
    evaluation = ep.evaluate(frame, requirements={"task": {"labels": labels}, "thresholds": []})
    page = report.page(evaluation)
    table = re.search(r'id="matrix".*?</table>', page, re.DOTALL)
    assert table
    header, *rows = re.findall(r"<tr>.*?</tr>", table[0], re.DOTALL)
    assert re.findall("<bdi>(.*?)</bdi>", header) == [*labels[:20], names.OTHER]
    assert len(rows) == 20
    cells = listed(page)["cells"]
    for i, row in enumerate(rows):
        assert re.findall(r'data-cell="(\d+,\d+)"', row) == [f"{i},{i}", f"{i},{k}"]
        assert cells[f"{i},{k}"]["n"] == 5
    shown = " ".join("".join(Reader(page).texts).split())
    said = re.findall(
        r"(\d+) more labels? (?:is|are) in evalplus/confusion.json; (\d+) rows? and (\d+) columns? are", shown
    )
    assert said == ([(str(k - 20),) * 3] if k > 20 else [])


def test_a_requirement_says_below_it_only_what_no_other_column_says() -> None:
    timing = {"latency_ms_p95": Estimate(20.0, 18.0, 22.0, 200)}
    near = round(ep.evaluate(messages(360)).metrics["accuracy"].value - 0.02, 2)
    wanted = [{"metric": "accuracy", "min": near}, {"metric": "latency_ms_p95", "max": 50},
              {"metric": "latency_ms_p99", "max": 50}]  # fmt: skip
    evaluation = ep.evaluate(messages(360), requirements={"thresholds": wanted})
    evaluation = replace(evaluation, latency=Latency(timing, 360, 1.0, "a machine"))
    evaluation = replace(evaluation, verdict=decide(evaluation))
    section = re.search(r'<section id="requirements".*?</section>', report.page(evaluation), re.DOTALL)
    assert section
    needed = evaluation.verdict.gates[0].n_needed
    assert needed
    assert sorted(re.findall(r'<br><span class="small">(.*?)</span>', section[0])) == [
        "latency_ms_p99 was not measured",
        "on 200 requests",
        f"on 360 examples; about {needed - 360:,} more labelled examples would decide",
    ]


def test_where_not_all_examples_fit_every_cell_of_errors_keeps_its_worst() -> None:
    evaluation = ep.evaluate(messages(2_000), scores=SCORES)
    listing = examples.listing(evaluation)
    assert listing
    whole, cut = listing.within()["cells"], listing.within(10_000)["cells"]
    assert 8_000 < len(html.embedded(listing.within(10_000)).encode()) <= 10_000
    sizes = [len(cut[key]["shown"]) for key in cut if len(set(key.split(","))) == 2]
    assert 1 <= min(sizes) <= max(sizes) <= min(sizes) + 1 < 30
    assert all(cut[key]["shown"] == whole[key]["shown"][: len(cut[key]["shown"])] for key in cut)
    assert [cut[key]["n"] for key in cut] == [whole[key]["n"] for key in cut]


class Tables(Reader):
    """The tables of a page, and its headings."""

    def __init__(self, page: str) -> None:
        self.tables: list[list[tuple[str, dict[str, str | None]]]] = []
        super().__init__(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "table":
            self.tables.append([])
        if self.tables:
            self.tables[-1].append((tag, dict(attrs)))


def test_every_table_has_a_caption_and_every_header_a_scope() -> None:
    read = Tables(report.page(hostile()))
    assert len(read.tables) > 10
    for elements in read.tables:
        assert [tag for tag, _ in elements].count("caption") == 1
        assert elements[1][0] == "caption"
        assert all(attributes.get("scope") in ("row", "col") for tag, attributes in elements if tag == "th")


def test_headings_are_in_order_and_ids_are_unique() -> None:
    read = Reader(report.page(hostile()))
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for tag, attributes in read.elements if tag == "a"}
    assert links <= {f"#{key}" for key in ids}
    pointed = [
        attributes.get("aria-describedby") or attributes.get("aria-labelledby") for _, attributes in read.elements
    ]
    assert {key for found in pointed if found for key in found.split()} <= set(ids)


def test_nothing_is_loaded_and_nothing_is_stored() -> None:
    evaluation = ep.evaluate(messages(300), scores=SCORES, slices=["shop"], intersections=1)
    page = ep.report(evaluation)
    for word in ("http://", "https://", "//cdn", "localStorage", "sessionStorage", "indexedDB", "cookie", "fetch(",
                 "XMLHttpRequest", "import(", "@import", "url(", "innerHTML", "eval("):  # fmt: skip
        assert word not in page, word
    assert not [attributes for _, attributes in Reader(page).elements if "src" in attributes or "srcset" in attributes]


def test_the_answer_opens_the_page_and_what_to_do_follows() -> None:
    wanted = {"slices": ["channel"], "thresholds": [{"metric": "accuracy", "min": 0.99}]}
    frame = messages(1_500).assign(channel=np.resize(["app", "web", "web"], 1_500))
    frame.loc[frame["channel"].eq("app") & (np.arange(1_500) % 2 == 0), "prediction"] = "neutral"
    evaluation = attribute(ep.evaluate(frame, scores=SCORES, requirements=wanted))
    page = report.page(evaluation, "iteration-3")
    read = Reader(page)
    shown = " ".join(" ".join(read.texts).split())
    assert shown.index("iteration-3") < shown.index("Fail") < shown.index("Accuracy at least 0.99: ")
    order = ["What to do next", "Key figures", "Requirements", "Confusion matrix", "Classes", "Slices",
             "Where the errors come from", "Calibration and abstention"]  # fmt: skip
    titles = [shown.rindex(f" {title} ") for title in ("What to do next", "Key figures", "Confusion matrix", "Classes")]
    assert titles == sorted(titles)
    sections = re.findall(r'<h2 id="[\w-]+">(.*?)</h2>', page)
    assert [title for title in sections if title in order] == order
    assert evaluation.attribution
    for action in evaluation.attribution.actions.rows:
        assert html.visible(action.summary) in shown
    assert evaluation.data_digest in shown
    assert evaluation.requirements
    assert evaluation.requirements.digest in shown


def test_sections_without_content_are_left_out() -> None:
    frame = pd.DataFrame({"label": list("ab") * 50, "prediction": list("ab") * 50})
    page = report.page(ep.evaluate(frame))
    assert re.findall(r'<section id="([\w-]+)"', page) == ["figures", "confusion", "classes"]
    assert "Undecided" in page
    assert "No threshold was given." in page


def test_cells_of_rows_that_stayed_in_their_engine_are_no_buttons_and_it_is_said() -> None:
    evaluation = ep.evaluate(pl.from_pandas(messages(300)[["label", "prediction"]]).lazy())
    assert evaluation.predictions is None
    page = ep.report(evaluation)
    assert "<button" not in page.split("</main>")[0].replace('<button type="button" id="examples-more"', "")
    assert "no examples can be listed" in page
    assert listed(page) == {}


def test_counts_of_weighted_rows_are_weights_and_it_is_said() -> None:
    frame = pd.DataFrame({"label": list("ab") * 50, "prediction": list("aa") * 50, "weight": [0.25, 2.0] * 50})
    page = report.page(ep.evaluate(frame, weight="weight"))
    assert "Counts are sums of weights." in page
    assert '<span class="c">12.5</span>' in page
    assert '<span class="c">100.0</span>' in page
    assert listed(page)["cells"]["1,0"]["n"] == 50


def test_every_slice_is_a_row_with_its_picture_and_weak_ones_are_said_in_words() -> None:
    frame = messages(1_500).assign(channel=np.resize(["app", "web", "web"], 1_500), rare=["x"] * 10 + ["y"] * 1_490)
    frame.loc[frame["channel"].eq("app"), "prediction"] = "neutral"
    evaluation = ep.evaluate(frame, slices=["channel", "rare"], intersections=1)
    table = re.search(r'id="slices-table">(.*?)</table>', report.page(evaluation), re.DOTALL)
    assert table
    rows = re.findall(r"<tr.*?</tr>", table[1], re.DOTALL)[1:]
    assert len(rows) == len(evaluation.slices.rows) == 4
    for text, row in zip(rows, evaluation.slices.rows, strict=True):
        shown = " ".join("".join(Reader(text).texts).split())
        assert shown.startswith(row.name)
        assert text.count("<svg") == 1
        assert ("weak" in shown) == row.weak
        assert ("few examples" in shown) == row.small_support
    assert "weak" in rows[0]


@pytest.mark.parametrize("command", [False, True], ids=["log", "describe"])
def test_a_run_carries_its_report_under_its_own_name(frame: pd.DataFrame, command: bool) -> None:
    from mlflow_evalplus.tracking.items import describe

    evaluation = attribute(ep.evaluate(frame, slices=["channel"]))
    _, files = describe(evaluation, "second & last" if command else "")
    (found,) = [item for item in files if item.path == names.REPORT]
    assert found.text == report.page(evaluation, "second & last" if command else "")  # type: ignore[union-attr]


def test_notes_that_are_left_out_are_counted() -> None:
    evaluation = replace(ep.evaluate(messages(200)), notes=tuple(f"note {i}" for i in range(70)))
    page = report.page(evaluation)
    assert "50 of 70 notes shown; all of them are in <code>evalplus/evaluation.json</code>" in page
    assert "notes shown" not in report.page(replace(evaluation, notes=evaluation.notes[:50]))
