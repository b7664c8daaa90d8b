"""Drawing in a process of its own: the same latents, its errors told, ended with its parent."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes.generation_cases import described  # noqa: E402
from vaereg.probes.apart import draw_apart  # noqa: E402
from vaereg.probes.budget import resident  # noqa: E402
from vaereg.probes.generation.kept import load_latents  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.probes.shapes.checkpoint import write_folder  # noqa: E402
from vaereg.registry.drawing import CheckpointFile, DrawTask  # noqa: E402
from vaereg.registry.errors import OutOfMemory, VaeregError  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def task(tmp_path: Path) -> DrawTask:
    """Two steps of the small checkpoint."""
    write_folder(tmp_path / "model")
    identity = described(tmp_path / "model").identity
    told = CheckpointFile("model", str(tmp_path / "model"), "ab" * 32, identity)
    return DrawTask(told, str(tmp_path / "kept"), steps=2)


def test_within_a_limit_the_same_is_drawn_elsewhere(task: DrawTask, tmp_path: Path) -> None:
    here = TorchProber("cpu").draw(task)
    steps: list[tuple[int, int]] = []
    prober = TorchProber("cpu", memory=3 << 30)
    apart = prober.draw(
        replace(task, folder=str(tmp_path / "apart")), lambda step, of: steps.append((step, of))
    )
    assert steps == [(1, 2), (2, 2)]
    assert (load_latents(apart.path) == load_latents(here.path)).all()
    assert replace(apart, path="", seconds=0) == replace(here, path="", seconds=0)
    cost = prober.cost()
    assert set(cost.versions) == {"torch", "diffusers", "transformers"}
    # This process and, beside it, one that imports torch too.
    assert cost.peak_memory_bytes > resident() + (150 << 20)


def test_what_it_raises_is_raised_here(task: DrawTask) -> None:
    gone = replace(task, checkpoint=replace(task.checkpoint, path=task.checkpoint.path + ".gone"))
    with pytest.raises(VaeregError) as there:
        draw_apart(gone, CPU, "auto")
    with pytest.raises(VaeregError) as here:
        TorchProber("cpu").draw(gone)
    assert type(there.value) is type(here.value)
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")
lists_children = pytest.mark.skipif(not CHILDREN.exists(), reason="needs Linux's /proc")


@lists_children
def test_a_process_that_the_system_ends_ran_out_of_memory(task: DrawTask) -> None:
    def end(step: int, of: int) -> None:
        os.kill(int(CHILDREN.read_text().split()[-1]), signal.SIGKILL)

    with pytest.raises(OutOfMemory, match="drew with model was ended by signal 9"):
        draw_apart(replace(task, steps=150), CPU, "auto", end)


@lists_children
def test_an_interrupt_ends_it(task: DrawTask) -> None:
    before = CHILDREN.read_text()

    def interrupt(step: int, of: int) -> None:
        assert CHILDREN.read_text() != before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_apart(replace(task, steps=150), CPU, "auto", interrupt)
    assert CHILDREN.read_text() == before
