"""A small HTTP proxy on loopback that does to requests what bad networks and sick servers do."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.faults.server import free_port

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"}


@dataclass(frozen=True)
class Plan:
    """What is done to which requests.

    Attributes
    ----------
    action : str
        ``refuse`` (the connection breaks, and from then on none is accepted), ``answer`` (with `status`, without
        asking the server), ``hang`` (never answered), ``cut`` (the server does the work, the answer is lost),
        ``cut_refuse`` (so, and from then on nothing is accepted), ``slow``, ``kill_before`` and ``kill_after`` (the
        client is killed before the request is passed on, or when the server has done the work), ``call`` (`also` is
        called, then the request is passed on).
    first, last : int
        Which requests, counted from 1 among those that match.
    match : str
        Regular expression over ``METHOD path``.
    status : int
    also : callable or None
    """

    action: str
    first: int = 1
    last: int = 10**9
    match: str = ""
    status: int = 503
    also: Callable[[], object] | None = None

    def hits(self, number: int) -> bool:
        return self.first <= number <= self.last


class Proxy:
    """Stands before a server on a port of its own.

    Attributes
    ----------
    seen : list of str
        ``METHOD path`` of every request.
    hit : int
        Requests to which something was done.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.seen: list[str] = []
        self.hit, self.matching, self.plan = 0, 0, None  # type: tuple[int, int, Plan | None]
        self.watch: Callable[[], object] = lambda: None
        self._lock, self._healed, self._victim = threading.Lock(), threading.Event(), threading.Event()
        self._pid = 0
        self._listener: ThreadingHTTPServer | None = None
        self._listen()

    def _listen(self) -> None:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._listener = _Listener(("127.0.0.1", self.port), handler)
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def inject(self, plan: Plan | None) -> None:
        """Do this from now on; counting begins at 1."""
        self.plan, self.matching, self.hit = plan, 0, 0
        self._healed.clear()
        self._victim.clear()
        if plan is not None and plan.action == "refuse" and plan.first <= 1 and not plan.match:
            self.hit = 1
            self.refuse()

    def refuse(self) -> None:
        """Accept no connection any more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown()
            listener.server_close()

    def heal(self) -> None:
        """Pass everything on again."""
        self.plan = None
        self._healed.set()
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        self.heal()
        self.refuse()

    def aim(self, pid: int) -> None:
        """Name the process that is to be killed."""
        self._pid = pid
        self._victim.set()

    def kill(self) -> None:
        if self._victim.wait(20):
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def arrived(self, request: str) -> Plan | None:
        """Count a request; return what is to be done to it."""
        with self._lock:
            self.seen.append(request)
            plan = self.plan
            if plan is None or not re.search(plan.match, request):
                return None
            self.matching += 1
            if not plan.hits(self.matching):
                return None
            self.hit += 1
            return plan

    def wait_healed(self) -> None:
        self._healed.wait(300)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves broken connections behind."""


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on; no connection is kept, so that a closed listener is a server that is down."""

    proxy: Proxy

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def _pass(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.proxy
        proxy.watch()
        plan = proxy.arrived(f"{self.command} {self.path}")
        action = plan.action if plan else "pass"
        if plan is None or action == "pass":
            self._answer(*self._ask(body))
        elif action == "answer":
            self._answer(plan.status, [], b'{"error_code": "INTERNAL_ERROR", "message": "injected"}')
        elif action == "slow":
            time.sleep(0.05)
            self._answer(*self._ask(body))
        elif action == "call":
            assert plan.also is not None
            plan.also()
            self._answer(*self._ask(body))
        else:
            self._silent(action, body)

    def _silent(self, action: str, body: bytes) -> None:
        """Do what leaves the client without an answer."""
        if action == "kill_before":
            self.proxy.kill()
        elif action == "kill_after":
            self._ask(body)
            self.proxy.kill()
        elif action == "cut":
            self._ask(body)
        elif action == "cut_refuse":
            self._ask(body)
            self.proxy.refuse()
        elif action == "hang":
            self.proxy.wait_healed()
        elif action == "refuse":
            self.proxy.refuse()
        else:
            raise AssertionError(action)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = self.proxy.upstream
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=120)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return 0, [], b""
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        with suppress(OSError):
            if not status:  # the server died meanwhile
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(status)
            for key, value in headers:
                if key.lower() not in HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
