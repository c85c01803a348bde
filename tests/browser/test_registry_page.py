"""The registry page shows no metrics: the evidence stands in the version's description."""

from __future__ import annotations

from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = ui.MARKS


def test_the_version_opens_with_the_decision_and_shows_its_evidence(served: Served) -> None:
    version = served.version
    accuracy = served.series.evaluations["iteration-4"].metrics["accuracy"]
    with ui.browser_page() as page:
        mode = "workflowType=machine_learning"
        page.goto(f"{served.address}/#/models/{version.name}/versions/{version.version}?{mode}")
        answer = page.get_by_text("Champion: cleared for launch", exact=True)
        answer.wait_for(timeout=30_000)
        evidence = [
            page.get_by_text("Why this version: the best of four"),
            page.get_by_text("Beside the baseline iteration-1: accuracy +"),
            page.get_by_role("heading", name="pass"),
            page.get_by_text(f"{accuracy.value:.3f} [{accuracy.lower:.3f}, {accuracy.upper:.3f}]").first,
            page.get_by_text("accuracy at least 0.85", exact=True),
        ]
        tops = [box["y"] for element in (answer, *evidence) if (box := element.bounding_box())]
        assert len(tops) == 6
        assert tops[0] == min(tops)
        assert page.get_by_text("@ champion").first.is_visible()
        assert page.get_by_text("evalplus.verdict").first.is_visible()


def test_the_model_lists_who_promoted_what_and_every_version_its_bounds(served: Served) -> None:
    version = served.version
    with ui.browser_page() as page:
        mode = "workflowType=machine_learning"
        page.goto(f"{served.address}/#/models/{version.name}?{mode}")
        page.get_by_text("evalplus.event.").first.wait_for(timeout=30_000)
        row = page.locator("tr").filter(has_text="promoted to champion")
        assert [cell.inner_text() for cell in row.locator("td").all()][2:] == [
            "promoted to champion", "1", "", "pass", "the best of four",
        ]  # fmt: skip
        listed = page.get_by_text("Champion: cleared for launch").first.inner_text()
        assert listed.startswith("Champion: cleared for launch")
        assert "**" not in listed.partition("Why this version")[0]
        event = page.get_by_text('"kind":"promote","alias":"champion","version":"1"').first
        assert '"why":"the best of four"' in event.inner_text()
        page.goto(f"{served.address}/#/models/{version.name}/versions/{version.version}?{mode}")
        page.get_by_text("evalplus.bounds").first.wait_for(timeout=30_000)
        assert page.get_by_text("accuracy at least 0.85: 0.").first.is_visible()
