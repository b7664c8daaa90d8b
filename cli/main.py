"""The one entrance: settles global options, runs a command, turns errors into words and codes."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..registry.errors import UsageError, VaeregError

FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "-qv", "-vq")
VALUED = ("--db", "--home")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with the contract's exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options, rest = hoist(words)
    if rest[:1] == ["--version"]:
        # Answered before anything is imported: scripts ask for it in loops.
        as_json = "--json" in options
        sys.stdout.write(
            f'{{"version": "{__version__}"}}\n' if as_json else f"vaereg {__version__}\n"
        )
        sys.exit(0)
    # Most runs last a fraction of a second: collecting garbage in between costs a tenth of it.
    gc.set_threshold(100_000, 50, 100)
    if sys.stdout is None:
        # Started with stdout closed: there is nowhere to answer to.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(options, rest)
    except KeyboardInterrupt:
        code = _interrupted("--json" in options)
    code = _flushed(code)
    if code == INTERRUPTED:
        # Threads that wait for a server would be waited for.
        sys.stderr.flush()
        os._exit(code)
    # Nothing made so far is worth collecting any more: leaving would take 30 ms longer.
    gc.freeze()
    sys.exit(code)


def _flushed(code: int) -> int:
    """The exit code, once the answer has left the process."""
    try:
        sys.stdout.flush()
    except OSError as failure:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(failure, BrokenPipeError):
            # The reader of a pipe went away, as `head` does: nothing is left to say to it.
            return code
        return _unwritable(failure)
    return code


def _unwritable(failure: OSError) -> int:
    sys.stderr.write(f"vaereg: the answer cannot be written: {failure.strerror}\n")
    return 1


def hoist(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The global options, wherever they stand, and the other words."""
    ahead: list[str] = []
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += [word, *waiting]
        elif word in FLAGS or word.startswith(tuple(f"{name}=" for name in VALUED)):
            ahead.append(word)
        elif word in VALUED:
            ahead += [word, *(value for value in (next(waiting, None),) if value is not None)]
        else:
            rest.append(word)
    return ahead, rest


def _run(options: list[str], rest: list[str]) -> int:
    from .output import Output

    output = Output(as_json="--json" in options)
    try:
        return dispatch(options, rest)
    except VaeregError as error:
        if os.environ.get("VAEREG_DEBUG"):
            raise
        output.error(error)
        return error.exit_code
    except OSError as failure:
        if os.environ.get("VAEREG_DEBUG"):
            raise
        return 0 if failure.errno == errno.EPIPE else _unwritable(failure)
    except Exception as fault:
        # The last resort: a fault of vaereg's own is still one sentence, and one document.
        if os.environ.get("VAEREG_DEBUG"):
            raise
        output.error(
            VaeregError(
                f"vaereg itself failed: {type(fault).__name__}: {fault}",
                "run it again with VAEREG_DEBUG=1 and report what it says",
            )
        )
        return 1


def _interrupted(as_json: bool) -> int:
    """Ctrl-C at any moment, also while commands are still being imported."""
    message = "interrupted; what was recorded or fetched so far is kept"
    if as_json:
        error = f'{{"code": "interrupted", "message": "{message}", "hint": null}}'
        sys.stdout.write(f'{{"error": {error}}}\n')
    else:
        sys.stderr.write(f"vaereg: {message}\n")
    return INTERRUPTED


def dispatch(options: list[str], rest: list[str]) -> int:
    """Run a command: its exit code; raises ``VaeregError`` and ``KeyboardInterrupt``."""
    import typer

    from .app import app_for

    wrong_usage: type[Exception] = typer.BadParameter.__bases__[0]
    if rest in ([], ["db"]):
        # A command is missing: its list is the best answer for a person, an error for a program.
        if "--json" in options:
            raise UsageError("no command was given", "see vaereg --help")
        app_for(rest)([*rest, "--help"], standalone_mode=False, prog_name="vaereg")
        return UsageError.exit_code
    try:
        code = app_for(rest)(options + rest, standalone_mode=False, prog_name="vaereg")
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as leaving:
        # Typer leaves with 1 where the reader of a pipe went away, as `head` does.
        if isinstance(leaving.__context__, BrokenPipeError):
            return 0
        raise
    except wrong_usage as error:
        raise UsageError(_usage_words(error), _usage_hint(error)) from None
    if code == INTERRUPTED:
        # Typer turns Ctrl-C into an exit of its own; the words for it are ours.
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _usage_words(error: Exception) -> str:
    describe = getattr(error, "format_message", None)
    # Typer breaks lines between choices; an error is one sentence.
    return " ".join(str(describe() if describe else error).split())


def _usage_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "vaereg")
    return f"see {command} --help"
