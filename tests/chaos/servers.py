"""A PostgreSQL of a test's own, which it may kill; and what may stand between two servers and fail."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg

from tests.conftest import Database
from tests.processes import until
from tools.devstack import database, postgres_tree
from tools.devstack.state import POSTGRES, State

HOST = "127.0.0.1"


class OwnPostgres:
    """A server with the settings of the test stack but for one: what was committed survives a kill."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.state = State(folder, "own")
        self.state.create()
        self.server = database.Database(self.state, throwaway=True)
        self.server.settings["synchronous_commit"] = "on"
        self._environ = environ
        self._numbers = itertools.count()

    def up(self) -> None:
        self.server.up(postgres_tree.postgres_tree())

    def down(self) -> None:
        self.server.down()

    def kill(self) -> None:
        """Kill the first process of the server; the others end when they notice."""
        process = self.state.process(POSTGRES)
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not process.alive, 10)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **self._environ,
            "DB_PORT": str(self.state.port(POSTGRES)),
            "DB_PASSWORD": self.state.secrets()["DB_PASSWORD"],
        }

    def let_in(self, cable: Cable) -> None:
        """Listen at the near end of a cable, and let in who comes from the far end."""
        self.server.settings["listen_addresses"] = f"{HOST},{cable.near}"
        self.up()
        with (self.server.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {cable.far}/32 scram-sha-256\n")
        Database("postgres", self.environ).value("SELECT pg_reload_conf()")

    def database(self, template: Database | None = None) -> Database:
        """Make a database, empty or as a copy."""
        made = Database(f"own_{next(self._numbers)}", self.environ)
        copied = f" TEMPLATE {template.name}" if template else ""
        Database("postgres", self.environ).execute(f"CREATE DATABASE {made.name}{copied}")
        return made

    def answers(self) -> bool:
        return answers(Database("postgres", self.environ))


def answers(database: Database) -> bool:
    """Tell whether somebody can log in, and work."""
    try:
        return bool(database.value("SELECT true"))
    except psycopg.OperationalError:
        return False


class Cable:
    """The one connection of a network namespace with this machine. near, far: the addresses of its ends."""

    def __init__(self) -> None:
        number = os.getpid() % 16384
        self.namespace = f"chaos-{number}"
        self._end = f"chaos{number}"
        # Of the range that is kept for tests of networks, four addresses.
        first = f"198.18.{number // 64}"
        self.near, self.far = (f"{first}.{number % 64 * 4 + end}" for end in (1, 2))

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command that runs another at the far end."""
        return ("ip", "netns", "exec", self.namespace)

    def lay(self) -> None:
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._end, "type", "veth", "peer", "name", "far", "netns", self.namespace)
        _ip("address", "add", f"{self.near}/30", "dev", self._end)
        _ip("link", "set", self._end, "up")
        _ip("-n", self.namespace, "address", "add", f"{self.far}/30", "dev", "far")
        for name in ("far", "lo"):
            _ip("-n", self.namespace, "link", "set", name, "up")

    def unplug(self) -> None:
        """Lose what is sent from now on, and tell nobody."""
        _ip("link", "set", self._end, "down")

    def remove(self) -> None:
        _ip("link", "delete", self._end)
        _ip("netns", "delete", self.namespace)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def cable() -> Iterator[Cable]:
    """Have another network beside this machine's while the block runs."""
    laid = Cable()
    try:
        laid.lay()
        yield laid
    finally:
        laid.remove()


class Relay:
    """Passes bytes to a server and back, until it is told to cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        # What went to the server, of all connections together.
        self.sent = bytearray()

    def cut(self) -> int:
        """Reset every connection, as a network that fails does; tell how many there were."""
        with self._guard:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # What another thread waits on is not closed by a close alone.
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return len(ends) // 2

    def serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((HOST, self._target))
            except OSError:
                near.close()
                continue
            with self._guard:
                self._open |= {near, far}
            for source, sink, log in ((near, far, self.sent), (far, near, bytearray())):
                threading.Thread(target=self._pass, args=(source, sink, log), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, log: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                log += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Stand between a client and the server at `port` while the block runs."""
    made = Relay(port)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)


class Overloaded:
    """In front of a Directus: answers 503 so many times, from the first request on whose path it is told."""

    def __init__(self, upstream: str, times: int, since: str, body: bytes) -> None:
        self.upstream = upstream
        self.left = times
        self.since = since
        self.body = body
        self.begun = False

    def refuses(self, path: str) -> bool:
        self.begun = self.begun or path.startswith(self.since)
        if not self.begun or not self.left:
            return False
        self.left -= 1
        return True


@contextmanager
def overloaded(upstream: str, times: int, since: str = "/", body: bytes = b"busy") -> Iterator[tuple[Overloaded, str]]:
    """Yield such a front and its address. body: of its 503s."""
    front = Overloaded(upstream, times, since, body)
    server = ThreadingHTTPServer((HOST, 0), _handler(front))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield front, f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(front: Overloaded) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if front.refuses(self.path):
                self._send(503, front.body, "text/plain")
                return
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            url = f"{front.upstream}{self.path}"
            answer = httpx.request(self.command, url, headers=kept, content=content, timeout=120, trust_env=False)
            self._send(answer.status_code, answer.content, answer.headers.get("Content-Type", "text/plain"))

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


_HOP_BY_HOP = {"connection", "host", "content-length", "accept-encoding", "keep-alive"}
