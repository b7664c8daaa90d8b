"""A PostgreSQL server of the tests' own, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs, the newest version first."""

    def version(folder: Path) -> float:
        name = folder.parent.name
        return float(name) if name.replace(".", "", 1).isdigit() else 0.0

    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    usable = (
        folder
        for folder in (*on_path, *installed)
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    )
    return next(usable, None)


class Server:
    """Started when made, until ``stop``; ``database()`` is a new empty one each time."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder
        self._home = Path(tempfile.mkdtemp(prefix="pg"))
        self._user = self._other_user()
        self._numbers = count()
        data = self._home / "data"
        self._run(
            "initdb", "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        # Only a socket, no port; nothing that it writes has to survive.
        options = [
            "-D",
            str(data),
            "-k",
            str(self._home),
            "-h",
            "",
            "-F",
            "-c",
            "full_page_writes=off",
        ]
        with (self._home / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [folder / "postgres", *options],
                stdout=log,
                stderr=log,
                cwd=self._home,
                user=self._user,
            )
        self._wait()

    def url(self, database: str) -> str:
        """The address of one of the server's databases."""
        return f"postgresql://tester@/{database}?host={self._home}"

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"registry{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, url: str | None = None) -> None:
        """Run one statement outside a transaction."""
        import psycopg

        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(timeout=30)
        shutil.rmtree(self._home, ignore_errors=True)

    def _other_user(self) -> int | None:
        """PostgreSQL refuses to be run by root."""
        if os.geteuid() != 0:
            return None
        names = {user.pw_name for user in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(self._home, user.pw_uid, user.pw_gid)
        self._home.chmod(0o755)
        return user.pw_uid

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self._home,
            check=False,
            user=self._user,
        )
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        import psycopg

        for _ in range(200):
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert self._server.poll() is None, (self._home / "log").read_text()
                time.sleep(0.05)
        raise AssertionError((self._home / "log").read_text())
