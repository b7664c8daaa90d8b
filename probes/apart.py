"""Drawing in a process of its own: all that its libraries took is given back when it ends."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO, Any

import torch

from ..registry.drawing import Drawing, DrawTask
from ..registry.errors import CannotRun, OutOfMemory, VaeregError
from ..registry.naming import shown

Watch = Callable[[int, int], None]
_STEP, _DRAWN, _FAILED = "step", "drawn", "failed"


@dataclass(frozen=True, slots=True)
class Apart:
    """A drawing, and what it took in its process."""

    drawing: Drawing
    peak_memory: int
    """Bytes of that process."""
    versions: Mapping[str, str]


def draw_apart(
    task: DrawTask, device: torch.device, asked: str, watch: Watch | None = None
) -> Apart:
    """As ``generation.drawn.draw``, in a process that ends afterwards.

    After diffusers has drawn, a process holds some 150 MiB more than before and does not give them
    back (diffusers 0.42 and transformers 5.23, see ``needs``). Whatever interrupts this process
    ends that one. Raises as ``draw`` does, and ``OutOfMemory`` where the system ended it.
    """
    command = [sys.executable, "-P", "-m", __name__]
    # It finds the modules that this process finds, wherever it was started.
    known = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **known},
        # Ctrl-C on a terminal goes to every process of its group: it is this one's to obey.
        start_new_session=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((task, str(device), asked, torch.get_num_threads()), process.stdin)
            process.stdin.close()
            return _answer(process.stdout, watch)
        except (EOFError, BrokenPipeError):
            raise _ended(task, process.wait()) from None
        finally:
            process.kill()


def _answer(told: IO[bytes], watch: Watch | None) -> Apart:
    """What the process tells; raises what it raised."""
    while True:
        kind, *figures = pickle.load(told)  # Of our own process, on a pipe of our own.
        if kind == _DRAWN:
            return Apart(*figures)
        if kind == _FAILED:
            error, message, hint = figures
            raise error(message, hint)
        if watch is not None:
            watch(*figures)


def _ended(task: DrawTask, code: int) -> VaeregError:
    name = shown(task.checkpoint.name)
    if code < 0:
        return OutOfMemory(
            f"the process that drew with {name} was ended by signal {-code}: most likely there was "
            "too little memory",
            "close other programs, draw smaller pictures with --size, or use --probe decode",
        )
    return CannotRun(
        f"the process that was to draw with {name} ended with exit code {code}",
        "use --probe decode, or leave --memory out",
    )


# -- in the process of its own ----------------------------------------------------------------


def main() -> None:
    """Read a task from stdin and answer on stdout, where nothing else may write."""
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)

        def tell(*words: object) -> None:
            pickle.dump(words, answers)
            answers.flush()

        try:
            task, device, asked, threads = pickle.load(sys.stdin.buffer)
            torch.set_num_threads(threads)
            tell(*_drawn(task, device, asked, lambda *step: tell(_STEP, *step)))
        except VaeregError as failure:
            tell(_FAILED, type(failure), failure.message, failure.hint)
        except BrokenPipeError:
            os._exit(1)  # Nobody waits for the answer any more.
        except Exception as fault:
            said = f"drawing failed: {type(fault).__name__}: {shown(str(fault))}"
            tell(_FAILED, CannotRun, said, "use --probe decode, or leave --memory out")


def _drawn(task: DrawTask, device: str, asked: str, watch: Watch) -> tuple[Any, ...]:
    from .device import choose_device, out_of_memory_told, peak_memory
    from .generation.drawn import draw

    place = choose_device(device)
    with out_of_memory_told(place), torch.inference_mode():
        drawing = draw(task, place, asked, watch)
    return _DRAWN, drawing, peak_memory(place), versions()


def versions() -> dict[str, str]:
    """Of the libraries that ran anything in this process."""
    names = ("torch", "diffusers", "transformers")
    return {name: version(name) for name in names if name in sys.modules}


if __name__ == "__main__":
    main()
