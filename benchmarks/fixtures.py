"""Registries and files of the sizes that the figures speak of."""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
from dataclasses import replace
from pathlib import Path

from vaereg.db.store import open_store
from vaereg.registry.families import family
from vaereg.registry.values import (
    Artifact,
    Component,
    Digests,
    Identity,
    Latent,
    Location,
    Stamp,
)

CHECKPOINT_FAMILIES = ("sd1", "sdxl", "sd3", "flux1", "flux2", "wan21")


def registry(home: Path, checkpoints: int, vaes: int) -> None:
    """Fill the registry under ``home`` with models of several families."""
    found = [model(number, "checkpoint") for number in range(checkpoints)]
    found += [model(number, "vae") for number in range(vaes)]
    with open_store(f"sqlite:///{home / 'registry.db'}", home) as store:
        for start in range(0, len(found), 500):
            store.remember(found[start : start + 500])


def model(number: int, kind: str) -> tuple[Artifact, Location]:
    """A recorded ``checkpoint`` or ``vae`` of one of several families."""
    row = family(CHECKPOINT_FAMILIES[number % len(CHECKPOINT_FAMILIES)])
    latent = Latent(*row.shape, row.id, (row.id,), "header", 0.95, row.scaling_factor)
    open_latent = replace(latent, family=None, candidates=("sd1", "sdxl"), determined_by=None)
    vae = Component(
        "vae",
        "autoencoder-kl",
        "ldm",
        "",
        ("encoder", "decoder"),
        ("float16",),
        248,
        83_653_863,
        open_latent if row.channels == 4 and number % 3 else latent,
    )
    denoiser = Component(
        "denoiser", row.id, "ldm", "model.diffusion_model.", (), ("float16",), 686, 10**9, latent
    )
    parts = (vae,) if kind == "vae" else (denoiser, vae) if number % 2 else (denoiser,)
    sha256 = hashlib.sha256(f"{kind}{number}".encode()).hexdigest()
    digests = Digests(sha256, sha256[:8], sha256[:10], sha256[:12], sha256, sha256[:8])
    path = f"/models/{kind}/{kind}_{number:04}_of_{row.id}.safetensors"
    stamp = Stamp(2_000_000_000, 10, 10, 1, number)
    return Artifact(digests, 2_000_000_000, Identity("safetensors", kind, parts)), Location(
        path, stamp
    )


def big_header_file(path: Path) -> Path:
    """A sparse 6.9 GB file with the 2,641 tensors and 0.4 MB of header of an SDXL checkpoint."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for number in range(2641):
        name = f"model.diffusion_model.output_blocks.{number}.1.transformer_blocks.0.attn2"
        shape = [1280, 1026]
        begin, end = end, end + shape[0] * shape[1] * 2
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def opaque_weights(path: Path, size: int) -> Path:
    """A safetensors file of one tensor of random bytes, so many in all."""
    held = size - 4096
    entry = {"x": {"dtype": "U8", "shape": [held], "data_offsets": [0, held]}}
    text = json.dumps(entry).encode().ljust(4096 - 8)
    block = os.urandom(16 << 20)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while file.tell() < size:
            file.write(block)
        file.truncate(size)
    return path


def random_file(path: Path, size: int) -> Path:
    """A safetensors-like file of random bytes, in the page cache after writing."""
    block = os.urandom(16 << 20)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 65528) + b"{" + b" " * 65527)
        while file.tell() < size:
            turn = random.randrange(len(block))
            file.write(block[turn:] + block[:turn])
        file.truncate(size)
    return path


def library(folder: Path, files: int) -> None:
    """Many small VAE-like files, two hundred a folder."""
    for number in range(files):
        place = folder / f"{number // 200:03}"
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {f"t{number}": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
        ).encode()
        data = struct.pack("<Q", len(text)) + text + struct.pack("<f", number)
        (place / f"model_{number}.safetensors").write_bytes(data)
