"""Ports on the loopback address. Chooses free ones outside of the kernel's range for outgoing connections."""

import random
import socket

HOST = "127.0.0.1"
RANGE = range(20_000, 30_000)
TRIES = 200


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now. Old connections that are still closing do not matter."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def choose(*wanted: int | None) -> int:
    """Return the first wanted port that is free, else any free one."""
    candidates = [port for port in wanted if port] + random.sample(RANGE, TRIES)
    for port in candidates:
        if is_free(port):
            return port
    raise OSError(f"no free port on {HOST}")
