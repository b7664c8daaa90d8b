"""What a parsed REF is: part of a repository, a Civitai file, an address; each spells itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

_RESERVED = re.compile(r"[%@\s]")
"""What has a meaning of its own in ``hf:owner/repo/path@revision``, or is lost in a shell."""


@dataclass(frozen=True, slots=True)
class HfRef:
    """A repository on Hugging Face, a folder or a file in it."""

    repo: str
    """``owner/name``."""
    path: str | None = None
    """Path in the repository, forward slashes; None for the repository."""
    revision: str | None = None
    """Branch, tag or commit; None for the default branch."""

    def __str__(self) -> str:
        path = f"/{_escaped(self.path)}" if self.path else ""
        revision = f"@{_escaped(self.revision)}" if self.revision else ""
        return f"hf:{self.repo}{path}{revision}"


@dataclass(frozen=True, slots=True)
class CivitaiRef:
    """A model, a model version or a file of one on Civitai; model or version is known."""

    model: int | None = None
    version: int | None = None
    file: int | None = None
    asks: tuple[tuple[str, str], ...] = ()
    """Which of a version's files a pasted download address asks for, such as ``type`` and ``fp``;
    names of ``ref_civitai.ASKS`` in that order, without ``file``."""

    def __str__(self) -> str:
        model = "" if self.model is None else str(self.model)
        version = "" if self.version is None else f"@{self.version}"
        file = "" if self.file is None else f"+{self.file}"
        asks = f"?{urlencode(self.asks, quote_via=quote)}" if self.asks else ""
        return f"civitai:{model}{version}{file}{asks}"


@dataclass(frozen=True, slots=True)
class UrlRef:
    """A file at a plain address."""

    url: str
    """With its query; without user, password and ``token=``."""

    def __str__(self) -> str:
        return self.url


Ref = HfRef | CivitaiRef | UrlRef


def _escaped(text: str) -> str:
    return _RESERVED.sub(lambda found: quote(found[0], safe=""), text)
