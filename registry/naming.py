"""The name a model goes by in lists and on the command line, and how names and texts are shown."""

from __future__ import annotations

import os
import unicodedata

MODEL_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def display_name(path: str) -> str:
    """File name without the model suffix; in Hugging Face's cache ``owner/repo`` and the rest."""
    parts = path.replace(os.sep, "/").rstrip("/").split("/")
    for place, part in enumerate(parts):
        if part.startswith("models--"):
            repository = part.removeprefix("models--").replace("--", "/")
            return "/".join((repository, *parts[place + 3 :]))
    name = parts[-1]
    suffix = next((end for end in MODEL_SUFFIXES if name.lower().endswith(end)), "")
    return name[: len(name) - len(suffix)] if suffix else name


def shown(text: str, limit: int = 200) -> str:
    r"""A text from a file, a path or a server made harmless for a terminal.

    Control, format, surrogate and unassigned characters become ``\uXXXX``; longer texts are cut.
    """
    if text.isprintable() and len(text) <= limit:
        return text
    safe = "".join(
        _spelt_out(letter) if unicodedata.category(letter) in _HIDDEN else letter
        for letter in text[: limit + 1]
    )
    return safe if len(text) <= limit else safe[:limit] + "…"


def _spelt_out(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
