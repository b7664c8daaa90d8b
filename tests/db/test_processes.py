"""Several processes on one registry, and one that is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from vaereg.db import maintenance
from vaereg.db.address import database_of
from vaereg.db.session import open_engine, transact
from vaereg.db.store import open_store
from vaereg.registry.errors import StoreError

from .postgres_server import Server
from .samples import at, checkpoint, sha, vae

ROOT = Path(__file__).parents[2]

PREPARE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.db.samples import at, checkpoint, vae, verdict
from vaereg.db.store import open_store
from vaereg.registry.errors import StoreError
store = open_store(sys.argv[2], Path(sys.argv[3]))
number = int(sys.argv[4])
"""

REMEMBER = """
for turn in range(50):
    own = (vae(f"{number}.{turn}"), at(f"/m/{number}/{turn}.pt"))
    store.remember([own, (vae(), at("/m/all.pt"))])
"""

ENDLESSLY = """
turn = 0
while True:
    found = [(checkpoint(f"{turn}.{n}"), at(f"/m/{turn}/{n}.pt")) for n in range(20)]
    store.remember(found)
    print(turn, flush=True)
    turn += 1
"""


def start(code: str, url: str, home: Path, number: int = 0) -> subprocess.Popen[bytes]:
    """Another Python that runs ``code`` on the registry."""
    command = [sys.executable, "-W", "error", "-c", PREPARE + code]
    arguments = [str(ROOT), url, str(home), str(number)]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint.decode()


def test_processes_that_make_the_registry_at_once_all_succeed(url: str, tmp_path: Path) -> None:
    finish([start("print(store.models())", url, tmp_path) for _ in range(4)])
    with open_store(url, tmp_path) as store:
        assert store.models() == ()


def test_nothing_is_lost_between_processes(url: str, tmp_path: Path) -> None:
    finish([start(REMEMBER, url, tmp_path, number) for number in range(4)])
    with open_store(url, tmp_path) as store:
        models = store.models()
        assert {model.artifact.digests.sha256 for model in models} == {sha(0)} | {
            sha(f"{number}.{turn}") for number in range(4) for turn in range(50)
        }
        assert all(len(model.locations) == 1 for model in models)
        assert all(len(model.artifact.identity.components) == 1 for model in models)
    assert all(finding.outcome != "fail" for finding in maintenance.check(url))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("patience", [0.0, 0.013, 0.029])
def test_a_killed_writer_leaves_all_that_it_committed(tmp_path: Path, patience: float) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    writer = start(ENDLESSLY, url, tmp_path)
    assert writer.stdout
    for _ in range(5):
        writer.stdout.readline()
    time.sleep(patience)
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    turns = 5 + len(rest.splitlines())
    findings = maintenance.check(url)
    assert all(finding.outcome != "fail" for finding in findings), findings
    with open_store(url, tmp_path) as store:
        models = store.models()
        assert len(models) in (20 * turns, 20 * (turns + 1))
        assert {len(model.artifact.identity.components) for model in models} == {3}
        store.remember([(vae(), at("/m/after.pt"))])
        assert store.by_sha256(checkpoint("0.0").digests.sha256)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sqlstate", "tries"),
    [("40001", 2), ("40P01", 2), ("23505", 2), ("23503", 2), ("53100", 1), ("XX000", 1)],
)
def test_what_failed_for_another_process_is_tried_again(
    server: Server, sqlstate: str, tries: int
) -> None:
    database = database_of(server.database())
    engine = open_engine(database)
    calls = []

    def work(connection: Connection) -> int:
        calls.append(sqlstate)
        if len(calls) == 1:
            connection.exec_driver_sql(
                f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$"
            )
        return 7

    if tries > 1:
        assert transact(database, engine, work) == 7
    else:
        with pytest.raises(StoreError):
            transact(database, engine, work)
    engine.dispose()
    assert len(calls) == tries


@pytest.mark.postgres
def test_two_orders_of_the_same_rows_do_not_block_each_other(
    server: Server, tmp_path: Path
) -> None:
    url = server.database()
    forth = "store.remember([(vae(n), at(f'/m/{n}.pt')) for n in range(40)])\n"
    back = forth.replace("range(40)", "reversed(range(40))")
    finish([start(code * 10, url, tmp_path) for code in (forth, back, forth, back)])
    with open_store(url, tmp_path) as store:
        assert len(store.models()) == 40
