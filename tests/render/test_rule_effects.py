"""The page of the rules: what to drop first, patterns as they are, and no way out of a cell."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.render.rule_effects import advice, code, headline, named, page
from mlflow_evalplus.results.rule_effects import RuleEffects
from tests.core.test_rule_effects import planted
from tests.generated import inputs
from tests.render.test_markdown import HOSTILE, PARSER, collapsed

RULES = {"refund": "bad", "late": "good", "thanks": "good", "never|seen": "bad", "refunds?": "bad"}


def seen(text: str) -> tuple[list[list[list[str]]], list[str]]:
    """Return each table as rows of cells, then the other blocks, as a reader sees them: text and code alone."""
    tables: list[list[list[str]]] = []
    others = []
    tokens = PARSER.parse(text)
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline":
            children = token.children or []
            assert {child.type for child in children} <= {
                "text",
                "code_inline",
                "strong_open",
                "strong_close",
                "softbreak",
            }
            shown = "".join(child.content for child in children)
            if tokens[place - 1].type in ("td_open", "th_open"):
                tables[-1][-1].append(shown)
            else:
                others.append(shown)
    return tables, others


@pytest.fixture(scope="module")
def effects() -> RuleEffects:
    return ep.rule_effects(planted(), RULES, slices=["channel"])


def test_the_answer_comes_first_then_what_to_do_then_each_rule(effects: RuleEffects) -> None:
    (table,), others = seen(page(effects))
    assert others[1].startswith("Accuracy 0.825 [0.785, 0.859] without, 0.")
    assert "5 rules on the run's own predictions fired on 140 of 400 rows, fixed 70 answers and broke 70." in others[1]
    assert "Drop rule 2 (late): it broke 30 and fixed 0." in others
    assert "Narrow rule 3 (thanks): where channel=app it broke 40 and fixed 0." in others
    assert (
        "Look again at rules 1 (refund), 5 (refunds?): no answer changes without it, though it would change some alone."
        in others
    )
    assert "Check the pattern of rule 4 (never|seen): never fired here." in others
    assert [row[0] for row in table[1:]] == [
        "2. late = good (30)", "3. thanks = good (80)", "1. refund = bad (30)", "5. refunds? = bad (30)",
        "4. never|seen = bad (0)",
    ]  # fmt: skip
    assert table[1][1] == "✘ 0, 30; -7.5 [-10.5, -4.9]"
    assert [row[1] for row in table[3:]] == ["=", "=", "–"]


def hostile(effects: RuleEffects, text: str) -> RuleEffects:
    rules = tuple(
        replace(rule, pattern=text, label=text, slices=tuple(replace(part, name=text) for part in rule.slices))
        for rule in effects.rules
    )
    return replace(effects, rules=rules, notes=(text,))


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()], ids=lambda text: repr(text[:20]))
def test_a_hostile_pattern_label_or_slice_stays_where_it_is(effects: RuleEffects, text: str) -> None:
    (table,), _ = seen(page(hostile(effects, text)))
    assert [len(row) for row in table] == [2] * 6
    assert len(page(hostile(effects, text))) < 8000


@settings(deadline=None, max_examples=inputs(100))
@given(st.text(alphabet="\\`*_[]()|~#<>&;!-+.:=\"' \n1ab", min_size=1, max_size=25))
def test_a_pattern_shows_as_it_is_in_a_cell_and_in_a_sentence(pattern: str) -> None:
    (table,), others = seen(f"| a | b |\n|---|---|\n| {code(pattern, cell=True)} x | y |\n\nDrop {code(pattern)}: so")
    assert collapsed(table[1][0]) == collapsed(f"{pattern.strip()} x")
    assert collapsed(others[0]) == collapsed(f"Drop {pattern.strip()}: so")


def test_one_of_a_kind_is_in_the_singular(effects: RuleEffects) -> None:
    one = replace(effects, rules=effects.rules[:1], moves=replace(effects.moves, fixed=1))
    assert headline(one).startswith("1 rule on ")
    assert "of 400 rows, fixed 1 answer and broke" in headline(one)


def test_a_long_list_of_rules_is_cut_and_its_rest_counted(effects: RuleEffects) -> None:
    rules = tuple(replace(effects.rules[1], number=number) for number in range(1, 101))
    text = page(replace(effects, rules=rules))
    (table,), others = seen(text)
    assert len(table) == 31
    assert "… 70 more in evalplus/rules.json." in others
    assert "… 92 more below." in others
    assert named(list(rules)).endswith("5 (late), 95 more")


def test_a_long_label_is_cut_and_the_rows_that_its_rule_fired_on_are_not(effects: RuleEffects) -> None:
    rules = tuple(replace(rule, label="very long " * 8) for rule in effects.rules)
    (table,), _ = seen(page(replace(effects, rules=rules)))
    assert [row[0].rpartition(" ")[2] for row in table[1:]] == ["(30)", "(80)", "(30)", "(30)", "(0)"]
    assert all(len(row[0]) < 80 for row in table)


def test_without_evidence_nothing_is_to_be_dropped(effects: RuleEffects) -> None:
    verbs = [verb for verb, _, _ in advice(ep.rule_effects(planted(), {"thanks": "good"}))]
    assert verbs == ["Wait with"]


def test_the_report_has_a_section_of_the_rules_only_where_there_are_any() -> None:
    evaluation = ep.evaluate(planted(), text="text", slices=["channel"])
    assert "Keyword rules on top" not in ep.report(evaluation)
    rules = {"late|<script>window.spoilt = 1</script>": "good", **RULES}
    text = ep.report(replace(evaluation, rule_effects=ep.rule_effects(evaluation, rules)))
    section = re.search(r'<section id="rules".*?</section>', text, re.S)
    assert section is not None
    assert section[0].count('<th scope="row"') == 6
    assert "<code>late|&lt;script&gt;window.spoilt = 1&lt;/script&gt;</code>" in section[0]
    assert "breaks most where <bdi>channel=<wbr>app</bdi>" in section[0]
