"""Downloads against `curl` and `hf download`, headers from afar by requests and bytes.

Run with an address and a SHA-256, it times one transfer and prints the seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fixtures
from measure import BIN, report

from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.faults import random_weights
from vaereg.registry.samples.files import safetensors

ROOT = Path(__file__).parents[1]
SIZE = 1 << 30
ROUNDS = 5


def pulling(folder: Path) -> bool:
    """A file of 1 GiB from loopback."""
    sys.path.insert(0, str(ROOT))
    from tests.servers.hub import Hub

    path = fixtures.opaque_weights(folder / "big.safetensors", SIZE)
    with Hub() as hub:
        hub.put("maker/big", {"big.safetensors": path})
        (blob,) = next(iter(hub.repos["maker/big"].commits.values())).values()
        place = next(name for name in hub.storage.files if str(blob.sha256) in name)
        address = hub.storage.signed(place)
        curl, ours, whole, hf = [], [], [], []
        for _ in range(ROUNDS):
            out = folder / "out"
            curl.append(_seconds(["curl", "-sSf", "-o", str(out), address]))
            out.unlink()
            ours.append(_transfer(address, str(blob.sha256), folder))
            whole.append(
                _fresh(
                    [str(BIN / "vaereg"), "pull", "hf:maker/big/big.safetensors"], hub.url, folder
                )
            )
            hf.append(_fresh([str(BIN / "hf"), "download", "maker/big"], hub.url, folder))
    path.unlink()
    return all((
        _ratio("1 GiB fetched and its SHA-256 verified / curl", ours, curl, 1.3),
        _ratio("vaereg pull, whole process / hf download", whole, hf, 1.0),
    ))  # fmt: skip


def peeking(folder: Path) -> bool:
    """Headers of models that are not here: requests to hub and storage, bytes of the files."""
    sys.path.insert(0, str(ROOT))
    from tests.servers.hub import Hub

    files = {
        "checkpoint.safetensors": fixtures.big_header_file(folder / "checkpoint.safetensors"),
        "vae.safetensors": folder / "vae.safetensors",
    }
    weights = random_weights(autoencoder_kl(4, (128, 256, 512, 512)), seed=1)
    files["vae.safetensors"].write_bytes(safetensors(weights, "float32"))
    held = []
    with Hub() as hub:
        hub.put("maker/models", files)
        for name, requests, read in (
            ("checkpoint.safetensors", 3, 2_000_000),
            ("vae.safetensors", 2, 256_000),
        ):
            asked = len(hub.log) + len(hub.storage.log)
            ref = f"hf:maker/models/{name}"
            said = _run([str(BIN / "vaereg"), "inspect", ref, "--json"], hub.url, folder)
            asked = len(hub.log) + len(hub.storage.log) - asked
            document = json.loads(said)
            size = f"{document['size'] / 1e9:.1f} GB"
            what = f"look into a remote {name.partition('.')[0]} of {size}"
            figure = f"{asked} requests, {document['bytes_read']:,} bytes"
            fits = asked <= requests and document["bytes_read"] <= read
            held.append(report(what, figure, f"{requests}, {read:,}", fits))
    return all(held)


def _ratio(what: str, ours: list[float], theirs: list[float], bar: float) -> bool:
    """The median of each round's ratio: both ran in the same round."""
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    figure = f"{statistics.median(ours):.2f} s, ratio {ratio:.2f}"
    return report(what, figure, f"{bar:g}", ratio <= bar)


def _transfer(address: str, sha256: str, folder: Path) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [sys.executable, __file__, address, sha256, place]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _fresh(command: list[str], endpoint: str, folder: Path) -> float:
    """The seconds of a process that knows nothing yet."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        started = time.perf_counter()
        _run(command, endpoint, Path(home))
        return time.perf_counter() - started


def _run(command: list[str], endpoint: str, home: Path) -> str:
    own = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home / "hf"),
        "VAEREG_HOME": str(home / "vaereg"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        command, env=os.environ | own, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command} left with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _timed_transfer(address: str, sha256: str, place: str) -> float:
    """Until the last byte has arrived and the SHA-256 is compared; syncing to disk comes after."""
    from vaereg.registry.sources.base import RemoteFile
    from vaereg.registry.transfer.client import Client, Endpoint
    from vaereg.registry.transfer.download import fetch
    from vaereg.registry.transfer.sink import HashSink

    finished: list[float] = []

    class Timed(HashSink):
        def finish(self) -> str:
            found = super().finish()
            finished.append(time.perf_counter())
            return found

    client = Client((Endpoint(address, "loopback"),))
    file = RemoteFile("big.safetensors", SIZE, lambda: address, sha256)
    started = time.perf_counter()
    fetch(client, file, "big.safetensors", place, make_sink=Timed)
    return finished[-1] - started


if __name__ == "__main__":
    print(_timed_transfer(*sys.argv[1:]))
