"""A model shown in another folder too: by the kind of link that the file system allows."""

from __future__ import annotations

import errno
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, count

from ..errors import UsageError
from ..naming import MODEL_SUFFIXES, shown
from ..transfer.file_names import beside, clean_folder_name, clean_name
from .base import Link
from .copying import Told, copy, is_copy
from .placing import Conflict, fit_path, missing_folders

_NOT_HERE = {
    errno.EXDEV,
    errno.EPERM,
    errno.EACCES,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EINVAL,
    errno.EISDIR,
}
"""This kind of link cannot be had here; another may. FAT answers EPERM to link and symlink alike
(torvalds/linux fs/namei.c ``vfs_link``, ``vfs_symlink``), another drive EXDEV, a share often
ENOTSUP or EACCES; Windows EINVAL for what its file system or the user's rights leave out."""
_WINDOWS_NOT_HERE = {1, 5, 50, 1142, 1314}
"""ERROR_INVALID_FUNCTION, ACCESS_DENIED, NOT_SUPPORTED, TOO_MANY_LINKS, PRIVILEGE_NOT_HELD
(learn.microsoft.com/windows/win32/debug/system-error-codes)."""
_SAME_FORMAT = ((".safetensors", ".sft"), (".ckpt", ".pt", ".pth", ".bin"))
"""Extensions of one format: loaders go by the extension of the name they are given
(comfyanonymous/ComfyUI comfy/utils.py ``load_torch_file``), so a link may not change format."""


class CannotLink(OSError):
    """No kind of link that was asked for can be had; the text says why for each."""


def check(link: Link) -> bool:
    """Whether it is as wanted already; False where it can be made, as far as looking tells.

    Raises ``Conflict`` with the reason where it is to be left alone.
    """
    fit_path(link.source)
    fit_path(link.target)
    if not os.path.exists(link.source):
        raise Conflict(f"the model {shown(link.source)} is not there")
    if not os.path.isdir(link.source) and _format(link.source) != _format(link.target):
        raise Conflict(
            f"{shown(os.path.basename(link.target))} has the extension of another format than "
            f"{shown(os.path.basename(link.source))}; frontends would read it as that"
        )
    if os.path.lexists(link.target):
        if shows(link):
            return True
        raise Conflict(f"{shown(link.target)} is there already and is something else")
    missing_folders(link.target)
    return False


def shows(link: Link) -> bool:
    """Whether the target is that very file, or its copy where copies are asked for."""
    with suppress(OSError, ValueError):
        if os.path.samefile(link.source, link.target):
            return True
        return "copy" in link.kinds and is_copy(link.source, link.target)
    return False


def make(link: Link, part: str, told: Told) -> str:
    """Make the link in a folder that is there; the kind it was made as.

    A hard link and a copy are of the file behind a symlink, under the target's name; a symlink
    leads to the source as it is given, so that a Hugging Face cache keeps its names. ``part`` is
    the hidden name that a copy is written under. Raises ``FileExistsError`` where the name was
    taken meanwhile, ``CannotLink`` and ``OSError``.
    """
    folder = os.path.isdir(link.source)
    reasons = []
    for kind in link.kinds:
        if kind not in (_FOLDER_KINDS if folder else _FILE_KINDS):
            continue
        try:
            _make(kind, link, part, told)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError) as failure:
            if not _not_here(failure):
                raise
            reasons.append(f"{kind}: {getattr(failure, 'strerror', None) or 'not known here'}")
        else:
            return kind
    asked = "" if "copy" in link.kinds else "; a copy was not asked for"
    raise CannotLink(errno.ENOTSUP, f"no link is possible here ({'; '.join(reasons)}){asked}")


_ANY = ("hard", "symlink", "junction", "copy")
_FILE_KINDS = ("hard", "symlink", "copy")
_FOLDER_KINDS = ("symlink", "junction", "copy")


def _make(kind: str, link: Link, part: str, told: Told) -> None:
    if kind == "hard":
        # On Linux os.link makes a second name of a symlink itself, whatever follow_symlinks says
        # (python/cpython issue 81793); a relative one would lead nowhere from another folder.
        os.link(os.path.realpath(link.source), link.target)
    elif kind == "symlink":
        os.symlink(link.source, link.target, target_is_directory=os.path.isdir(link.source))
    elif kind == "junction":
        _junction(link.source, link.target)
    else:
        copy(link.source, link.target, part, told)


def _junction(source: str, target: str) -> None:
    """Raises ``NotImplementedError`` anywhere but on Windows."""
    if sys.platform != "win32":
        raise NotImplementedError
    else:
        import _winapi

        _winapi.CreateJunction(source, target)


def _not_here(failure: Exception) -> bool:
    number = getattr(failure, "winerror", None)
    if number is not None:
        return number in _WINDOWS_NOT_HERE
    return isinstance(failure, NotImplementedError) or getattr(failure, "errno", 0) in _NOT_HERE


def _format(path: str) -> str:
    suffix = os.path.splitext(path)[1].lower()
    return next((row[0] for row in _SAME_FORMAT if suffix in row), suffix)


def free_name(
    folder: str,
    wanted: str | Sequence[str],
    taken: Iterable[str] = (),
    source: str | None = None,
) -> str:
    """A name for a link that nothing in the folder and none of ``taken`` has, and fit everywhere.

    Lower case and compared without case: frontends key models on the bare name, and a folder may
    come to lie on Windows. The first of the wishes that is free (see ``wishes``), else the last
    with a number; the extension stays. A name under which ``source`` lies there already is free.
    Raises ``UsageError`` where there is no wish, or one that holds nothing to name a file by.
    """
    names = [fitted(wish) for wish in ([wanted] if isinstance(wanted, str) else wanted)]
    if not names:
        what = f"no name is left for {shown(source)} in" if source else "no name is left in"
        raise UsageError(f"{what} {shown(folder)}", "give the model another name")
    used = {folded(name) for name in taken}
    lying = {folded(entry): os.path.join(folder, entry) for entry in _entries(folder)}

    def free(name: str) -> bool:
        there = lying.get(folded(name))
        shown_there = there is None or (source is not None and shows(Link(source, there, _ANY)))
        return folded(name) not in used and shown_there

    numbered = (beside(names[-1], str(number)) for number in count(2))
    return next(name for name in chain(names, numbered) if free(name))


def wishes(name: str, family: str | None, sha256: str) -> tuple[str, ...]:
    """What a model would be linked as: its name, the family before it, a short hash after it."""
    fuller = (f"{family}__{name}",) if family else ()
    return (name, *fuller, beside(name, sha256[:8]))


def fitted(name: str) -> str:
    """A wish as it becomes a name: cleaned of what some disk cannot hold, in lower case.

    Raises ``UsageError`` where nothing is left.
    """
    clean = clean_name if name.lower().endswith(MODEL_SUFFIXES) else clean_folder_name
    return clean(name, "model").casefold()


def folded(name: str) -> str:
    """A name to be compared: two that some disk takes for one are alike."""
    return unicodedata.normalize("NFC", name.casefold())


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
