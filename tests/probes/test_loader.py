"""VAEs used lately stay at hand within the budget, and leave when it is needed for others."""

from __future__ import annotations

import os
import re
import shutil
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from tests.probes.test_budget import MIB, room  # noqa: E402
from tests.probes.test_crossing import CPU, SD1, SDXL, convention, plan_of, written  # noqa: E402
from vaereg.probes.budget import Budget, give_back  # noqa: E402
from vaereg.probes.comparison.task import compare  # noqa: E402
from vaereg.probes.generation.kept import keep  # noqa: E402
from vaereg.probes.loader import Loader  # noqa: E402
from vaereg.probes.measures.crossing import cross  # noqa: E402
from vaereg.probes.measures.references import MOST, References  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.registry.drawing import CheckpointFile, CompareTask, Drawing, DrawTask, Shown  # noqa: E402
from vaereg.registry.errors import NotFound, OutOfMemory  # noqa: E402
from vaereg.registry.measures import CrossTask  # noqa: E402
from vaereg.registry.values import Component  # noqa: E402

torch.set_num_threads(1)

DECODER = ("decoder",)


@pytest.fixture
def trio(tmp_path: Path):
    return [written(tmp_path, name, plan_of("sd1", seed=seed)) for seed, name in enumerate("abc")]


def unlimited() -> Loader:
    return Loader(Budget(None, CPU))


def loaded(loader: Loader, vae, halves=DECODER, dtype=torch.float32):
    return loader(vae, CPU, dtype, halves=halves)


def test_one_vae_is_kept_without_a_budget(trio) -> None:
    loader = unlimited()
    first = weakref.ref(loaded(loader, trio[0]))
    assert loaded(loader, trio[0]) is first()
    assert loader.loads == 1
    loaded(loader, trio[1])
    assert first() is None
    loaded(loader, trio[0])
    assert loader.loads == 3


def test_a_budget_keeps_as_many_as_its_share_holds(trio) -> None:
    loader = Loader(room(300))
    for vae in (*trio, *trio, *trio):
        loaded(loader, vae)
    assert loader.loads == 3


def test_the_least_recently_used_goes_first(trio) -> None:
    loader = Loader(room(300))
    refs = [weakref.ref(loaded(loader, vae)) for vae in trio]
    loaded(loader, trio[0])
    assert loader._let_go()
    assert [ref() is not None for ref in refs] == [True, False, True]
    loader.clear()
    assert [ref() for ref in refs] == [None] * 3


def test_kept_vaes_leave_when_room_is_needed_for_more(trio, tmp_path: Path) -> None:
    large = written(tmp_path, "large", plan_of("sd1", widths=(256, 256), groups=32))
    loader = Loader(room(300))
    kept = weakref.ref(loaded(loader, large))
    give_back(CPU)
    left = loader.budget.limit - loader.budget.held()
    loader.make_room(left - 8 * MIB, "a small checkpoint")
    assert kept() is not None
    loader.make_room(left + 8 * MIB, "a checkpoint")
    assert kept() is None


@pytest.mark.parametrize(
    "change",
    [
        {"halves": ("encoder",)},
        {"halves": ("encoder", "decoder")},
        {"dtype": torch.bfloat16},
    ],
)
def test_another_half_or_type_is_another_load(trio, change) -> None:
    loader = Loader(room(300))
    first = loaded(loader, trio[0])
    assert loaded(loader, trio[0], **change) is not first
    assert loader.loads == 2


def test_a_file_that_changed_is_loaded_anew(trio) -> None:
    loader = Loader(room(300))
    latents = torch.ones(1, 4, 4, 4)
    before = loaded(loader, trio[0]).decode(latents)
    other = written(Path(trio[0].path).parent, "other", plan_of("sdxl"))
    os.replace(other.path, trio[0].path)
    after = loaded(loader, trio[0]).decode(latents)
    assert loader.loads == 2
    assert not torch.allclose(before, after, atol=0.01)
    os.unlink(trio[0].path)
    with pytest.raises(NotFound):
        loaded(loader, trio[0])


def test_a_folder_is_one_vae_until_a_file_in_it_changes(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tests.probes import vaes
    from vaereg.probes.shapes.checkpoint import write_folder

    write_folder(tmp_path / "model")
    vae, loader = vaes.described(tmp_path / "model"), Loader(room(300))
    for _ in range(2):
        loaded(loader, vae)
    assert loader.loads == 1
    weights = tmp_path / "model" / "vae" / "diffusion_pytorch_model.safetensors"
    shutil.copy(weights, tmp_path / "copy")
    os.replace(tmp_path / "copy", weights)
    loaded(loader, vae)
    assert loader.loads == 2


def test_what_runs_within_a_budget_gives_the_same(trio) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(0))
    free, bound = (loaded(it, trio[0]) for it in (unlimited(), Loader(room(300))))
    assert torch.equal(free.decode(latents), bound.decode(latents))
    for name in ("channels", "factor", "scaled", "has_encoder", "has_decoder"):
        assert getattr(free, name) == getattr(bound, name)
    seen: list[str] = []
    with bound.watched(lambda block, _made: seen.append(block)):
        bound.decode(latents)
    assert any("conv_out" in block for block in seen)


def test_a_picture_too_large_for_the_budget_is_refused_before_it_is_tried(trio) -> None:
    decoder = loaded(Loader(room(300)), trio[0])
    decoder.decode(torch.zeros(1, 4, 16, 16))
    with pytest.raises(OutOfMemory, match="the decoder of a for 4096 x 4096 pixels takes about"):
        decoder.decode(torch.zeros(1, 4, 512, 512))


def test_within_a_budget_a_large_drawing_is_decoded_in_tiles(trio, tmp_path: Path) -> None:
    """2048 x 128 pixels take 1.2 GB by the estimate, tiles of 512 x 128 take .3."""
    latents = np.random.default_rng(0).standard_normal((1, 4, 16, 256)).astype(np.float32)
    drawing = Drawing(str(tmp_path / "drawing"), 4, 2048, 128, "cpu", "float32", 0.0)
    keep(drawing.path, latents, drawing)
    task = CompareTask(drawing, tuple(Shown(vae, SD1) for vae in trio[:2]))
    loader = Loader(room(700))
    made = compare(task, loader, CPU)
    assert [one.trouble for one in made.pictures] == [None, None]
    assert "a decoded in tiles: cpu has too little memory" in made.notes
    assert loader.loads == 2
    assert loader.budget.held() < loader.budget.limit
    refused = compare(task, Loader(room(40)), CPU).pictures[0].trouble
    assert re.search(r"for 256 x 128 pixels takes about .* MiB allowed on cpu", refused)


def asked(reference, vae, **more) -> CrossTask:
    more = {"normalisation": SD1, "conventions": (convention(SD1),)} | more
    return CrossTask(reference, reference, vae, **more)


def test_one_reference_for_many_vaes_runs_once(trio) -> None:
    """Otherwise every VAE would cost an encode and a decode of the reference as well."""
    loader, references = unlimited(), References()
    reference, *others = trio
    found = [
        cross(asked(reference, vae), loader, CPU, torch.float32, references)
        for vae in (*others, *others)
    ]
    assert loader.loads == 2 + len(found)
    plain = [cross(asked(reference, vae), unlimited(), CPU, torch.float32) for vae in others]
    assert found == plain * 2


def test_another_reference_is_another(trio, tmp_path: Path) -> None:
    loader, references = unlimited(), References()
    reference, vae, other = trio
    image = written_image(tmp_path / "picture.png", 0)

    def loads(task: CrossTask) -> int:
        before = loader.loads
        cross(task, loader, CPU, torch.float32, references)
        return loader.loads - before

    changes = [{}, {"normalisation": SDXL}, {"image": str(image)}]
    tasks = [asked(reference, vae, **change) for change in changes]
    tasks.append(replace(tasks[0], decoder=other))
    assert len(tasks) == MOST
    assert [loads(task) for task in tasks] == [3] * MOST
    assert [loads(task) for task in tasks] == [0] * MOST
    written_image(image, 1)
    assert loads(tasks[2]) == 3
    assert loads(tasks[0]) == 3  # One more than are kept.


def written_image(path: Path, seed: int) -> Path:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    image.fromarray(pixels).resize((384, 256)).save(path)
    return path


def test_the_prober_asks_before_it_draws(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tests.probes.generation_cases import described
    from vaereg.probes.shapes.checkpoint import write_folder

    write_folder(tmp_path / "model")
    identity = described(tmp_path / "model").identity
    told = CheckpointFile("model", str(tmp_path / "model"), "ab" * 32, identity)
    task = DrawTask(told, str(tmp_path / "kept"), steps=1)
    drawn = TorchProber("cpu").draw(task)
    tight = TorchProber("cpu", memory=room(500).limit)
    assert tight.draw(task).path == drawn.path
    huge = Component("denoiser", "unet-sd1", "ldm", "", (), ("float16",), 1, 10**9)
    large = replace(told, identity=replace(identity, components=(*identity.components, huge)))
    with pytest.raises(OutOfMemory, match=r"drawing with model takes about [45]\.\d GiB"):
        tight.draw(replace(task, checkpoint=large, again=True))
    assert tight.draw(replace(task, checkpoint=large)).kept


def test_the_prober_loads_one_decoder_for_many_drawings(trio, tmp_path: Path) -> None:
    prober = TorchProber("cpu", memory=room(300).limit)
    rng = np.random.default_rng(0)
    for number in range(3):
        latents = rng.standard_normal((1, 4, 8, 8)).astype(np.float32)
        drawing = Drawing(str(tmp_path / f"{number}"), 4, 64, 64, "cpu", "float32", 0.0)
        keep(drawing.path, latents, drawing)
        prober.compare(CompareTask(drawing, tuple(Shown(vae, SD1) for vae in trio)))
    assert prober._load.loads == 3


def test_loading_needs_no_diffusers() -> None:
    """``check`` and ``inspect`` start quickly."""
    import subprocess

    code = (
        "import sys, vaereg.probes.prober; print('diffusers' in sys.modules, 'PIL' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
