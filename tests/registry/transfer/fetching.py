"""What the tests of downloads share: weights, a client, a file on a server on loopback."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.servers.storage import Storage
from vaereg.registry.errors import VaeregError
from vaereg.registry.sources.base import RemoteFile
from vaereg.registry.transfer.client import Client, Endpoint, Patience
from vaereg.registry.transfer.download import Fetched, fetch

NAME = "a.safetensors"
CANARY = "hf_canary_0123456789"
SOON = Patience(connect=2, read=1, slowest=4096, window=0.5, tries=3, longest_wait=2)
"""Patience for tests, where nothing takes long."""
MIB = 1 << 20


def weights(size: int, seed: int = 0) -> bytes:
    """A safetensors file of so many bytes."""
    data = size - 8 - 120
    header = {"w": {"dtype": "U8", "shape": [data], "data_offsets": [0, data]}}
    text = json.dumps(header).encode().ljust(120)
    return struct.pack("<Q", 120) + text + random.Random(seed).randbytes(data)


def client_of(*servers: Any, patience: Patience = SOON) -> Client:
    """A client that may ask these servers, with a token for the first of them."""
    return Client(
        [
            Endpoint(server.url, "Storage", token=None if number else CANARY)
            for number, server in enumerate(servers)
        ],
        patience,
    )


def remote(url: str, content: bytes, **stated: Any) -> RemoteFile:
    """The file at an address, as a source that knows it would state it."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = {"path": NAME, "size": len(content), "locate": lambda: url, "sha256": sha256}
    return RemoteFile(**{**known, **stated})


def unhashed(url: str, content: bytes, **stated: Any) -> RemoteFile:
    """The same from a source that states no hash."""
    return remote(url, content, sha256=None, **stated)


def pulled(storage: Storage, file: RemoteFile, folder: Path, **how: Any) -> Fetched:
    """Fetch with a client that trusts the storage and sends it no token."""
    client = Client([Endpoint(storage.url, "Storage")], how.pop("patience", SOON))
    return fetch(client, file, how.pop("name", NAME), str(folder), **how)


def names(folder: Path) -> set[str]:
    """All that lies in a folder, hidden files too."""
    return {entry.name for entry in folder.iterdir()}


def half_done(
    storage: Storage, content: bytes, folder: Path, keep: int = 3 * MIB + 7, **stated: Any
) -> str:
    """Have a download end after ``keep`` bytes; the address, where the server is well again."""
    path = "/" + NAME
    url = storage.put(path, content, cut_after=keep)
    file = remote(url, content, **{"connections": 1, **stated})
    with pytest.raises(VaeregError):
        pulled(storage, file, folder, patience=Patience(tries=1))
    assert NAME not in names(folder)
    storage.log.clear()
    storage.sent.clear()
    storage.asked.clear()
    return storage.put(path, content)
