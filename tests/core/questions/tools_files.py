"""Small files as EvalScope 1.14, Inspect 0.3 and lm-eval 0.4 write them; in `test_peers_files` they do."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

CHINESE_PROMPT = (
    '回答下面的单项选择题，请选出其中的正确答案。你的回答的全部内容应该是这样的格式："答案：[LETTER]"（不带引号），'
    "其中 [LETTER] 是 A,B 中的一个。\n\n问题：哪个是贷款期限？\n选项：\nA) 12 个月\nB) 5%\n"
)
ENGLISH_PROMPT = (
    "Answer the following multiple choice question. The entire content of your response should be of the following "
    "format: 'ANSWER: [LETTER]' (without quotes) where [LETTER] is one of A,B,C.\n\nWhich is a fee?\n\n"
    "A) rent\nB) late charge\nC) tip"
)


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def review(index: int, prompt: str, target: list[str], text: str, **score: Any) -> dict[str, Any]:
    """Return a line of EvalScope's reviews."""
    return {
        "index": index, "target": target,
        "messages": [{"id": "a1", "content": prompt, "role": "user", "tool_call_id": None},
                     {"id": "a2", "content": text, "role": "assistant", "model": "m"}],
        "agent_trace": None,
        "sample_score": {
            "score": {"value": {"accuracy": 1.0}, "extracted_prediction": text, "prediction": text},
            "sample_id": index, "group_id": index, "generation_index": 0, "sample_metadata": {}, **score,
        },
    }  # fmt: skip


def prediction(index: int, text: str, stop: str = "stop", model: str = "m-1") -> dict[str, Any]:
    """Return a line of EvalScope's predictions."""
    perf = {"latency": 0.5, "ttft": 0.1, "input_tokens": 34, "output_tokens": 5, "tpot": None}
    message = {"id": "a2", "content": text, "perf_metrics": perf, "role": "assistant", "model": model}
    usage = {"input_tokens": 34, "output_tokens": 5, "total_tokens": 39, "input_tokens_cache_read": 3}
    output = {
        "id": "c1", "model": model, "choices": [{"message": message, "stop_reason": stop, "logprobs": None}],
        "usage": usage, "time": 0.5, "metadata": None, "error": None, "perf_metrics": perf,
    }  # fmt: skip
    return {"index": index, "model": model, "model_output": output, "messages": [], "metadata": {}}


def inspect_sample(name: str | int, epoch: int = 1, text: str = "ANSWER: B", **more: Any) -> dict[str, Any]:
    """Return a sample of Inspect's logs."""
    message = {"id": "x", "content": text, "source": "generate", "role": "assistant", "model": "m"}
    usage = {"input_tokens": 38, "output_tokens": 5, "total_tokens": 46, "input_tokens_cache_read": 3}
    return {
        "id": name, "epoch": epoch, "input": "Which is a fee?", "choices": ["rent", "late charge"], "target": "B",
        "messages": [], "scores": {"choice": {"value": "C"}}, "metadata": {},
        "output": {"model": "m", "choices": [{"message": message, "stop_reason": "stop"}], "completion": text,
                   "usage": usage, "time": 0.25},
        "attachments": {}, **more,
    }  # fmt: skip


def inspect_header(task: str = "bank/fees", model: str = "openai/m") -> dict[str, Any]:
    return {"version": 2, "status": "success", "eval": {"task": task, "model": model, "dataset": {"name": "d"}}}


def write_zstd(path: Path, members: dict[str, Any]) -> Path:
    """Write a zip whose members are compressed by Zstandard, as Inspect's logs are."""
    body, directory = b"", b""
    for name, content in members.items():
        plain, title = json.dumps(content).encode(), name.encode()
        packed = pa.Codec("zstd").compress(plain, asbytes=True)
        about = struct.pack("<HHHHHIIIHH", 20, 0, 93, 0, 33, zlib.crc32(plain), len(packed), len(plain), len(title), 4)
        extra = b"\x99\x99\x00\x00"
        at = len(body)
        body += b"PK\x03\x04" + about + title + extra + packed
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, at) + title + extra
        )
    ends = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + ends)
    return path


def write_deflated(path: Path, members: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(content))
    return path


def likelihoods(number: int, prompt: str, choices: list[str], target: str, values: list[float]) -> dict[str, Any]:
    """Return a line of lm-eval's samples of a task of choices."""
    return {
        "doc_id": number, "doc": {"question": prompt, "subject": "fees"}, "target": target,
        "arguments": {f"gen_args_{at}": {"arg_0": prompt, "arg_1": f" {one}"} for at, one in enumerate(choices)},
        "resps": [[[str(value), "False"]] for value in values],
        "filtered_resps": [[str(value), "False"] for value in values],
        "filter": "none", "metrics": ["acc"], "acc": 1.0,
    }  # fmt: skip


def generated(number: int, prompt: Any, target: str, texts: list[str], **more: Any) -> dict[str, Any]:
    """Return a line of lm-eval's samples of a task of texts."""
    return {
        "doc_id": number, "doc": {"question": "?", "level": number % 2}, "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["Q:"]}}}, "resps": [texts],
        "filtered_resps": ["[invalid]"], "filter": "strict", "metrics": ["exact_match"], "exact_match": 0.0, **more,
    }  # fmt: skip
