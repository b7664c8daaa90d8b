"""Launch flags out of a frontend's start scripts; the scripts are read, never run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..naming import shown
from ..values import Notice
from .scripts import Command, batch_commands, shell_commands
from .settings import read_text

MOST_BYTES = 64 * 1024
ARGUMENTS = "COMMANDLINE_ARGS"
"""webui.py's family splits it with Python's shlex (AUTOMATIC1111/stable-diffusion-webui,
modules/paths_internal.py) and puts it behind the words of the command line."""
PROGRAMS = (
    "webui.bat",
    "webui.sh",
    "webui.ps1",
    "launch.py",
    "main.py",
    "webui.py",
    "entry.py",
    "entry_with_update.py",
)
"""What is started; the words behind it on the same line are flags."""
WEBUI_SCRIPTS = (
    "webui-macos-env.sh",
    "webui-user.sh",
    "webui-user.bat",
    "webui.settings.bat",
)
"""In the order in which webui.sh and webui.bat read them: a later one wins. Forge and SD.Next kept
the names (lllyasviel/stable-diffusion-webui-forge and vladmandic/sdnext: webui.sh, webui.bat)."""
RUN_SCRIPTS = ("run.sh", "run.bat", "start.sh", "start.bat", "run_nvidia_gpu.bat", "run_cpu.bat")
VARIABLES = ("SD_VAE", "SD_MODEL", "SD_DATADIR", "SD_MODELSDIR", "SD_CONFIG", "INVOKEAI_ROOT")
"""Environment variables that change where a frontend looks (vladmandic/sdnext,
modules/cmd_args.py; invoke-ai/InvokeAI); no other is kept, for a script may set secrets."""
_SECRET = re.compile(r"auth|ngrok|token|passw|secret|key", re.IGNORECASE)
_WINDOWS_PATH = re.compile(r"(--[\w-]+=)?([A-Za-z]:|\.{0,2})\\")
_HOME = re.compile(r"(--[\w-]+=)?(~(?:[\\/].*)?)", re.DOTALL)
_UNRESOLVED = re.compile(r"%[A-Za-z_]\w*%|\$\{?[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Launch:
    """What start scripts say of how a frontend is started."""

    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``--vae-path`` -> its values in order; () for a switch."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Those of ``VARIABLES`` that the scripts set."""
    notices: tuple[Notice, ...] = ()


def read_launch(root: str, names: Sequence[str] = (*WEBUI_SCRIPTS, *RUN_SCRIPTS)) -> Launch:
    """The flags in those of the named scripts that lie in ``root``.

    Scripts of this system's kind count; those of the other kind only where the first set nothing,
    and then a notice says so. A script that cannot be read is a notice.
    """
    ours, theirs = (".bat", ".sh") if os.name == "nt" else (".sh", ".bat")
    first = _read_scripts(root, [name for name in names if name.endswith(ours)])
    if first.flags or first.variables:
        return first
    other = _read_scripts(root, [name for name in names if name.endswith(theirs)])
    if not other.flags and not other.variables:
        return Launch(notices=(*first.notices, *other.notices))
    what = f"The flags are taken from {theirs} scripts; those for this system set none."
    told = (*first.notices, *other.notices, Notice("other-system-script", what))
    return Launch(other.flags, other.variables, told)


def parse_script(text: str, folder: str, windows: bool) -> Launch:
    """What one script's text says; ``folder`` is where it lies, for ``%~dp0`` and ``$PWD``."""
    return _gather([(text, windows)], folder)


def flags_of(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Words of a command line by flag: every word behind a flag is a value of it.

    Passwords and tokens (``--api-auth``, ``--ngrok`` ...) are left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    current: str | None = None
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word.partition("=")
            current = name
            found[name] = (*found.get(name, ()), *((value,) if equals else ()))
        elif current is not None:
            found[current] = (*found[current], word)
    return {name: () if _SECRET.search(name) else values for name, values in found.items()}


def _read_scripts(root: str, names: Iterable[str]) -> Launch:
    notices: list[Notice] = []
    texts = []
    for name in names:
        text = read_text(os.path.join(root, name), notices, MOST_BYTES)
        if text is not None:
            texts.append((text, name.endswith(".bat")))
    launch = _gather(texts, root)
    return Launch(launch.flags, launch.variables, (*notices, *launch.notices))


def _gather(texts: Iterable[tuple[str, bool]], folder: str) -> Launch:
    variables: dict[str, str] = {}
    words: list[str] = []
    notices: list[Notice] = []
    windows = False
    for text, windows in texts:
        reader: Callable[[str, str, dict[str, str]], list[Command]]
        reader = batch_commands if windows else shell_commands
        for command in reader(text, folder, variables):
            started = _behind_program(command.words)
            if command.sets == ARGUMENTS or started:
                notices += _doubts(command)
            words += started
    words += _split(variables.get(ARGUMENTS, ""), windows, notices)
    words = [_unexpanded(word, notices) for word in words]
    kept = {name: value for name in VARIABLES if (value := variables.get(name))}
    return Launch(flags_of(words), kept, tuple(dict.fromkeys(notices)))


def _behind_program(words: Sequence[str]) -> list[str]:
    for place, word in enumerate(words):
        if re.split(r"[\\/]", word)[-1].lower() in PROGRAMS:
            return [one for one in words[place + 1 :] if one not in ("%*", "$@")]
    return []


def _split(arguments: str, windows: bool, notices: list[Notice]) -> list[str]:
    """The words of ``COMMANDLINE_ARGS``; a Windows path is kept whole, and its loss told."""
    try:
        seen = shlex.split(arguments)
        written = _without_escapes(arguments)
    except ValueError:
        what = f"{ARGUMENTS} has a quote that is not closed: the frontend stops with an error."
        notices.append(Notice("launch-quotes", what))
        return arguments.replace('"', " ").split()
    if len(seen) != len(written):
        return seen
    words: list[str] = []
    flag = ""
    for real, word in zip(seen, written, strict=True):
        flag = word.partition("=")[0] if word.startswith("--") else flag
        dropped = real != word.replace("\\\\", "\\")
        lost = dropped and (windows or _WINDOWS_PATH.match(word))
        if lost:
            what = (
                f"The backslashes behind {shown(flag)} in {ARGUMENTS} are lost when the frontend "
                "splits it: write the path in double quotes or with slashes."
            )
            notices.append(Notice("launch-backslashes", what))
        words.append(word if lost else real)
    return words


def _unexpanded(word: str, notices: list[Notice]) -> str:
    """A word in which no shell filled ``~`` in: it is a folder of that name to the frontend."""
    found = _HOME.fullmatch(word)
    if found is None:
        return word
    what = (
        f"{shown(found[2])} in the launch flags is not in the home folder: no shell fills ~ in "
        "there, and the frontend takes it for a name. Write the folder out."
    )
    notices.append(Notice("launch-tilde", what))
    return f"{found[1] or ''}./{found[2]}"


def _without_escapes(arguments: str) -> list[str]:
    reader = shlex.shlex(arguments, posix=True)
    reader.whitespace_split, reader.commenters, reader.escape = True, "", ""
    return list(reader)


def _doubts(command: Command) -> list[Notice]:
    """What a command's words depend on that is not known without running the script."""
    found = []
    if command.conditional:
        what = "Flags stand under a condition in the start script; they are taken as given."
        found.append(Notice("launch-conditional", what))
    text = " ".join(command.words)
    if command.computed or _UNRESOLVED.search(text.replace("%*", "")):
        what = "The start script works out a part of its flags itself; that part is not known."
        found.append(Notice("launch-computed", what))
    return found
