"""What the site shows beside docs: pages that lie elsewhere, every command, every key of requirements.yaml.

MkDocs calls the functions whose names begin with ``on_``; mkdocs.yml names this file.
"""

from __future__ import annotations

import inspect
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from mlflow_evalplus import cli
from mlflow_evalplus.requirements import Requirements

ROOT = Path(__file__).parents[1]
ELSEWHERE = {  # in the repository → on the site
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "recipes/selection/DATA.md": "selection_data.md",
    "recipes/sentiment/DATA_CARD.md": "sentiment_data.md",
}
HISTORY = "changelog.md"
NOT_SEARCHED = "---\nsearch: {exclude: true}\n---\n"  # it names everything
EXPLAINED_FIRST = {"intervals.md": 3, "reference/": 0.5}  # what the search finds: a page before the lists of names
BOUNDS = {
    "minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}",
    "const": "always {}",
}  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of docs."""
    for source, page in ELSEWHERE.items():
        if (ROOT / source).exists():
            text = relinked((ROOT / source).read_text(encoding="utf-8"), source)
            files.append(File.generated(config, page, content=NOT_SEARCHED + text if page == HISTORY else text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the generated lists, let links lead to the site's own pages, and say what the search finds first."""
    for start, boost in EXPLAINED_FIRST.items():
        if page.file.src_uri.startswith(start):
            page.meta["search"] = {"boost": boost}
    if page.file.generated_by:
        return markdown
    for mark, make in {"<!-- commands -->": commands, "<!-- keys -->": keys}.items():
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(make()))
    return relinked(markdown, f"docs/{page.file.src_uri}")


def relinked(text: str, source: str) -> str:
    """Return the text with its links to files of the repository as links between pages of the site.

    Examples
    --------
    >>> relinked("[data](docs/data.md#drift)", "CHANGELOG.md")
    '[data](data.md#drift)'
    >>> relinked("[made](../recipes/selection/DATA.md)", "docs/selection.md")
    '[made](selection_data.md)'
    """
    folder = posixpath.dirname(source)
    here = posixpath.relpath(folder, "docs") if folder.startswith("docs") else "."

    def on_the_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        page = ELSEWHERE.get(target, posixpath.relpath(target, "docs") if target.startswith("docs/") else "")
        return f"]({posixpath.relpath(page, here)}{link[2] or ''})" if page else link[0]

    return re.sub(r"\]\(([\w./-]+\.\w+)(#[\w-]+)?\)", on_the_site, text)


def commands() -> Iterator[str]:
    """Yield the lines on every command: what it does, how it is called, its options, examples."""
    for name in sorted(cli.COMMANDS):
        context = click.Context(cli.group, info_name="mlflow-evalplus")
        command = cli.group.get_command(context, name)
        assert command is not None
        context = click.Context(command, parent=context, info_name=name)
        yield f"## {name}\n"
        yield from _text(command.help or "", "text")
        yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
        options = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
        yield from ["| option | what it does |", "|---|---|", *(_row(*record) for record in options if record[1]), ""]
        yield from _text((command.epilog or "").replace("Examples:\n", ""), "bash")


def _text(text: str, language: str) -> Iterator[str]:
    """Paragraphs of a help text; those that click leaves as they are become blocks."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```{language}\n{inspect.cleandoc(paragraph[2:])}\n```\n"
        elif paragraph:
            yield f"{_escaped(paragraph)}\n"


def _row(option: str, what: str) -> str:
    return f"| <code>{_escaped(option).replace('|', '&#124;')}</code> | {_escaped(what).replace('|', '&#124;')} |"


def _escaped(text: str) -> str:
    return re.sub(r"([<>*_`\[\]])", r"\\\1", text.replace("&", "&amp;")).replace("\\<", "&lt;").replace("\\>", "&gt;")


def keys() -> Iterator[str]:
    """Yield the lines on every part of requirements.yaml: its keys, what each takes, and its default."""
    schema = Requirements.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        if "properties" not in part:
            continue
        yield f"## {part['title']}\n\n{re.sub('`+', '`', part.get('description', ''))}\n"
        yield from ["| key | takes | default |", "|---|---|---|"]
        for key, value in part["properties"].items():
            default = value.get("default")
            said = (
                "required" if key in part.get("required", ()) else "–" if default in (None, [], {}) else f"`{default}`"
            )
            yield f"| `{key}` | {_kind(value)} | {'that of its keys' if '$ref' in value else said} |"
        yield ""


def _kind(value: Mapping[str, Any]) -> str:
    """Return what a key takes, in words."""
    if "$ref" in value:
        title = value["$ref"].rsplit("/", 1)[-1]
        return f"[{title}](#{title.lower()})"
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"] if one.get("type") != "null")
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    bounds = " ".join(
        words.format(str(value[bound]).removesuffix(".0")) for bound, words in BOUNDS.items() if bound in value
    )
    kind = {"array": "list", "object": "mapping", "integer": "whole number", "string": "text"}
    of = value.get("items") or value.get("additionalProperties") or {}
    inner = f" of {_kind(of)}" if of else ""
    return f"{kind.get(value.get('type', ''), value.get('type', ''))}{inner} {bounds}".strip()
