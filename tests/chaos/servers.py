"""A PostgreSQL server that tests can kill, and a relay whose connections they can cut."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Database
from tests.processes import until
from tools.devstack import database, postgres_tree
from tools.devstack.state import POSTGRES, State

HOST = "127.0.0.1"


class OwnPostgres:
    """A server with the settings of the test stack, except that commits survive a kill."""

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
        """Kill the server's first process. The others end when they notice."""
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

    def database(self, template: Database | None = None) -> Database:
        """Create a database, empty or as a copy of a template."""
        made = Database(f"own_{next(self._numbers)}", self.environ)
        copied = f" TEMPLATE {template.name}" if template else ""
        Database("postgres", self.environ).execute(f"CREATE DATABASE {made.name}{copied}")
        return made


class Relay:
    """Passes bytes between clients and a server, and can cut all connections."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        # Everything that was sent to the server, over all connections.
        self.sent = bytearray()

    def cut(self) -> int:
        """Reset all connections, like a failing network; return their number."""
        with self._guard:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Closing alone would not wake a thread that reads from the socket.
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
    """Relay connections to the server at `port` during the block."""
    made = Relay(port)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)
