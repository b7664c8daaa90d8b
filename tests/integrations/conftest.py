"""A real registry of small real models, and the frontends' stand-ins around it."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from vaereg.registry.samples.faults import random_weights
from vaereg.registry.samples.files import safetensors
from vaereg.registry.samples.library import SAMPLES, build
from vaereg.registry.samples.unet import sdxl_unet

PACKS = Path(__file__).parents[2] / "integrations"
FRONTENDS = Path(__file__).parent / "frontends"
COMMAND = Path(sys.executable).with_name("vaereg" + (".exe" if os.name == "nt" else ""))
THIN = ((8, 16, 32, 32), 2)
WANTED = (
    "checkpoints/forest_v1", "checkpoints/harbour_xl",
    "vae/sdxl_vae", "vae/mirror/sdxl_vae", "vae/vae_final_FIXED", "vae/ae",
)  # fmt: skip
FITTING = (
    ("forest_v1", "vae_final_FIXED"),
    ("forest_v1", "mirror/sdxl_vae"),
    ("harbour_xl", "sdxl_vae"),
    ("harbour_xl", "mirror/sdxl_vae"),
    ("pier_xl", "sdxl_vae"),
)
"""Checked before, so that the registry knows; all others are open, or settled by shape."""


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``models`` with checkpoints and VAEs, and ``home`` with the registry that knows them."""
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("shelf")
    build(root / "models", *THIN, [s for s in SAMPLES if s.path.split(".")[0] in WANTED])
    bare = root / "models/checkpoints/pier_xl.safetensors"
    bare.write_bytes(safetensors(random_weights(sdxl_unet(), 9)))
    run(root, "scan", root / "models")
    for model, vae in FITTING:
        pair = ("--model", checkpoint(root, model), "--vae", vae_file(root, vae))
        run(root, "check", *pair, "--probe", "weights")
    return root


def run(root: Path, *words: str | Path) -> None:
    """``vaereg`` on the shelf's registry."""
    env = {**os.environ, "VAEREG_HOME": str(root / "home"), "OMP_NUM_THREADS": "1"}
    line = [COMMAND, "--json", *words]
    done = subprocess.run(line, env=env, capture_output=True, check=False, timeout=120)
    assert done.returncode in (0, 3, 4), done.stdout


def checkpoint(root: Path, name: str) -> str:
    return str(root / f"models/checkpoints/{name}.safetensors")


def vae_file(root: Path, name: str) -> str:
    return str(root / f"models/vae/{name}.safetensors")


@pytest.fixture
def registry(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shelf, with ``vaereg`` at hand that knows it."""
    monkeypatch.setenv("VAEREG_HOME", str(shelf / "home"))
    monkeypatch.setenv("VAEREG_COMMAND", str(COMMAND))
    return shelf


@pytest.fixture
def no_registry(shelf: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shelf on a machine where vaereg is not installed."""
    monkeypatch.delenv("VAEREG_COMMAND", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return shelf


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Put a program in vaereg's place that runs these lines of Python."""

    def place(lines: str) -> None:
        path = tmp_path / "impostor"
        path.write_text(f"#!{sys.executable}\nimport sys, time\n{lines}\n")
        path.chmod(0o755)
        monkeypatch.setenv("VAEREG_COMMAND", str(path))

    if os.name == "nt":
        pytest.skip("programs are told by their extension here")
    return place


@pytest.fixture
def fresh_modules() -> Iterator[Callable[..., None]]:
    """Lets modules of these folders be imported, and forgets them afterwards."""
    before, paths = set(sys.modules), list(sys.path)

    def use(*folders: Path) -> None:
        sys.path[:0] = [str(folder) for folder in folders]

    yield use
    sys.path[:] = paths
    for name in set(sys.modules) - before:
        if any(_lies_in(sys.modules[name], folder) for folder in (FRONTENDS, PACKS)):
            del sys.modules[name]


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and folder in Path(file).parents


@pytest.fixture
def comfy(
    shelf: Path, fresh_modules: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> Iterator[SimpleNamespace]:
    """ComfyUI with the pack: ``pack``, ``nodes`` by their names, ``told``."""
    fresh_modules(FRONTENDS / "comfyui")
    folder_paths = importlib.import_module("folder_paths")
    for folder in ("checkpoints", "vae"):
        folder_paths.folder_names_and_paths[folder] = [str(shelf / "models" / folder)]
    pack = load_pack()
    with caplog.at_level(logging.INFO, "vaereg"):
        yield SimpleNamespace(
            pack=pack,
            own=importlib.import_module("nodes"),
            routes=importlib.import_module("server").PromptServer.instance.routes.handlers,
            told=caplog,
            **{name: kind() for name, kind in pack.NODE_CLASS_MAPPINGS.items()},
        )


def load_pack() -> ModuleType:
    """As ComfyUI loads a folder of custom nodes (nodes.py load_custom_node)."""
    folder = PACKS / "comfyui/vaereg_nodes"
    name = str(folder).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def webui(
    shelf: Path, fresh_modules: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> Iterator[SimpleNamespace]:
    """AUTOMATIC1111 with the extension: its modules, ``make(checkpoint)``, ``told``."""
    fresh_modules(FRONTENDS / "a1111")
    with caplog.at_level(logging.INFO, "vaereg"):
        yield Webui(shelf, caplog).start()


@pytest.fixture
def forge(
    shelf: Path, fresh_modules: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> Iterator[SimpleNamespace]:
    """Forge with the extension, and a text encoder among its modules."""
    fresh_modules(FRONTENDS / "a1111", FRONTENDS / "forge")
    entry = importlib.import_module("modules_forge.main_entry")
    with caplog.at_level(logging.INFO, "vaereg"):
        found = Webui(shelf, caplog)
        entry.module_list.update(found.sd_vae.vae_dict)
        entry.module_list["t5xxl.safetensors"] = str(shelf / "models/t5xxl.safetensors")
        found.sd_vae.vae_dict.clear()
        found.entry = entry
        yield found.start()


class Webui(SimpleNamespace):
    """A webui's modules, and what a user does with them."""

    def __init__(self, shelf: Path, told: pytest.LogCaptureFixture) -> None:
        names = ("shared", "shared_items", "sd_vae", "sd_models", "script_callbacks", "scripts")
        modules = {name: importlib.import_module(f"modules.{name}") for name in names}
        super().__init__(told=told, entry=None, **modules)
        self.processing = importlib.import_module("modules.processing")
        for path in sorted((shelf / "models/checkpoints").iterdir()):
            self.sd_models.checkpoints_list[path.name] = SimpleNamespace(filename=str(path))
        for path in sorted((shelf / "models/vae").rglob("*.safetensors")):
            name = path.name if path.parent.name == "vae" else f"mirror_{path.name}"
            self.sd_vae.vae_dict[name] = str(path)

    def start(self) -> Webui:
        folder = PACKS / "a1111/vaereg_extension"
        self.loaded = self.scripts.load_script(folder, folder / "scripts/vaereg.py")
        self.script_callbacks.run("ui_settings")
        self.script_callbacks.run("before_ui")
        return self

    def select(self, name: str) -> None:
        info = self.sd_models.checkpoints_list[f"{name}.safetensors"]
        self.shared.opts.data["sd_model_checkpoint"] = f"{name}.safetensors"
        self.shared.sd_model = SimpleNamespace(sd_checkpoint_info=info)

    def make(self, name: str, **settings: object) -> object:
        """Make a picture with a checkpoint under these settings."""
        self.select(name)
        self.shared.opts.data.update(settings)
        return self.processing.process_images(self.processing.Processing(self.loaded))
