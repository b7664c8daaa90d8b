"""Encrypted connections: trusted or not at all, and no way back to plain ones."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.transfer.scripted import QUICK, Scripted, redirect
from tests.servers.base import Reply
from vaereg.registry.errors import DownloadBroken, Offline
from vaereg.registry.transfer.client import Client, Endpoint

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to sign with")
BODY = bytes(range(256)) * 5000


class Encrypted(Scripted):
    """The same behind TLS."""

    def __init__(self, certificate: Path) -> None:
        super().__init__("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    names = "subjectAltName=DNS:localhost"
    made = subprocess.run(
        [*command.split(), names, "-keyout", "-"], capture_output=True, check=True
    )
    file.write_bytes(made.stdout)
    return file


@pytest.fixture
def service(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Encrypted]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with Encrypted(certificate) as server:
        yield server


def test_a_trusted_server_is_read(service: Encrypted) -> None:
    client = service.client()
    url = service.put("/f", Reply(200, {}, BODY))
    for _ in range(2):
        with client.open(url) as answer:
            assert answer.read(len(BODY)) == BODY
    assert service.log[0].headers["authorization"]


def test_an_untrusted_one_is_not_asked(service: Encrypted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(Offline, match="localhost cannot be trusted: self-signed certificate"):
        service.client().open(service.put("/f", Reply()))
    assert not service.log


def test_a_plain_server_is_no_encrypted_one() -> None:
    with Scripted() as plain:
        url = plain.url.replace("http", "https")
        with pytest.raises(Offline, match="encrypted connection to 127"):
            Client([Endpoint(url, "Service")], QUICK).open(url)


def test_no_redirect_leads_back_to_plain_http(service: Encrypted) -> None:
    with Scripted() as plain:
        url = service.put("/f", redirect(plain.put("/g", Reply(200, {}, BODY))))
        with pytest.raises(DownloadBroken, match="not encrypted"):
            service.client().open(url)
        assert not plain.log
