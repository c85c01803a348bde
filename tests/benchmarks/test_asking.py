"""What asking costs beside a bare loop of the same client, EvalScope and inspect_ai: 660 questions, 100 ms, 16 at once.

The peers run where their Python is named: EVALPLUS_PEER_EVALSCOPE, EVALPLUS_PEER_INSPECT.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.asking.fake_server import counts, server_process
from tests.benchmarks.asking_peers import SCRIPTS

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parents[2]
N, LATENCY_S, AT_ONCE = 660, 0.1, 16
IDEAL_S = LATENCY_S * -(-N // AT_ONCE)
PYTHONS = {
    "bare": sys.executable, "ours": sys.executable, "evalscope": os.environ.get("EVALPLUS_PEER_EVALSCOPE", ""),
    "inspect": os.environ.get("EVALPLUS_PEER_INSPECT", ""),
}  # fmt: skip
ROUNDS = 3


def measured(name: str, folder: Path, at_once: int = AT_ONCE, **refusing: float) -> dict[str, float]:
    """Run one script against a server of its own, that may refuse calls; return its wall and CPU seconds, and calls."""
    folder.mkdir(parents=True)
    with server_process(LATENCY_S, answer="ANSWER: B", **refusing) as url:
        script = SCRIPTS[name].replace("=16", f"={at_once}").replace("(16)", f"({at_once})")
        script = script.replace(f"max_tokens={at_once}", "max_tokens=16")
        done = subprocess.run(
            [PYTHONS[name], "-c", script, url, str(folder), str(N)], cwd=ROOT, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
        assert lines, done.stderr[-2000:]
        found: dict[str, float] = json.loads(lines[-1].removeprefix("MEASURED "))
        found["calls"] = sum(counts(url).values())
        assert refusing or found["calls"] == N, "each question is asked once"
    assert refusing or found["right"] == N
    return found


def seconds_of_the_server() -> float:
    """Return how long 660 calls take a client that does nothing but write and read: the server's own part."""
    body = json.dumps({"model": "fake", "messages": [{"role": "user", "content": "Which?" * 20}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def worker(port: int, n: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(n):
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    async def all_workers(port: int) -> None:
        shares = [N // AT_ONCE + (i < N % AT_ONCE) for i in range(AT_ONCE)]
        await asyncio.gather(*(worker(port, share) for share in shares))

    with server_process(LATENCY_S) as url:
        start = time.perf_counter()
        asyncio.run(all_workers(int(url.rpartition(":")[2].removesuffix("/v1"))))
        return time.perf_counter() - start


def test_asking_costs_little_beside_a_bare_loop_and_other_tools(tmp_path: Path) -> None:
    names = [name for name, python in PYTHONS.items() if python]
    best: dict[str, dict[str, float]] = {}
    for round_ in range(ROUNDS):
        for name in names if round_ % 2 else names[::-1]:
            if name in ("bare", "ours") or not round_:
                found = measured(name, tmp_path / f"{name}{round_}")
                before = best.get(name, found)
                best[name] = {key: min(found[key], before[key]) for key in found}
    alone = seconds_of_the_server()
    print(f"\n{N} questions, {1000 * LATENCY_S:.0f} ms, {AT_ONCE} at once, ideal {IDEAL_S:.1f} s; the server alone "
          f"{alone:.1f} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    print(f"{'':10} {'wall s':>7} {'CPU s':>7} {'CPU ms per question':>20}")
    for name in names:
        print(f"{name:10} {best[name]['wall']:7.2f} {best[name]['cpu']:7.2f} {1000 * best[name]['cpu'] / N:20.1f}")
    for name in sorted({"evalscope", "inspect"} - set(names)):
        print(f"{name}: not measured, as EVALPLUS_PEER_{name.upper()} names no Python")
    assert alone < 1.15 * IDEAL_S, "the server is the bottleneck"
    assert best["ours"]["wall"] <= 1.3 * best["bare"]["wall"]
    assert 1000 * best["ours"]["cpu"] / N <= 8
    assert all(best["ours"]["wall"] < best[peer]["wall"] for peer in names[2:])


@pytest.mark.parametrize(
    ("told", "at_once", "refusing", "ideal"),
    [("10 % of the calls refused at random", 16, {"refuse": 0.1}, IDEAL_S),
     ("40 calls a second taken", 64, {"limit": 40}, N / 40)],
)  # fmt: skip
def test_a_server_that_refuses(
    tmp_path: Path, told: str, at_once: int, refusing: dict[str, float], ideal: float
) -> None:
    """Both kinds name a wait of 1 s, as `Retry-After`."""
    names = [name for name, python in PYTHONS.items() if python and name != "bare"]
    found = {name: measured(name, tmp_path / name, at_once, **refusing) for name in names}
    print(f"\n{N} questions, {1000 * LATENCY_S:.0f} ms, {at_once} at once, {told}; at least {ideal:.1f} s; load "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    print(f"{'':10} {'wall s':>7} {'calls':>6} {'right':>6}")
    for name, one in found.items():
        print(f"{name:10} {one['wall']:7.1f} {one['calls']:6.0f} {one['right']:6.0f}")
    assert found["ours"]["right"] == N, "no answer is lost"
    assert found["ours"]["wall"] < 1.5 * ideal + 8  # the last refusals are waited for one after another
    assert found["ours"]["calls"] < 2 * N, "what is refused is not asked all the time"
