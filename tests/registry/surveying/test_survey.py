"""A survey goes on whatever one model does, and remembers no more than words of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from vaereg.db.store import RegistryStore, open_store  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.probes.shapes.checkpoint import write_single_file  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.drawing import CheckpointFile, DrawTask  # noqa: E402
from vaereg.registry.errors import CannotRun, OutOfMemory  # noqa: E402
from vaereg.registry.intake import take_in  # noqa: E402
from vaereg.registry.judging.request import Picture, Request  # noqa: E402
from vaereg.registry.measures import Cost  # noqa: E402
from vaereg.registry.surveying.plan import Plan, chosen  # noqa: E402
from vaereg.registry.surveying.shared import SharedProber  # noqa: E402
from vaereg.registry.surveying.survey import survey  # noqa: E402
from vaereg.registry.surveying.values import Cell, Watcher  # noqa: E402
from vaereg.registry.values import Identity  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegistryStore]:
    """A registry of the small checkpoint and two of its VAEs."""
    write_single_file(tmp_path / "painter.safetensors")
    for vae in ("twin", "vivid"):
        write_vae(tmp_path / f"{vae}.safetensors", vae)
    opened = open_store("", tmp_path / "home")
    for name in ("painter", "twin", "vivid"):
        taken = take_in(str(tmp_path / f"{name}.safetensors"))
        opened.remember([(taken.artifact, taken.location)])
    yield opened
    opened.close()


def plan(store: RegistryStore, home: Path, probe: str) -> Plan:
    request = Request(probe, TorchProber, drawn=Picture(str(home / "drawings")))
    return Plan(*chosen(store.models()), request)


class Vandal(Watcher):
    """Spoils a VAE's file at the moment when it is looked at; notes what it is told."""

    def __init__(self, folder: Path, victim: str) -> None:
        self.folder, self.victim = folder, victim
        self.told: list[str] = []
        self.total = 0

    def planned(self, pairs: int) -> None:
        self.total = pairs

    def begun(self, model: str, vae: str) -> None:
        if vae == self.victim:
            path = self.folder / f"{vae}.safetensors"
            path.write_bytes(path.read_bytes()[:5000])

    def judged(self, cell: Cell) -> None:
        self.told.append(cell.verdict.verdict)


def test_a_file_that_breaks_under_way_fails_alone(store: RegistryStore, tmp_path: Path) -> None:
    watcher = Vandal(tmp_path, "twin")
    found = survey(store, plan(store, tmp_path, "weights"), watcher)
    names = {model.artifact.digests.sha256: model.name for model in store.models()}
    cells = {names[cell.key[1]]: cell for cell in found.cells}
    broken = cells["twin"].failure
    assert broken is not None
    assert broken.code == "unreadable_file"
    assert cells["twin"].verdict.verdict == "unknown"
    assert [failure.message for failure in found.failures] == [broken.message]
    assert cells["vivid"].failure is None
    assert cells["vivid"].level == "weights"
    assert not found.in_vain
    assert len(watcher.told) == watcher.total >= 3


def test_a_run_in_which_every_pair_fails_was_in_vain(store: RegistryStore, tmp_path: Path) -> None:
    whole = plan(store, tmp_path, "weights")
    twin = next(m.artifact.digests.sha256 for m in store.models() if m.name == "twin")
    only = Plan(whole.checkpoints, (twin,), whole.request, baked=False)
    assert survey(store, only, Vandal(tmp_path, "twin")).in_vain


def test_pairs_come_vae_by_vae_and_baked_ones_first() -> None:
    request = Request("none", TorchProber)
    asked = Plan(("a", "b", "c"), ("x", "a"), request)
    assert asked.pairs(lambda one: one != "c") == (
        ("a", "a"), ("b", "b"), ("a", "x"), ("b", "x"), ("c", "x"), ("b", "a"), ("c", "a"),
    )  # fmt: skip


class Tired:
    """A prober that never draws, and takes a second each time it tries."""

    def __init__(self) -> None:
        self.tried = 0

    def draw(self, task: DrawTask, watch: object = None) -> None:
        self.tried += 1
        raise OutOfMemory("the card is full", "use --device cpu")

    def cost(self) -> Cost:
        return Cost("cpu", "float32", float(self.tried), 1)


def test_a_checkpoint_is_drawn_with_once_even_where_that_fails() -> None:
    tired = Tired()
    shared = SharedProber(lambda: tired)  # type: ignore[arg-type,return-value]
    file = CheckpointFile("x", "/x", "ab", Identity("safetensors", "checkpoint"))
    for _ in range(3):
        with pytest.raises(CannotRun, match="the card is full"):
            shared().draw(DrawTask(file, "/drawings"))
    assert tired.tried == 1
    failure = shared.undrawn("ab")
    assert failure is not None
    assert failure.code == "out_of_memory"
    assert shared.cost().seconds == 1
    shared.next_pair()
    assert shared.cost().seconds == 0
