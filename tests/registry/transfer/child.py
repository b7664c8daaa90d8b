"""Fetches one file in a process of its own, for tests that kill it; prints what came of it."""

from __future__ import annotations

import json
import resource
import sys

from vaereg.registry.errors import VaeregError
from vaereg.registry.sources.base import RemoteFile
from vaereg.registry.transfer.client import Client, Endpoint
from vaereg.registry.transfer.download import fetch


def main() -> None:
    """``size``, ``sha256``, ``url``, ``folder`` and so on as JSON in the first argument."""
    import requests  # noqa: F401  # so that what follows "ready" is the download alone

    task = json.loads(sys.argv[1])
    if task["limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task["limit"], task["limit"]))
    file = RemoteFile(
        "a",
        task["size"],
        lambda: task["url"],
        sha256=task["sha256"],
        connections=task["connections"],
    )
    client = Client([Endpoint(task["url"], "Storage")])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        done = fetch(client, file, task["name"], task["folder"])
        sys.stdout.write(f"{done.via} {done.fetched} {done.resumed}\n")
    except VaeregError as error:
        sys.stdout.write(f"{error.code}\n")
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")


if __name__ == "__main__":
    main()
