"""Every source by the kind of REF that it answers, and the client that asks them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from urllib.parse import urlsplit, urlunsplit

from ..errors import OfflineMode, UsageError
from ..naming import shown
from ..transfer.client import Client, Endpoint
from .base import Offer, Source, Wish
from .refs import CivitaiRef, HfRef, Ref, UrlRef, parse

HUB = "https://huggingface.co"
CIVITAI = "https://civitai.com"
_YES = ("1", "true", "yes", "on")


class Sources:
    """The sources of one run; nothing is asked before it is needed.

    Read from the environment: ``HF_ENDPOINT``, ``HF_TOKEN`` (else the token that Hugging Face's own
    login keeps), ``VAEREG_CIVITAI_ENDPOINT``, ``CIVITAI_API_TOKEN``; with ``VAEREG_OFFLINE=1``
    nobody is asked.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raises ``UsageError`` for an endpoint that is no address."""
        self._environment = environment
        self._hub = _address(environment, "HF_ENDPOINT", HUB)
        self._civitai = _address(environment, "VAEREG_CIVITAI_ENDPOINT", CIVITAI)
        self._clients: dict[str, Client] = {}

    def parse(self, text: str) -> Ref | None:
        """The REF that a text is, hosts of configured endpoints included."""
        return parse(text, (self._hub, self._civitai))

    def offer(self, ref: Ref, wish: Wish) -> Offer:
        """What a REF stands for; raises ``SourceError``, ``NotFound`` and ``Ambiguous``."""
        return self.source_of(ref).offer(ref, wish)

    def source_of(self, ref: Ref) -> Source:
        """The source that answers a REF; raises ``Offline`` where nobody may be asked."""
        if isinstance(ref, HfRef):
            return self.named("huggingface")
        if isinstance(ref, CivitaiRef):
            return self.named("civitai")
        from .plain import Plain

        self._require_online()
        return Plain(self.client_of(ref))

    def named(self, name: str) -> Source:
        """``huggingface`` or ``civitai``; raises ``Offline`` where nobody may be asked."""
        self._require_online()
        if name == "huggingface":
            from .huggingface.source import HuggingFace

            return HuggingFace(self.client, self._hub, self._hub_endpoint.token)
        from .civitai.source import Civitai

        return Civitai(self.client, self._civitai)

    def client_of(self, ref: Ref) -> Client:
        """The client that fetches a REF's files: a typed address may be a private one."""
        host = urlsplit(ref.url)[:2] if isinstance(ref, UrlRef) else ("", "")
        return self._client(urlunsplit((*host, "", "", "")))

    @property
    def client(self) -> Client:
        """The client of both services; each one's token goes to itself only."""
        return self._client("")

    def stop(self) -> None:
        """Have all requests in all threads end soon."""
        for client in self._clients.values():
            client.stop()

    def _client(self, typed: str) -> Client:
        if typed not in self._clients:
            own = (Endpoint(typed, urlsplit(typed).netloc),) if typed else ()
            self._clients[typed] = Client((*self._services, *own))
        return self._clients[typed]

    @cached_property
    def _services(self) -> tuple[Endpoint, ...]:
        key = self._environment.get("CIVITAI_API_TOKEN") or None
        remedy = (
            "make an API key in the account settings on the Civitai page and set CIVITAI_API_TOKEN"
        )
        return self._hub_endpoint, Endpoint(self._civitai, "Civitai", key, remedy)

    @cached_property
    def _hub_endpoint(self) -> Endpoint:
        from .huggingface.tokens import stored_token

        remedy = (
            "accept the licence on the model's page where it has one, make a token in the settings"
            " of the account, and set HF_TOKEN"
        )
        return Endpoint(self._hub, "Hugging Face", stored_token(self._environment), remedy)

    def _require_online(self) -> None:
        if self._environment.get("VAEREG_OFFLINE", "").casefold() in _YES:
            raise OfflineMode(
                "VAEREG_OFFLINE is set, so nothing is asked over the network",
                "unset it; all that is recorded works without: see vaereg list",
            )


def _address(environment: Mapping[str, str], name: str, default: str) -> str:
    """An endpoint's address, without a slash at its end."""
    text = environment.get(name) or default
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(f"{name} is {shown(text)}, which is no address", "such as https://host")
    return text.rstrip("/")
