"""What a file or folder of a repository is called on disk: most are all called alike there."""

from __future__ import annotations

_ALIKE = ("diffusion_pytorch_model", "pytorch_model", "model")
"""What diffusers and transformers call every file of weights."""


def file_name(repo: str, path: str) -> str:
    """The file's own name, with that of its repository where the own one says nothing.

    ``vae/diffusion_pytorch_model.fp16.safetensors`` of ``owner/model`` becomes
    ``model-vae.fp16.safetensors``.
    """
    parent, _, name = path.rpartition("/")
    stem, dot, rest = name.partition(".")
    if stem not in _ALIKE:
        return name
    return f"{folder_name(repo, parent or None)}{dot}{rest}"


def folder_name(repo: str, path: str | None) -> str:
    """The repository's name, and behind it the folder's."""
    name = repo.rpartition("/")[2]
    return f"{name}-{path.strip('/').replace('/', '-')}" if path else name
