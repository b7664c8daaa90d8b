"""A socket's bytes with an end to waiting for them, and sockets that another thread can end."""

from __future__ import annotations

import io
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakSet

from .broken import Interrupted

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from .endpoints import Patience

STOPPED = "stopped before everything had arrived"


class Paced(io.RawIOBase):
    """What a socket receives; raises ``Interrupted`` where it drips.

    Only time spent waiting counts, so a slow disk is not taken for a slow server. The wait for
    the first bytes is left to the socket's own time-out: an answer may take a while to begin.
    """

    def __init__(self, sock: socket.socket, patience: Patience, host: str) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._patience = patience
        self._host = host
        self._begun = False
        self._waited = 0.0
        self._arrived = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """One receive; 0 where the other side has closed."""
        before = monotonic()
        count = self._raw.readinto(buffer) or 0
        if self._begun:
            self._waited += monotonic() - before
            self._arrived += count
            if self._waited >= self._patience.window:
                self._require_speed()
        self._begun = True
        return count

    def close(self) -> None:
        """Give the socket back; the connection keeps its own hold of it."""
        if not self.closed:
            self._raw.close()
            super().close()

    def _require_speed(self) -> None:
        if self._arrived < self._patience.slowest * self._waited:
            pace = f"{self._patience.slowest:,} bytes a second"
            raise Interrupted(f"what {self._host} sends arrives slower than {pace}")
        self._waited, self._arrived = 0.0, 0


class Watch:
    """The sockets in use, so that ``stop`` in one thread ends the waiting in all others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self.stopped = threading.Event()

    def add(self, sock: socket.socket) -> None:
        """Have this one ended too."""
        with self._lock:
            self._sockets.add(sock)
        if self.stopped.is_set():
            _end(sock)

    def stop(self) -> None:
        """End all there are and all to come."""
        self.stopped.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _end(sock)


def _end(sock: socket.socket) -> None:
    # the plain socket's method: the TLS one takes away what another thread is reading with
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
