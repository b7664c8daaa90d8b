"""Civitai's addresses, all of them on the endpoint that the user configured."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from ...errors import UsageError
from ..ref_parts import address
from .records import WEIGHTS, File, Version

_DOWNLOAD = re.compile(r"https?://[^/?#]*(/api/download/models/\d+(?:\?[^#]*)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Routes:
    """The API's and the pages' addresses below one endpoint, without a slash at its end."""

    endpoint: str

    @property
    def models(self) -> str:
        """The list of models."""
        return f"{self.endpoint}/api/v1/models"

    @property
    def by_hash(self) -> str:
        """Versions by the SHA-256 of their files."""
        return f"{self.endpoint}/api/v1/model-versions/by-hash"

    @property
    def images(self) -> str:
        """The list of pictures."""
        return f"{self.endpoint}/api/v1/images"

    def model(self, model: int) -> str:
        """One model's record."""
        return f"{self.endpoint}/api/v1/models/{model}"

    def version(self, version: int) -> str:
        """One version's record."""
        return f"{self.endpoint}/api/v1/model-versions/{version}"

    def page(self, version: Version) -> str:
        """The page for people."""
        return f"{self.endpoint}/models/{version.model}?modelVersionId={version.id}"

    def downloads(self, version: Version, file: File) -> tuple[str, ...]:
        """Addresses of a file, surest first.

        By the file's id; 404 for a linked VAE, which belongs to another version. Then the API's
        own, moved to this endpoint; 404 where a variant's metadata is odd. Last, for the file that
        it can only be, the version's plain one; its SHA-256 tells whether it is.
        """
        plain = f"{self.endpoint}/api/download/models/{version.id}"
        own = self._moved(file.address)
        alone = file.primary or sum(each.type in WEIGHTS for each in version.files) == 1
        sure = file.type in WEIGHTS and alone and file.sha256 is not None
        found = (f"{plain}?fileId={file.id}", own, plain if sure else None)
        return tuple(dict.fromkeys(each for each in found if each))

    def _moved(self, given: str | None) -> str | None:
        """The API may name another host, none that exists, or a token."""
        if not given or not (match := _DOWNLOAD.fullmatch(given)):
            return None
        try:
            parts = address(f"https://civitai.com{match[1]}")
        except UsageError:
            return None
        return f"{self.endpoint}{parts.path}" + (f"?{parts.query}" if parts.query else "")


class Addresses:
    """Gives a file's addresses one after the other, and begins anew after the last.

    An address is asked for again where the one before answered 404 or its signature ran out; each
    of them leads to a fresh signature.
    """

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._urls = urls
        self._next = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            url = self._urls[self._next % len(self._urls)]
            self._next += 1
            return url
