"""REFs on Civitai: ``civitai:``, AIRs, and the addresses that people paste."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from ..errors import UsageError
from .ref_huggingface import is_repo
from .ref_parts import Address, components, identifier, shown_ref
from .ref_values import CivitaiRef, HfRef

_DOMAINS = ("civitai.com", "civitai.red", "civitai.green")
HOSTS = tuple(sub + domain for domain in _DOMAINS for sub in ("", "www.", "api."))
EXAMPLE = "write it as civitai:MODEL, civitai:MODEL@VERSION or civitai:MODEL@VERSION+FILE"
AIR_EXAMPLE = "an AIR reads urn:air:sdxl:vae:civitai:296576@333245"

ASKS = ("type", "format", "size", "fp", "quantType")
"""Query names that choose a file (civitai/civitai, src/pages/api/download/models)."""

_SHORT = re.compile(
    r"civitai:(?P<model>\w+)?(?:@(?P<version>\w+))?(?:\+(?P<file>\w+))?(?:\?(?P<asks>.*))?",
    re.IGNORECASE | re.ASCII,
)
_AIR = re.compile(
    r"(?P<urn>urn:)?(?P<air>air:)?(?P<words>(?:[\w.-]+:)*?)(?P<source>civitai|huggingface):"
    r"(?P<id>[^:@+\s]+)(?:@(?P<version>[^:+\s]+))?(?:\+(?P<file>[^:.\s]+)(?P<ending>\.\w+)?)?",
    re.IGNORECASE,
)
"""The grammar of @civitai/client's Air.js; there a version may contain dots, so its format ending
is taken off here."""
_ENDINGS = re.compile(
    r"\.(safetensors?|ckpt|pt|pth|bin|gguf|pickletensor|diffusers|onnx|coreml)", re.IGNORECASE
)
_LANGUAGE = r"(?:/[a-z]{2}(?:-[A-Za-z]{2,4})?)?"
"""Pages may stand below a language: ``/de/models/1``."""
_PAGES = (
    re.compile(_LANGUAGE + r"/models/(?P<model>[^/]+)(?:/[^/]*)?"),
    re.compile(_LANGUAGE + r"/model-versions/(?P<version>[^/]+)"),
    re.compile(r"/api/download/models/(?P<version>[^/]+)"),
    re.compile(r"/api/v1/models/(?P<model>[^/]+)"),
    re.compile(r"/api/v1/model-versions/(?:mini/)?(?P<version>[^/]+)"),
)
_SERVICE = re.compile(r"(urn:)?air:|urn:|([\w.-]+:)*civitai:", re.IGNORECASE)


def from_prefix(text: str) -> CivitaiRef | HfRef | None:
    """``civitai:M@V+F`` or an AIR in any of its forms; None for everything else.

    Raises ``UsageError`` for what begins so and goes on wrongly.
    """
    if match := _SHORT.fullmatch(text):
        return _short(match, text)
    if match := _AIR.fullmatch(text):
        return _air(match, text)
    if _SERVICE.match(text):
        example = EXAMPLE if text[:8].lower() == "civitai:" else AIR_EXAMPLE
        raise UsageError(f"{shown_ref(text)} names no model on Civitai", example)
    return None


def from_page(page: Address, strict: bool = True) -> CivitaiRef | None:
    """The REF of an address on one of Civitai's hosts.

    Raises ``UsageError`` for pages without weights; gives None instead where not ``strict``.
    """
    path = page.path.rstrip("/")
    match = next((found for form in _PAGES if (found := form.fullmatch(path))), None)
    named = match.groupdict() if match else {}
    if not strict and not next((value for value in named.values() if value), "").isdigit():
        return None
    if not match:
        raise UsageError(f"{shown_ref(page.page)} is no page of a model", EXAMPLE)
    asked = page.arguments
    version = named.get("version") or asked.get("modelVersionId") or asked.get("version")
    file = asked.get("fileId")
    asks = _asks(asked) if "/download/" in path and not file else ()
    return _ref(named.get("model"), version, file, page.page, asks)


def _short(match: re.Match[str], text: str) -> CivitaiRef:
    if match["model"] is None and match["version"] is None:
        raise UsageError(f"{shown_ref(text)} names no model on Civitai", EXAMPLE)
    asks = _asks(dict(parse_qsl(match["asks"] or "")))
    return _ref(match["model"], match["version"], match["file"], text, asks)


def _air(match: re.Match[str], text: str) -> CivitaiRef | HfRef:
    version = match["version"]
    if version and (ending := _ENDINGS.search(version)) and ending.end() == len(version):
        version = version[: ending.start()]
    if match["source"].lower() == "civitai":
        return _ref(match["id"], version, match["file"], text)
    if not is_repo(match["id"]) or match["file"]:
        raise UsageError(f"{shown_ref(text)} names no repository on Hugging Face", AIR_EXAMPLE)
    components(version or "", text)
    return HfRef(match["id"], revision=version)


def _ref(
    model: str | None,
    version: str | None,
    file: str | None,
    whole: str,
    asks: tuple[tuple[str, str], ...] = (),
) -> CivitaiRef:
    ids = (None if value is None else identifier(value, whole) for value in (model, version, file))
    return CivitaiRef(next(ids), next(ids), next(ids), asks)


def _asks(asked: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, asked[name]) for name in ASKS if asked.get(name))
