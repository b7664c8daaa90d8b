"""REFs on Hugging Face: ``hf:``, InvokeAI's ``::``, and the addresses of its pages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import UsageError
from ..naming import MODEL_SUFFIXES
from .ref_parts import Address, components, decoded, shown_ref
from .ref_values import HfRef

HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co")
EXAMPLE = "write it as hf:owner/repo, hf:owner/repo/path/in/repo or hf:owner/repo/path@revision"

_NAME = r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_NAME}/{_NAME}", re.ASCII)
"""huggingface/huggingface_hub, src/huggingface_hub/utils/_validators.py, validate_repo_id."""
_PREFIXED = re.compile(r"(?P<scheme>hf:(?://)?)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_LISTS = (None, "tree")
_FILES = (*_LISTS, "blob", "resolve", "raw", "commit", "blame")
"""What stands between repository and revision in a page's address; None where nothing follows."""
_OTHER_KINDS = {"datasets": "a dataset", "spaces": "a space"}
_OTHER_PAGES = _OTHER_KINDS | {
    "blog": "a blog post",
    "collections": "a collection",
    "docs": "documentation",
    "learn": "a course",
    "models": "a list of models",
    "organizations": "a list of people",
    "papers": "a paper",
    "posts": "a post",
    "settings": "a page of settings",
    "tasks": "a page about a task",
}
"""What the site has below names that no owner of repositories can take."""
_SHOWN_FILE = "show_file_info"
"""Query name by which a repository's page, or its list of files, opens one file's details."""
_SHORT_REVISION = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)
_SPECIAL = re.compile(r"refs/(?:convert|pr)/[^/]+")
"""Revisions with slashes (huggingface_hub, hf_api.py, SPECIAL_REFS_REVISION_REGEX)."""


def from_prefix(text: str) -> HfRef | None:
    """``hf:owner/repo[/path][@revision]`` or ``hf://owner/repo[@revision][/path]``; else None.

    Raises ``UsageError`` for what begins so and goes on wrongly.
    """
    if not (match := _PREFIXED.fullmatch(text)):
        return None
    rest = match["rest"]
    if is_repo(rest.partition("::")[0]) and "::" in rest:
        return _below(rest, text)
    place, at, revision = rest.partition("@")
    parts = components("/".join(decoded(place.split("/"))), text)
    _require_revision(at, revision, text)
    path = parts[2:]
    if match["scheme"].endswith("//") and len(parts) == 2 and revision:
        revision, path = _revision_and_path(revision.split("/"), text)
    return _ref(parts[:2], path, "/".join(decoded(revision.split("/"))) or None, text)


def from_short(text: str) -> HfRef | None:
    """``owner/repo[@revision]`` or InvokeAI's ``owner/repo::path[@revision]``; else None.

    Two parts are a local path just as well: callers look there first. A second part that ends like
    a file of weights is taken for a path alone, since a mistyped one is far more common.
    """
    if "::" in text and is_repo(text.partition("::")[0]):
        return _below(text, text)
    repo, at, revision = text.partition("@")
    if not is_repo(repo) or repo.lower().endswith(MODEL_SUFFIXES):
        return None
    if at and not _SHORT_REVISION.fullmatch(revision):
        return None
    return HfRef(repo, revision=revision or None)


def from_page(page: Address, strict: bool = True) -> HfRef | None:
    """The REF of a page below a Hugging Face host.

    Raises ``UsageError`` for pages without weights; gives None instead where not ``strict``: the
    host may serve other things too.
    """
    parts, whole = page.path.strip("/").split("/"), page.page
    parts = parts[2:] if parts[:2] == ["api", "models"] and len(parts) > 2 else parts
    kind = next(iter(parts[2:]), None)
    other = _OTHER_PAGES.get(parts[0])
    if other is None and is_repo("/".join(parts[:2])) and kind in _FILES:
        revision, below = _revision_and_path(parts[3:], whole)
        if kind in _LISTS and (file := page.arguments.get(_SHOWN_FILE)):
            below = components(file, whole)
        return _ref(parts[:2], below, revision or None, whole)
    if strict and other is not None:
        raise _of_another_kind(whole, other)
    if strict:
        raise UsageError(f"{shown_ref(whole)} is no page of a repository's files", EXAMPLE)
    return None


def is_repo(text: str) -> bool:
    """Whether a text is ``owner/name`` as Hugging Face allows it."""
    return (
        _REPO.fullmatch(text) is not None
        and "--" not in text
        and ".." not in text
        and not text.endswith(".git")
        and text.partition("/")[0].lower() not in _OTHER_KINDS
    )


def _below(text: str, whole: str) -> HfRef:
    """InvokeAI's ``owner/repo::sub/path`` (invoke-ai/InvokeAI, HFModelSource), and a revision."""
    repo, _, rest = text.partition("::")
    path, at, revision = rest.partition("@")
    _require_revision(at, revision, whole)
    return _ref(components(repo, whole), components(path, whole), revision or None, whole)


def _require_revision(at: str, revision: str, whole: str) -> None:
    if at and not revision:
        raise UsageError(f"the revision after the @ of {shown_ref(whole)} is missing", EXAMPLE)


def _revision_and_path(parts: Sequence[str], whole: str) -> tuple[str, list[str]]:
    """What follows the repository; a slash in a revision is ``%2F``, but in ``refs/pr/1``."""
    if special := _SPECIAL.match("/".join(parts)):
        return special[0], components("/".join(decoded(parts[3:])), whole)
    revision = "".join(decoded(parts[:1]))
    return revision, components("/".join(decoded(parts[1:])), whole)


def _ref(repo: Sequence[str], path: Sequence[str], revision: str | None, whole: str) -> HfRef:
    name = "/".join(repo)
    if repo and repo[0].lower() in _OTHER_KINDS:
        raise _of_another_kind(whole, _OTHER_KINDS[repo[0].lower()])
    if not is_repo(name):
        raise UsageError(f"{shown_ref(whole)} names no repository on Hugging Face", EXAMPLE)
    commit = "/".join(components(revision or "", whole))
    if any(letter.isspace() for letter in commit):
        raise UsageError(f"the revision of {shown_ref(whole)} holds a space", EXAMPLE)
    return HfRef(name, "/".join(path) or None, commit or None)


def _of_another_kind(whole: str, what: str) -> UsageError:
    return UsageError(f"{shown_ref(whole)} is {what}, and vaereg reads model repositories", EXAMPLE)
