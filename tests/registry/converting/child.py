"""Converts in a process of its own, for tests that stop it; prints what came of it."""

from __future__ import annotations

import resource
import signal
import sys
import time
from pathlib import Path

from tests.registry.converting.cases import converted
from vaereg.registry.converting import writing
from vaereg.registry.errors import VaeregError


def main() -> None:
    """The source, the result, the largest file that may be written, seconds for each tensor."""
    source, out, limit, pause = sys.argv[1:]
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    copy = writing._copy

    def slowly(*given):
        time.sleep(float(pause))
        sys.stdout.write(".\n")
        sys.stdout.flush()
        return copy(*given)

    writing._copy = slowly
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = converted(Path(source), Path(out), "diffusers", family="sd1")
        sys.stdout.write(f"{done.path}\n")
    except VaeregError as error:
        sys.stdout.write(f"{error.code}\n")
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")


if __name__ == "__main__":
    main()
