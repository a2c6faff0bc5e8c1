"""What the tool sends to a server that claims to be PostgreSQL but has not proved its identity."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from directus_sync.errors import DatabaseUnavailable
from directus_sync.postgres import database
from directus_sync.settings import Settings, load

PASSWORD = "password-of-the-platform"
ENCRYPTION, CLEARTEXT = 80877103, b"R" + struct.pack("!ii", 8, 3)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost; return the paths of the certificate and its key."""
    made = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", made[0], "-keyout", made[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@contextlib.contextmanager
def pretender(heard: list[bytes], files: tuple[Path, Path] | None) -> Iterator[int]:
    """Ask every client for its password in clear text, and record what it sends. files: certificate and key for TLS."""

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            first = connection.recv(8)
            if struct.unpack("!ii", first)[1] == ENCRYPTION:
                connection.sendall(b"S" if files else b"N")
                if files:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(*files)
                    connection = context.wrap_socket(connection, server_side=True)
            heard.append(connection.recv(4096))
            connection.sendall(CLEARTEXT)
            heard.append(connection.recv(4096))

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes settings for a database at a port of this machine."""

    def settings(port: int, **more: str) -> Settings:
        given = {"DB_HOST": "localhost", "DB_PORT": str(port), "DB_DATABASE": "d", "DB_USER": "u"}
        return load({**given, "DB_PASSWORD": PASSWORD, "DIRECTUS_SYNC_DB_WAIT": "0", **more}, tmp_path / "none")

    return settings


def connection_error(settings: Settings) -> str:
    with pytest.raises(DatabaseUnavailable) as refused, database.connect(settings, "test"):
        pytest.fail("a connection was made")
    return str(refused.value)


def test_the_tool_sends_no_password_in_clear_text(settings_for: Callable[..., Settings]) -> None:
    heard: list[bytes] = []
    with pretender(heard, None) as port:
        assert "server requested a cleartext password" in connection_error(settings_for(port))
    assert heard
    assert PASSWORD.encode() not in b"".join(heard)


def test_the_tool_sends_nothing_to_a_server_with_an_untrusted_certificate(
    settings_for: Callable[..., Settings], tmp_path: Path
) -> None:
    heard: list[bytes] = []
    (own, _), other = certificate(tmp_path, "own"), certificate(tmp_path, "other")
    with pretender(heard, other) as port:
        assert "certificate verify failed" in connection_error(settings_for(port, DB_SSL__CA_FILE=str(own)))
    assert not any(heard)


def test_the_tool_sends_its_password_to_a_server_with_a_trusted_certificate(
    settings_for: Callable[..., Settings], tmp_path: Path
) -> None:
    heard: list[bytes] = []
    files = certificate(tmp_path, "own")
    with pretender(heard, files) as port:
        connection_error(settings_for(port, DB_SSL__CA=files[0].read_text(encoding="utf-8")))
    assert PASSWORD.encode() in b"".join(heard)


@pytest.mark.parametrize("mode", ["", "&sslmode=prefer", "&sslmode=disable"])
def test_the_name_of_an_authority_alone_does_not_make_a_server_trusted(
    settings_for: Callable[..., Settings], tmp_path: Path, mode: str
) -> None:
    heard: list[bytes] = []
    authority, _ = certificate(tmp_path, "own")
    with pretender(heard, None) as port:
        string = f"postgresql://u:{PASSWORD}@localhost:{port}/d?sslrootcert={authority}{mode}"
        assert "server requested a cleartext password" in connection_error(
            settings_for(port, DB_CONNECTION_STRING=string)
        )
    assert heard
    assert PASSWORD.encode() not in b"".join(heard)
