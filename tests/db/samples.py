"""Values as the steps of the registry would hand them to the store."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from vaereg.registry.measures import EncoderFit, Reading, Response
from vaereg.registry.ports import StoredVerdict
from vaereg.registry.values import (
    Artifact,
    Component,
    Digests,
    Evidence,
    Identity,
    Latent,
    Location,
    Notice,
    Origin,
    Stamp,
    Verdict,
)

SDXL = Latent(4, 8.0, 1, "sdxl", ("sdxl",), "weights", 0.98, 0.13025, 0.0, "family")
OPEN = Latent(4, 8.0, 1, None, ("sd1", "sdxl"))
STAMP = Stamp(334_641_164, 1_700_000_000_123_456_789, 1_700_000_001_000_000_000, 2049, 131_077)


def sha(number: int | str) -> str:
    """A hash that belongs to no file."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def vae(number: int | str = 0, latent: Latent = SDXL) -> Artifact:
    """A VAE of its own file."""
    component = Component(
        role="vae",
        architecture="autoencoder-kl",
        layout="ldm",
        prefix="first_stage_model.",
        parts=("encoder", "decoder"),
        dtypes=("float16", "float32"),
        tensors=248,
        parameters=83_653_863,
        latent=latent,
        notices=(Notice("metadata", "a note"),),
    )
    notices = (Notice("extra-fields", "the header has fields of no meaning"),)
    digests = Digests(sha(number), None, sha(number)[:10], "b" * 12, "c" * 64, "0d4a1185", "d" * 64)
    return Artifact(digests, 334_641_164, Identity("safetensors", "vae", (component,), notices))


def checkpoint(number: int | str = "model") -> Artifact:
    """A checkpoint with a denoiser, a baked-in VAE and a text encoder."""
    baked = vae(number).identity.components[0]
    parts = (
        replace(baked, role="denoiser", architecture="unet-sdxl", parts=(), notices=()),
        baked,
        replace(baked, role="text_encoder", architecture="clip-l", latent=None, parts=()),
    )
    identity = Identity("safetensors", "checkpoint", parts)
    return Artifact(Digests(sha(number)), 6_938_040_682, identity)


def at(path: str, state: str = "present", **stamp: int) -> Location:
    """A location, with some figures of its stamp given."""
    return Location(path, replace(STAMP, **stamp), state)


def verdict(model: Artifact, fits: Artifact, level: str = "weights") -> StoredVerdict:
    """A verdict of two checks."""
    checks = (
        Evidence("latent-channels", "pass", "4", "4", "Both have 4 channels."),
        Evidence("latent-family", "fail", "sdxl", None, "The VAE is of another family."),
    )
    said = Verdict("incompatible", 0.99, checks, ("Use an SDXL VAE.",))
    pair = (model.digests.sha256, fits.digests.sha256)
    return StoredVerdict(*pair, said, 7, level, "2026-08-22T10:11:12Z")


def reading() -> Reading:
    """What a VAE of four channels told, in numbers that have no short decimal."""
    rows = tuple((k / 3, -k / 7, 2.0**-1074 * k) for k in range(4))
    return Reading(Response(rows, False), EncoderFit(rows, 0.1 + 0.2, True), True, 1e308 / 3, None)


def origin(version: int = 2, **changes: str | None) -> Origin:
    """A page on Civitai, with some of its words given."""
    page = Origin(
        "civitai",
        f"civitai:1@{version}",
        None,
        f"https://civitai.example/models/1?modelVersionId={version}",
        "Forest v1",
        "SDXL 1.0",
    )
    return replace(page, **changes)
