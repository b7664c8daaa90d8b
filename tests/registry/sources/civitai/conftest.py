"""A Civitai on loopback, and the source that asks it with a canary for a token."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.servers.civitai import Civitai
from vaereg.registry.sources import civitai
from vaereg.registry.sources.base import Offer, Wish
from vaereg.registry.sources.refs import parse
from vaereg.registry.transfer.client import Client, Endpoint, Patience

CANARY = "canary-token-7f3e"
REMEDY = "make an API key and set CIVITAI_API_TOKEN"


@dataclass(frozen=True)
class Site:
    """The server, and the source and client under test."""

    server: Civitai
    source: civitai.Civitai
    client: Client

    def offer(self, ref: object, **wish: str) -> Offer:
        """What a REF's text stands for."""
        parsed = parse(str(ref))
        assert parsed is not None
        return self.source.offer(parsed, Wish(**wish))

    def asked(self) -> list[str]:
        """The requests' methods and targets so far."""
        return [f"{request.method} {request.target}" for request in self.server.log]


def site_of(server: Civitai, token: str | None = CANARY) -> Site:
    """A source for a server."""
    patience = Patience(connect=2.0, read=5.0, window=5.0, tries=3)
    client = Client([Endpoint(server.url, "Civitai", token, REMEDY)], patience)
    return Site(server, civitai.Civitai(client, server.url), client)


@pytest.fixture
def site() -> Iterator[Site]:
    with Civitai() as server:
        server.switches.tokens = {CANARY}
        yield site_of(server)


@pytest.fixture
def anonymous() -> Iterator[Site]:
    with Civitai() as server:
        yield site_of(server, token=None)


def weights(seed: int, size: int = 64) -> bytes:
    """A small safetensors file, another one for every seed."""
    stated = {"seed": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    header = json.dumps(stated).encode()
    return struct.pack("<Q", len(header)) + header + bytes([seed % 256]) * size
