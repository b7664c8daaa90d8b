"""Every reader of a model file, by the format that its first bytes tell."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import Unreadable, VaeregError
from ..naming import shown
from ..values import Folder, Header
from .base import ByteSource
from .diffusers_folder import read_folder
from .gguf import read_gguf
from .local import LocalFile, LocalFolder, is_folder
from .read_ahead import ReadAhead
from .safetensors import read_safetensors
from .sniff import sniff
from .torch_legacy import read_torch_legacy
from .torch_zip import read_torch_zip

READERS: Mapping[str, Callable[[ByteSource], Header]] = {
    "safetensors": read_safetensors,
    "torch-zip": read_torch_zip,
    "torch-legacy": read_torch_legacy,
    "gguf": read_gguf,
}


def read_header(source: ByteSource) -> Header:
    """What the file says of itself, whatever its format; raises ``FileError`` and nothing else."""
    try:
        ahead = ReadAhead(source)
        with _collecting_later():
            return READERS[sniff(ahead)](ahead)
    except VaeregError:
        raise
    except Exception as error:  # a reader's own slip over a hostile file must not end a scan
        what = f"{shown(source.name)} is damaged beyond reading ({type(error).__name__})"
        raise Unreadable(what, "Download it again.") from error


@contextmanager
def _collecting_later() -> Iterator[None]:
    """A header makes thousands of objects and no garbage: looking for some costs a seventh."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def open_local(path: str | Path) -> LocalFile:
    """A file on disk as a byte source; raises ``NotFound`` or ``Unreadable``."""
    return LocalFile(path)


def read_path(path: str | Path) -> Header | Folder:
    """What a file or model folder on disk says of itself; raises ``NotFound`` or ``FileError``."""
    if is_folder(path):
        return read_folder(LocalFolder(path), read_header)
    with open_local(path) as source:
        return read_header(source)
