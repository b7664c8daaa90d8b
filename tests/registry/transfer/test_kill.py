"""Downloads in processes of their own: killed, interrupted, two at once, on a full disk."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.registry.transfer.fetching import MIB, NAME, names, pulled, remote, weights
from tests.servers.storage import Storage

PATH = "/" + NAME
CONTENT = weights(24 * MIB + 5)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHILD = Path(__file__).with_name("child.py")
CONNECTIONS = 2
IN_FLIGHT = 3 * MIB
"""A connection's bytes that a kill may cost: those between the server's count and the journal."""


def begun(url: str, folder: Path, connections: int = CONNECTIONS, limit: int = 0):
    """A process that is about to fetch."""
    task = {
        "url": url,
        "folder": str(folder),
        "name": NAME,
        "size": len(CONTENT),
        "sha256": SHA256,
        "connections": connections,
        "limit": limit,
    }
    child = subprocess.Popen(
        [sys.executable, str(CHILD), json.dumps(task)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    return child


def answer_of(child) -> list[str]:
    """What it printed when it was done."""
    text, _ = child.communicate(timeout=30)
    return text.split()


def test_killed_at_any_moment_it_goes_on_where_it_was(storage: Storage, tmp_path: Path) -> None:
    url = storage.put(PATH, CONTENT, drip=25e6)
    kills, moments = 0, random.Random(4)
    for _ in range(5):
        child = begun(url, tmp_path)
        enough = storage.sent[PATH] + moments.randrange(4 * MIB)
        while storage.sent[PATH] <= enough:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.05))
        child.kill()
        child.communicate()
        kills += 1
        assert NAME not in names(tmp_path)
    via, fetched, resumed = answer_of(begun(url, tmp_path))
    assert via == "network"
    assert int(resumed) > 0
    assert int(fetched) + int(resumed) == len(CONTENT)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert names(tmp_path) == {NAME}
    assert storage.sent[PATH] <= len(CONTENT) + kills * CONNECTIONS * IN_FLIGHT


def test_ctrl_c_ends_it_at_once_and_keeps_what_is_there(storage: Storage, tmp_path: Path) -> None:
    url = storage.put(PATH, CONTENT, hang_after=3 * MIB)
    child = begun(url, tmp_path)
    while storage.sent[PATH] < 6 * MIB:
        time.sleep(0.02)
    time.sleep(0.6)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert answer_of(child) == ["interrupted"]
    assert time.monotonic() - began < 3
    storage.put(PATH, CONTENT)
    assert pulled(storage, remote(url, CONTENT), tmp_path).resumed >= 4 * MIB


def test_two_processes_fetch_one_file_once(storage: Storage, tmp_path: Path) -> None:
    url = storage.put(PATH, CONTENT, drip=40e6)
    children = [begun(url, tmp_path) for _ in range(3)]
    ways = sorted(answer_of(child)[0] for child in children)
    assert ways == ["here", "here", "network"]
    assert storage.sent[PATH] == len(CONTENT)
    assert names(tmp_path) == {NAME}


@pytest.mark.parametrize("connections", [1, 4])
def test_a_full_disk_keeps_what_it_took(storage: Storage, tmp_path: Path, connections: int) -> None:
    url = storage.put(PATH, CONTENT, drip=100e6)
    child = begun(url, tmp_path, connections, limit=10 * MIB + 500)
    assert answer_of(child) == ["no_space"]
    assert NAME not in names(tmp_path)
    done = pulled(storage, remote(url, CONTENT), tmp_path)
    assert done.resumed >= 4 * MIB
    assert (tmp_path / NAME).read_bytes() == CONTENT
