"""The token that Hugging Face gets: the user's own, or the one that its login keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_YES = ("1", "true", "yes", "on")
_LONGEST = 4096


def stored_token(environment: Mapping[str, str]) -> str | None:
    """``HF_TOKEN``, else what ``hf auth login`` left; None without either.

    Places and order as in huggingface/huggingface_hub, utils/_auth.py and constants.py, without its
    exchange of CI identities, which asks over the network.
    """
    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    stated = next((token for name in names if (token := _clean(environment.get(name, "")))), None)
    if stated or environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").casefold() in _YES:
        return stated
    try:
        with _token_file(environment).open(encoding="utf-8") as file:
            return _clean(file.read(_LONGEST))
    except (OSError, ValueError, RuntimeError):
        return None


def _token_file(environment: Mapping[str, str]) -> Path:
    if path := environment.get("HF_TOKEN_PATH"):
        return Path(path).expanduser()
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{caches}/huggingface"
    return Path(home).expanduser() / "token"


def _clean(text: str) -> str | None:
    """A header takes no line ends and no letters beyond ASCII; a text that has them is no token."""
    token = text.replace("\r", "").replace("\n", "").strip()
    return token if token and token.isascii() and token.isprintable() else None
