"""SwarmUI: its settings' format, its folders, and the VAE it chooses by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_safetensors
from vaereg.registry.frontends.fds import BadFds, at, parse
from vaereg.registry.frontends.swarmui import FRONTEND

from .asking import codes, hidden, looked, names, vae_for
from .trees import CHECKPOINT, VAE
from .trees_other import swarmui

SETTINGS = """#Settings related to file paths.
Paths:
    #Root path for model files.
    ModelRoot: Models
    SDVAEFolder: VAE
IsInstalled: true
"""


def with_vae(key: str, value: str) -> str:
    return f"{SETTINGS}DefaultUser:\n    VAEs:\n        {key}: {value}\n"


def declared(path: Path, architecture: str | None) -> None:
    """A file whose header declares its class, as SwarmUI looks for it."""
    metadata = {"modelspec.architecture": architecture} if architecture else None
    shapes = VAE if "VAE" in path.parts else CHECKPOINT
    write_safetensors(path, shapes, metadata=metadata)


def tree(root: Path, settings: str, **models: str | None) -> Path:
    """Model files by stem and what their headers declare; ``c`` is a checkpoint, others VAEs."""
    swarmui(root, settings)
    for stem, said in models.items():
        folder = "Stable-Diffusion" if stem == "c" else "VAE"
        declared(root / "Models" / folder / f"{stem}.safetensors", said)
    return root


FDS = {
    "a: 1\nb: 1.5\nc: true\nd: False\ne: 01\nf: x: y = z": {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": "False",
        "e": "01",
        "f": "x: y = z",
    },
    "a:\n    b:\n        c: d\ne: f\n": {"a": {"b": {"c": "d"}}, "e": "f"},
    "# c\r\na: b  \r\n\r\n  # c\r\nc:\r\n": {"a": "b", "c": {}},
    "a:\n- x\n- 2\nb: y": {"a": ["x", 2], "b": "y"},
    "a:\n\tb: tab\n": {"a": {"b": "tab"}},
    "a\\cb: C:\\\\new\\nline\\x": {"a:b": "C:\\new\nline"},
    "": {},
}


@pytest.mark.parametrize("text", FDS)
def test_settings_format(text: str) -> None:
    assert parse(text) == FDS[text]


BAD = [
    "x\n",
    ": v\n",
    "a: b\n    c: d\n",
    "- a\n",
    "a:\n    - x\n",
    "a:\n> b: c\n",
    " a: b\nc: d\n",
]


@pytest.mark.parametrize(
    "text", [*BAD, "a:\n" * 60_000, "".join(" " * n + "a:\n" for n in range(99))]
)
def test_damaged_settings(text: str) -> None:
    with pytest.raises(BadFds):
        parse(text)


def test_keys_count_in_any_case() -> None:
    assert at(parse("Paths:\n    modelroot: x"), "paths", "ModelRoot") == "x"
    assert at(parse("Paths: x"), "Paths", "ModelRoot") is None


def test_recognised_with_its_version(tmp_path: Path) -> None:
    root = swarmui(tmp_path / "SwarmUI", SETTINGS, {"Data/Users.ldb": ""})
    assert FRONTEND.recognises(str(root))
    assert not FRONTEND.recognises(str(tmp_path))
    installation = FRONTEND.read(str(root))
    assert installation.version == "0.9.7.1"
    assert "user-settings" in codes(installation.notices)


def test_lists_of_roots_and_folders_and_the_first_wins(tmp_path: Path) -> None:
    other = tmp_path / "other"
    settings = (
        f"Paths:\n    ModelRoot: Models;{other}\n    SDModelFolder: checkpoints\n"
        "    SDVAEFolder: vae;more\n"
    )
    files = {
        "Models/vae/sub/a.safetensors": VAE,
        "Models/more/b.gguf": VAE,
        "Models/vae/.c.safetensors": VAE,
        "Models/vae/d.SAFETENSORS": VAE,
        "Models/checkpoints/m.ckpt": VAE,
        "Models/unet/u.sft": VAE,
        "Models/text_encoders/t.safetensors": VAE,
        "../other/vae/sub/a.safetensors": VAE,
        "../other/vae/e.pt": VAE,
    }
    root = swarmui(tmp_path / "SwarmUI", settings, files)
    _, listing = looked(FRONTEND, root)
    assert names(listing, "vae") == ["sub/a.safetensors", "b.gguf", "e.pt"]
    assert names(listing, "checkpoint") == ["m.ckpt"]
    assert names(listing, "diffusion_model") == ["u.sft"]
    assert names(listing, "text_encoder") == ["t.safetensors"]
    assert set(hidden(listing)) == {".c.safetensors", "d.SAFETENSORS", "sub/a.safetensors"}
    assert "shadowed" in codes(listing.notices)


XL, SD1 = "stable-diffusion-xl-v1-base", "stable-diffusion-v1"
XL_VAE, SD1_VAE = "stable-diffusion-xl-v1-base/vae", "stable-diffusion-v1/vae"

CHOICES: dict[str, tuple[str, dict[str, str | None], bool, tuple[str, str | None]]] = {
    "its own": (SETTINGS, {"c": XL, "v": XL_VAE}, True, ("baked", None)),
    "the only one of the class": (
        SETTINGS,
        {"c": XL, "v": XL_VAE, "w": SD1_VAE, "x": None},
        False,
        ("file", "Models/VAE/v.safetensors"),
    ),
    "any of several": (SETTINGS, {"c": XL, "v": XL_VAE, "w": XL_VAE}, False, ("automatic", None)),
    "none declares itself, so it downloads": (
        SETTINGS,
        {"c": XL, "v": None},
        False,
        ("automatic", None),
    ),
    "none for SD1, where it knows no file": (
        SETTINGS,
        {"c": SD1, "v": None},
        False,
        ("none", None),
    ),
    "a default before the class": (
        with_vae("DefaultSDXLVAE", "w.safetensors"),
        {"c": XL, "v": XL_VAE, "w": None},
        False,
        ("file", "Models/VAE/w.safetensors"),
    ),
    "a default without its ending": (
        with_vae("DefaultSDXLVAE", "W"),
        {"c": XL, "w": None},
        False,
        ("file", "Models/VAE/w.safetensors"),
    ),
    "a default replaces the checkpoint's own": (
        with_vae("DefaultSDXLVAE", "w.safetensors"),
        {"c": XL, "w": None},
        True,
        ("file", "Models/VAE/w.safetensors"),
    ),
    "a default of another class does not": (
        with_vae("DefaultSDv1VAE", "w.safetensors"),
        {"c": XL, "w": None},
        True,
        ("baked", None),
    ),
    "None is no default": (with_vae("DefaultSDXLVAE", "None"), {"c": XL}, True, ("baked", None)),
    "a default that is not there": (
        with_vae("DefaultSDXLVAE", "gone.safetensors"),
        {"c": XL},
        True,
        ("none", None),
    ),
    "an unknown class": (SETTINGS, {"c": "my-own-model"}, False, ("automatic", None)),
    "nothing to tell the class by": (SETTINGS, {"c": None}, False, ("automatic", None)),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_automatic_choice(tmp_path: Path, case: str) -> None:
    settings, models, has_baked, wanted = CHOICES[case]
    root = tree(tmp_path, settings, **models)
    kind, path, _ = vae_for(FRONTEND, root, "c.safetensors", has_baked)
    assert (kind, path) == wanted


def test_a_known_file_comes_before_the_class(tmp_path: Path) -> None:
    root = tree(tmp_path, SETTINGS, c=XL, v=XL_VAE)
    known = "Models/VAE/OfficialStableDiffusion/sdxl_vae.safetensors"
    declared(root / known, None)
    assert vae_for(FRONTEND, root, "c.safetensors", False)[:2] == ("file", known)


@pytest.mark.parametrize("suffix", [".swarm.json", ".json", ".cm-info.json", ".civitai.info"])
def test_a_file_beside_the_vae_declares_its_class(tmp_path: Path, suffix: str) -> None:
    root = tree(tmp_path, SETTINGS, c=XL, v=SD1_VAE)
    (root / f"Models/VAE/v{suffix}").write_text(f'{{"modelspec.architecture": "{XL_VAE}"}}')
    found = vae_for(FRONTEND, root, "c.safetensors", False)
    assert found[:2] == ("file", "Models/VAE/v.safetensors")


def test_several_candidates_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, SETTINGS, c=XL, v=XL_VAE, w=XL_VAE)
    assert "several-vaes" in vae_for(FRONTEND, root, "c.safetensors", False)[2]


def test_damaged_settings_leave_the_defaults(tmp_path: Path) -> None:
    root = swarmui(tmp_path, "Paths:\n nonsense\n", {"Models/VAE/a.safetensors": VAE})
    installation, listing = looked(FRONTEND, root)
    assert "settings-damaged" in codes(installation.notices)
    assert names(listing, "vae") == ["a.safetensors"]
