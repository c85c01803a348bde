"""A small Hugging Face hub on loopback: just what `datasets` asks one for, over real HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import datasets

FEATURES = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})
TRAIN = {"text": [f"train {i}" for i in range(6)], "label": [0, 1, 0, 1, 0, 1]}
TEST = {"text": ["test 0", "test 1", "test 2"], "label": [1, 0, -1]}
CARD = """---
configs:
- config_name: mood
  data_files:
  - {split: train, path: mood/train.parquet}
  - {split: test, path: mood/test.parquet}
- config_name: shout
  data_files:
  - {split: train, path: shout/train.parquet}
---
"""
SCRIPT = "import os\nos._exit(13)\n"
Files = dict[str, bytes]


def parquet(rows: dict[str, list[Any]]) -> bytes:
    """Return rows as the hub holds them: Parquet whose labels are numbers, with their names in its schema."""
    buffer = io.BytesIO()
    datasets.Dataset.from_dict(rows, features=FEATURES).to_parquet(buffer)
    return buffer.getvalue()


def commit(files: Files) -> str:
    """Return what stands for a commit's hash."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class Hub:
    """Data sets by name: their commits, newest last, and tags."""

    def __init__(self) -> None:
        old = {
            "README.md": CARD.encode(),
            "mood/train.parquet": parquet({key: values[:2] for key, values in TRAIN.items()}),
            "mood/test.parquet": parquet(TEST),
            "shout/train.parquet": parquet({"text": ["HEY"], "label": [1]}),
        }
        new = {**old, "mood/train.parquet": parquet(TRAIN)}
        self.old, self.new = commit(old), commit(new)
        self.commits: dict[str, dict[str, Files]] = {
            "team/moods": {self.old: old, self.new: new},
            "team/plain": (alone := {commit(old): {"train.parquet": parquet(TRAIN)}}),
            "team/scripted": {commit(new): {"README.md": b"", "scripted.py": SCRIPT.encode()}},
        }
        self.refs = {
            "team/moods": {"main": self.new, "v1": self.old},
            "team/plain": {"main": next(iter(alone))},
            "team/scripted": {"main": commit(new)},
        }
        self.moved = {"plain": "team/plain"}  # as `imdb` is at stanfordnlp/imdb today
        self.silent = False
        self.url = ""
        self.asked: list[str] = []
        self.unknown: list[str] = []

    def answer(self, target: str, body: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and content for a request."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.asked.append(target)
        if path == "/api/datasets":
            author, part = (query.get(key, [""])[0] for key in ("author", "search"))
            return _json([{"id": name} for name in self.commits if name.startswith(author) and part in name])
        found = re.fullmatch(
            r"(/api)?/datasets/((?:[\w.-]+/)?[\w.-]+?)(?:/(revision|tree|paths-info|resolve|refs)(/.*)?)?", path
        )
        if not found:
            self.unknown.append(target)
            return 404, {}, b""
        _, name, what, rest = found.groups()
        if name in self.moved:
            return 307, {"Location": target.replace(name, self.moved[name])}, b""
        if name not in self.commits:
            return 401, {"X-Error-Code": "RepoNotFound"}, b""
        if what == "refs":
            branches, tags = (
                [
                    {"name": n, "ref": n, "targetCommit": c}
                    for n, c in self.refs[name].items()
                    if (n == "main") == branch
                ]
                for branch in (True, False)
            )
            return _json({"branches": branches, "tags": tags, "converts": []})
        revision, _, inner = (rest or "/main").removeprefix("/").partition("/")
        sha = self.refs[name].get(unquote(revision), revision)
        if sha not in self.commits[name]:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        files = self.commits[name][sha]
        if what == "resolve":
            if inner not in files:
                return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}, b""
            etag = hashlib.sha1(files[inner]).hexdigest()
            return 200, {"X-Repo-Commit": sha, "ETag": f'"{etag}"'}, files[inner]
        if what in ("tree", "paths-info"):
            wanted = parse_qs(body).get("paths", []) if what == "paths-info" else None
            if what == "paths-info" and body.startswith("{"):
                wanted = json.loads(body)["paths"]
            return _json(list(_entries(files, inner, wanted)))
        siblings = [{"rfilename": file} for file in files]
        return _json({"id": name, "sha": sha, "siblings": siblings, "private": False, "gated": False, "tags": []})


def _entries(files: Files, under: str, wanted: list[str] | None) -> Iterator[dict[str, Any]]:
    folders = {file.rpartition("/")[0] for file in files} - {""}
    for folder in folders:
        if folder.startswith(under) if wanted is None else folder in wanted:
            yield {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
    for file, content in files.items():
        if file.startswith(under) if wanted is None else file in wanted:
            yield {"type": "file", "path": file, "oid": hashlib.sha1(content).hexdigest(), "size": len(content)}


def _json(content: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if hub.silent:
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, headers, content = hub.answer(self.path, body)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_POST = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
