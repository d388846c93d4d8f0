"""A port for a server that another process starts."""

import random
import socket

RANGE = range(20_000, 32_000)  # systems take the ports that they choose themselves from 32,768 upwards


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that no system gives to another program in the meantime."""
    while True:
        port = random.SystemRandom().choice(RANGE)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
