"""The commands of the pages run as they are written, end as they should, and print what the pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.documentation import folders, forking, shell
from tests.documentation.pages import PAGES, README, ROOT, Block, blocks, code_in_sentences, setting
from tests.documentation.test_commands import steps

RUN = ("bash", "console", "yaml")
# Of commands within sentences: exit codes other than 0, and what needs more than a folder (MLflow's review queues, a
# version of the data with dates).
EXITS = {"monitor ": 3}
LEFT = ("reviews:production", "--retire-before", "evaluate --output")
PLACES = {"GITHUB_SHA": "candidate-1", "GITHUB_STEP_SUMMARY": "summary.md", "CI_COMMIT_SHA": "candidate-2"}


def run_blocks(page: str) -> list[Block]:
    """Return the blocks with commands; the project's own tests are run elsewhere."""
    found = [block for block in blocks(*RUN, page=page) if not block.not_run and script(block)]
    return [block for block in found if not all("pytest" in line for line in script(block))]


def script(block: Block) -> list[str]:
    """Return the lines of a block that are for a shell: those of a CI service's steps as well."""
    if block.language == "yaml":
        return list(steps(yaml.safe_load(block.text)))
    if block.language == "console":
        return re.findall(r"^\$ (.*)", block.text.replace("\\\n", " "), re.M)
    return shell.lines(block.text)


def said(block: Block) -> list[str]:
    """Return what the page shows of the output: in the block itself, or as text in the block that follows."""
    if block.language == "console":
        return [line for line in block.text.splitlines() if not line.startswith("$ ")]
    around = blocks("bash", "console", "python", "text", "yaml", page=block.page)
    after = around[around.index(block) + 1 :][:1]
    return [line for text in after if text.language == "text" and not text.not_run for line in text.text.splitlines()]


PAGES_RUN = [page for page in PAGES if page != README and run_blocks(page)]


@pytest.fixture(scope="session")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of programs that a process serves which has MLflow imported, and a `pip` that does nothing."""
    folder = tmp_path_factory.mktemp("bin")
    address, quick, pip = folder / "socket", folder / "quick", folder / "pip" / "pip"
    with subprocess.Popen([sys.executable, "-m", "tests.documentation.forking", str(address)], cwd=ROOT) as server:
        try:
            forking.programs(quick, address)
            pip.parent.mkdir()
            pip.write_text("#!/bin/sh\n")  # `test_commands` checks what would be installed
            pip.chmod(0o700)
            while not address.exists() and server.poll() is None:
                time.sleep(0.1)
            yield folder
        finally:
            server.kill()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_RUN)
def test_commands_of_a_page_run_in_order(page: str, store: str, bin_folder: Path) -> None:
    """The first command of each page is a process of its own, started as a user starts it."""
    folders.project()
    with ExitStack() as stack:
        folders.SETTINGS[setting(page)](stack)
        environment = _environment(store, bin_folder)
        for block in run_blocks(page):
            lines = script(block)
            printed = _run(lines, block.exits or [0] * len(lines), environment, block.name)
            _compare(said(block), printed, block.name)
            environment["PATH"] = environment["QUICK"]


@pytest.mark.slow
def test_commands_within_sentences_run(store: str, bin_folder: Path) -> None:
    """Those that say all that is needed; RUN is a run."""
    with ExitStack() as stack:
        folders.spoken_of(stack)
        environment = _environment(store, bin_folder)
        environment["PATH"] = environment["QUICK"]
        codes = [next((code for part, code in EXITS.items() if part in line), 0) for line in spoken()]
        lines = [line.replace("RUN", "words") for line in spoken()]
        afresh = ["rm requirements.yaml; " if " init " in line else "rm -rf queue; " for line in lines]
        _run([before + line for before, line in zip(afresh, lines, strict=True)], codes, environment, "sentences")


def spoken() -> list[str]:
    """Return the commands of ours within sentences that are whole and that no block runs."""
    ours = re.compile(r"mlflow-evalplus (?!.*(…|--help|\b(?!RUN\b)[A-Z]{3,}\b))\S+ (?!--\S+$).+")
    found = dict.fromkeys(code for page in PAGES if page != README for code in code_in_sentences(page))
    return [code for code in found if ours.fullmatch(code) and not any(part in code for part in LEFT)]


def _environment(store: str, bin_folder: Path) -> dict[str, str]:
    installed = f"{bin_folder / 'pip'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_EXPERIMENT_ID"}
    ours = {"CODES": str(Path("codes").absolute()), "PATH": installed, "QUICK": f"{bin_folder / 'quick'}:{installed}"}
    return {**kept, **PLACES, **ours, "MLFLOW_TRACKING_URI": store}


def _run(lines: list[str], exits: list[int], environment: dict[str, str], name: str) -> str:
    """Run the lines in one shell; return what they print, when their exit codes are the expected ones."""
    codes = Path("codes")
    codes.unlink(missing_ok=True)
    begun = subprocess.run(
        ["bash", "-c", "\n".join(_with_code(line) for line in lines)], env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, check=False,
    )  # fmt: skip
    ended = zip(lines, map(int, codes.read_text().split()), exits, strict=True)
    wrong = [f"{line}: {code}, not {expected}" for line, code, expected in ended if code != expected]
    assert wrong == [], f"{name}\n{begun.stdout}"
    return begun.stdout


def _with_code(line: str) -> str:
    """Return a line after which its exit code is written down; what watches for ever is stopped."""
    if line.startswith("mlflow-evalplus watch") and "--once" not in line:
        wait = "for _ in {1..240}; do grep -q '/#/experiments/' watched && break; sleep 1; done"
        line = f"{line} >watched 2>&1 &\n{wait}\nkill $!; cat watched; wait $!"
    after = 'PATH="$QUICK"' if "mlflow" in line else ""
    return f'{line}\necho "$?" >>"$CODES"\n{after}'


def _compare(expected: list[str], printed: str, name: str) -> None:
    """Find the lines that the page shows in what was printed, in this order; … stands for anything."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in expected:
        words = " ".join(line.split())
        pattern = ".*".join(re.escape(part) for part in words.split("…"))
        assert words in ("", "…") or any(re.fullmatch(pattern, other) for other in lines), f"{name}: {line}\n{printed}"


def test_what_a_page_shows_is_compared_in_order() -> None:
    _compare(["a … of 3", "…", "b  c"], "x\na 2 of 3\nb c\n", "page")
    for wrong in (["b c", "a … of 3"], ["a 3 of 3"], ["a … of"]):
        with pytest.raises(AssertionError):
            _compare(wrong, "x\na 2 of 3\nb c\n", "page")


def test_every_page_with_commands_has_a_setting() -> None:
    assert {setting(page) for page in PAGES_RUN} <= set(folders.SETTINGS)
