"""ComfyUI and Comfy Desktop: folders out of yaml files and flags, lists, the effective VAE."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaereg.registry.frontends.catalog import frontend
from vaereg.registry.frontends.comfy_desktop import FRONTEND as DESKTOP
from vaereg.registry.frontends.comfyui import FRONTEND, effective_in_workflows

from .asking import codes, effective, hidden, looked, names
from .trees import VAE, write
from .trees_other import checkpoints, comfyui, saved_workflow

YAML = "extra_model_paths.yaml"


def vae_folders(root: Path) -> list[str]:
    """The folders of VAEs in ComfyUI's order, below the root where they are."""
    folders = [one.path for one in FRONTEND.read(str(root)).folders if one.role == "vae"]
    return [os.path.relpath(path, root).replace(os.sep, "/") for path in folders]


def yaml_codes(root: Path) -> set[str]:
    return codes(FRONTEND.read(str(root)).notices)


def test_recognises_its_folder_and_reads_its_version(tmp_path: Path) -> None:
    root = comfyui(tmp_path / "ComfyUI")
    assert FRONTEND.recognises(str(root))
    assert not FRONTEND.recognises(str(tmp_path))
    assert FRONTEND.read(str(root)).version == "0.3.50"
    assert frontend("comfyui").title == "ComfyUI"


def test_an_unknown_version_is_said_to_be_so(tmp_path: Path) -> None:
    installation = FRONTEND.read(str(comfyui(tmp_path, version=None)))
    assert installation.version is None
    assert "version-unknown" in codes(installation.notices)


GRAMMAR = {
    "any section, and base_path behind its keys": (
        "my own name:\n  vae: a\n  base_path: ../shared\n",
        ["models/vae", "../shared/a"],
    ),
    "relative to the file without base_path": ("x:\n  vae: more/vae\n", ["models/vae", "more/vae"]),
    "is_default puts every line in front, so their order turns round": (
        "x:\n  is_default: true\n  vae: |\n    one\n    two\n",
        ["two", "one", "models/vae"],
    ),
    "a folder that is there already moves to the front": (
        "x:\n  is_default: true\n  vae: models/vae\ny:\n  vae: other\n",
        ["models/vae", "other"],
    ),
    "an empty section counts for nothing": ("x:\ny:\n  vae: b\n", ["models/vae", "b"]),
    "folding joins lines with a blank": ("x:\n  vae: >\n    a\n    b\n", ["models/vae", "a b"]),
    "folding parts at an empty line": ("x:\n  vae: >\n    a\n\n    b\n", ["models/vae", "a", "b"]),
    "blanks at the end of a block's line stay": (
        "x:\n  vae: |\n    a \n    b\n",
        ["models/vae", "a ", "b"],
    ),
    "single quotes keep backslashes": ("x:\n  vae: 'a\\b'\n", ["models/vae", os.path.join("a\\b")]),
    "a comment alone is not a section of folders": ("x:\n  # vae: a\n  loras: l\n", ["models/vae"]),
    "is_default false": ("x:\n  is_default: false\n  vae: a\n", ["models/vae", "a"]),
    "the same folder twice": ("x:\n  vae: a\ny:\n  vae: a\n", ["models/vae", "a"]),
    "absolute": ("x:\n  base_path: there\n  vae: /srv/vae\n", None),
}


@pytest.mark.parametrize("case", GRAMMAR)
def test_yaml_grammar(tmp_path: Path, case: str) -> None:
    text, wanted = GRAMMAR[case]
    root = comfyui(tmp_path / "ComfyUI", {YAML: text})
    found = vae_folders(root)
    if wanted is None:
        assert FRONTEND.read(str(root)).folders[-1] is not None
        assert os.path.relpath("/srv/vae", root).replace(os.sep, "/") in found
    else:
        assert found == wanted


@pytest.mark.parametrize("text", ["~/shared", "$MODELS_ROOT", "${MODELS_ROOT}"])
def test_home_and_variables_are_filled_in_in_base_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("MODELS_ROOT", str(tmp_path / "shared"))
    root = comfyui(tmp_path / "ComfyUI", {YAML: f"x:\n  base_path: {text}\n  vae: v\n"})
    assert vae_folders(root) == ["models/vae", "../shared/v"]


def test_home_is_not_filled_in_in_a_folder(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {YAML: "x:\n  vae: ~/vae\n"})
    assert vae_folders(root) == ["models/vae", "~/vae"]
    assert "folder-missing" in yaml_codes(root)


def test_a_secret_of_the_environment_is_not_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary-5f1c")
    root = comfyui(tmp_path, {YAML: "x:\n  base_path: /tmp/$HF_TOKEN\n  vae: v\n"})
    assert "canary-5f1c" not in repr(FRONTEND.read(str(root)))
    assert "yaml-variable" in yaml_codes(root)


STOPS = {
    "a list of folders": "x:\n  vae:\n    - a\n    - b\n",
    "a number": "x:\n  vae: 3\n",
    "nothing": "x:\n  vae:\n",
    "a backslash in double quotes": 'x:\n  base_path: "C:\\models"\n  vae: v\n',
    "tabs": "x:\n\tvae: v\n",
    "comments only": "# vae: v\n",
    "a text for a section": "x: models/vae\n",
    "a list for a file": "- vae\n",
    "a base_path that is no text": "x:\n  base_path: 7\n  vae: v\n",
    "an impossible date": "x:\n  vae: 2026-99-99\n",
    "an object": "x: !!python/object/apply:os.system ['true']\n",
}


@pytest.mark.parametrize("case", STOPS)
def test_what_stops_comfyui_is_told_and_not_read(tmp_path: Path, case: str) -> None:
    root = comfyui(tmp_path, {YAML: STOPS[case]})
    assert vae_folders(root) == ["models/vae"]
    assert "yaml-stops-comfyui" in yaml_codes(root)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {k: v}\n"
        + "".join(
            f"{n}: &{n} {{<<: [*{p}, *{p}]}}\n"
            for p, n in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
        ),
        "[" * 5000,
        'x:\n  vae: "a\\0b"\n',
        'x:\n  vae: "\\ud800"\n',
        "x:\n  vae: " + "9" * 5000 + "\n",
        "x" * 100_000,
    ],
    ids=["aliases", "depth", "nul", "half a letter", "digits", "size"],
)
def test_hostile_yaml_ends_in_a_notice(tmp_path: Path, text: str) -> None:
    root = comfyui(tmp_path, {YAML: text})
    assert vae_folders(root)[0] == "models/vae"
    looked(FRONTEND, root)


def test_keys_that_no_loader_reads(tmp_path: Path) -> None:
    text = "x:\n  VAE: a\n  checkpoint: b\n  ipadapter: c\n  loras: d\n"
    root = comfyui(tmp_path, {YAML: text, "a/x.safetensors": VAE})
    installation, listing = looked(FRONTEND, root)
    told = [one.message for one in installation.notices if one.code == "yaml-unknown-key"]
    assert len(told) == 2
    assert "vae" in told[0]
    assert "checkpoints" in told[1]
    assert names(listing, "vae") == []


def test_aliases_of_keys(tmp_path: Path) -> None:
    files = {
        YAML: "x:\n  clip: te\n  unet: u\n",
        "te/a.safetensors": VAE,
        "u/b.safetensors": VAE,
        "models/unet/c.safetensors": VAE,
        "models/clip/d.safetensors": VAE,
    }
    _, listing = looked(FRONTEND, comfyui(tmp_path, files))
    assert names(listing, "text_encoder") == ["a.safetensors", "d.safetensors"]
    assert names(listing, "diffusion_model") == ["b.safetensors", "c.safetensors"]


def test_folders_of_folding_are_explained(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {YAML: "x:\n  vae: >\n    a\n    b\n"})
    (root / "a").mkdir()
    (root / "b").mkdir()
    told = [one.message for one in FRONTEND.read(str(root)).notices if one.code == "folder-missing"]
    assert len(told) == 1
    assert "folding" in told[0]


def test_names_recursion_and_endings(tmp_path: Path) -> None:
    files = {
        "models/vae/b.SAFETENSORS": VAE,
        "models/vae/sub/deep/a.pt": VAE,
        "models/vae/.hidden.ckpt": VAE,
        "models/vae/.git/objects/x.pt": VAE,
        "models/vae/readme.txt": "",
        "models/vae/y.gguf": VAE,
        "models/vae/z.sft": VAE,
    }
    _, listing = looked(FRONTEND, comfyui(tmp_path, files))
    deep = os.path.join("sub", "deep", "a.pt")
    assert names(listing, "vae") == sorted([".hidden.ckpt", "b.SAFETENSORS", deep, "z.sft"])
    assert list(hidden(listing)) == ["y.gguf"]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"x.safetensors": VAE})
    root = comfyui(tmp_path / "ComfyUI", {"models/vae/a.safetensors": VAE})
    (root / "models/vae/linked").symlink_to(outside)
    (root / "models/vae/loop").symlink_to(root / "models/vae")
    (root / "models/vae/gone.pt").symlink_to(root / "nowhere")
    _, listing = looked(FRONTEND, root)
    assert names(listing, "vae") == ["a.safetensors", os.path.join("linked", "x.safetensors")]
    assert "nowhere" in hidden(listing)["gone.pt"]


def test_the_first_folder_shadows_the_others(tmp_path: Path) -> None:
    files = {
        YAML: "x:\n  is_default: true\n  vae: mine\n",
        "mine/ae.safetensors": VAE,
        "models/vae/ae.safetensors": VAE,
        "models/vae/sub/ae.safetensors": VAE,
    }
    root = comfyui(tmp_path, files)
    _, listing = looked(FRONTEND, root)
    shown = {one.name: os.path.relpath(one.path, root) for one in listing.of("vae")}
    deep = os.path.join("sub", "ae.safetensors")
    assert shown == {
        "ae.safetensors": os.path.join("mine", "ae.safetensors"),
        deep: os.path.join("models", "vae", deep),
    }
    assert "shadowed" in codes(listing.notices)
    assert "mine" in hidden(listing)["ae.safetensors"]


def test_a_broken_link_lets_the_next_folder_through(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {YAML: "x:\n  vae: more\n", "more/ae.pt": VAE})
    (root / "models/vae").mkdir(parents=True)
    (root / "models/vae/ae.pt").symlink_to(root / "nowhere")
    _, listing = looked(FRONTEND, root)
    assert [one.path for one in listing.of("vae")] == [str(root / "more/ae.pt")]


def test_tiny_autoencoders_by_pair_and_by_prefix(tmp_path: Path) -> None:
    names_there = (
        "taesd_encoder.safetensors taesd_decoder.safetensors taesdxl_decoder.pth "
        "taef1_encoder.pth taef1_decoder.pth taew2_1.safetensors lighttaew2_1.safetensors"
    )
    files = {f"models/vae_approx/{name}": VAE for name in names_there.split()}
    _, listing = looked(FRONTEND, comfyui(tmp_path, files))
    offered = {one.name: os.path.basename(one.path) for one in listing.of("vae")}
    assert offered == {
        "lighttaew2_1.safetensors": "lighttaew2_1.safetensors",
        "taesd": "taesd_decoder.safetensors",
        "taef1": "taef1_decoder.pth",
    }
    told = [one.message for one in listing.notices if one.code == "tiny-half"]
    assert len(told) == 1
    assert "taesdxl_encoder" in told[0]


def test_flags_of_the_start_script_move_the_folders(tmp_path: Path) -> None:
    script = "python main.py --base-directory '../da ta' --extra-model-paths-config a.yaml b.yaml\n"
    files = {"run.sh": script, "a.yaml": "x:\n  vae: v1\n", "b.yaml": "x:\n  vae: v2\n"}
    root = comfyui(tmp_path / "ComfyUI", files)
    assert vae_folders(root) == ["../da ta/models/vae", "v1", "v2"]


def test_models_directory_wins_over_base_directory(tmp_path: Path) -> None:
    script = "exec python main.py --models-directory /srv/m --base-directory /srv/b\n"
    installation = FRONTEND.read(str(comfyui(tmp_path, {"start.sh": script})))
    assert {one.path for one in installation.folders if one.role == "vae"} == {"/srv/m/vae"}


def test_the_portable_packages_script_stands_beside(tmp_path: Path) -> None:
    (tmp_path / "python_embeded").mkdir()
    script = (
        "@echo off\r\n.\\python_embeded\\python.exe -s ComfyUI\\main.py "
        '--windows-standalone-build --extra-model-paths-config "extra.yaml"\r\npause\r\n'
    )
    write(tmp_path, {"run_nvidia_gpu.bat": script, "extra.yaml": "x:\n  vae: v\n"})
    root = comfyui(tmp_path / "ComfyUI")
    assert vae_folders(root) == ["models/vae", "../v"]


def test_flags_that_can_be_no_paths_count_for_nothing(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {"run.sh": "python main.py --base-directory 'a\0b'\n"})
    assert vae_folders(root) == ["models/vae"]
    looked(FRONTEND, root)


def test_a_config_that_is_not_there_stops_comfyui(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {"run.sh": "python main.py --extra-model-paths-config gone.yaml"})
    assert "yaml-stops-comfyui" in yaml_codes(root)


def test_the_checkpoints_own_vae_unless_a_workflow_says_otherwise(tmp_path: Path) -> None:
    files = {
        **checkpoints("models/checkpoints", "a.safetensors", "b.safetensors"),
        "models/vae/other.safetensors": VAE,
        "user/default/workflows/w.json": saved_workflow("a.safetensors", "other.safetensors"),
        "user/default/workflows/x.json": saved_workflow("b.safetensors", None),
    }
    root = comfyui(tmp_path, files)
    first, second = (effective(FRONTEND, root, name) for name in ("a.safe", "b.safe"))
    assert (first.kind, second.kind) == ("baked", "baked")
    assert "w.json" in first.notices[0].message
    assert "other.safetensors" in first.notices[0].message
    assert second.notices == ()
    assert effective(FRONTEND, root, "b.safe", has_baked=False).kind == "asked"


def test_a_denoiser_alone_is_asked_for_its_vae(tmp_path: Path) -> None:
    root = comfyui(tmp_path, {"models/diffusion_models/flux.safetensors": VAE})
    installation, listing = looked(FRONTEND, root)
    found = FRONTEND.effective(installation, listing, listing.of("diffusion_model")[0], False)
    assert found.kind == "asked"
    assert "VAELoader" in found.how


def test_desktop_reads_its_own_file(tmp_path: Path) -> None:
    chosen = write(tmp_path / "Comfy UI", {"models/vae/a.safetensors": VAE})
    text = (
        f"# ComfyUI extra_model_paths.yaml for linux\ncomfyui:\n  base_path: {chosen}\n"
        "  is_default: true\n  checkpoints: models/checkpoints/\n  vae: models/vae/\n"
    )
    data = write(tmp_path / "data", {"extra_models_config.yaml": text})
    write(chosen, {"models/checkpoints/c.safetensors": VAE})
    workflow = saved_workflow("c.safetensors", "a.safetensors")
    write(chosen, {"user/default/workflows/w.json": workflow})
    assert DESKTOP.recognises(str(data))
    installation, listing = looked(DESKTOP, data)
    assert installation.frontend == "comfy-desktop"
    assert names(listing, "vae") == ["a.safetensors"]
    assert names(listing, "checkpoint") == ["c.safetensors"]
    assert len(effective_in_workflows(installation, listing)) == 1


def test_desktop_without_a_folder_says_so(tmp_path: Path) -> None:
    root = write(tmp_path, {"extra_models_config.yaml": "comfyui:\n  loras: models/loras\n"})
    installation, listing = looked(DESKTOP, root)
    assert "base-unknown" in codes(installation.notices)
    assert listing.models == ()
