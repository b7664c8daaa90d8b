"""``vaereg convert`` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from .conftest import Vaereg

KEYS = {
    *("path", "layout", "dtype", "tensors", "bytes", "content"),
    *("source", "left_out", "warnings"),
}


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file): (file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_baked_vae_of_a_checkpoint_for_a_frontend(
    vaereg: Vaereg, library: Path, own_home: Path
) -> None:
    """Nothing of the user's is touched; the path alone stands on stdout; the copy is a twin."""
    before = files_of(library)
    vaereg("scan", library)
    done = vaereg("convert", "forest_v1", "--layout", "ldm")
    path = own_home / "converted/forest_v1.ldm.safetensors"
    assert (done.code, done.out) == (0, f"{path}\n")
    assert "baked into forest_v1 was extracted" in done.err
    assert files_of(library) == before
    shown = vaereg("show", "forest_v1.ldm", "--json").document
    assert {twin["name"] for twin in shown["same_weights"]} == {"forest_v1", "vae_final_FIXED"}
    words = ("check", "--model", "forest_v1", "--vae", "forest_v1.ldm", "--probe", "none")
    assert vaereg(*words, "--json").document["verdict"] == "compatible"


def test_the_document(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    source = library / "vae/vae_final_FIXED.safetensors"
    out = tmp_path / "out.safetensors"
    words = ("--layout", "ldm", "--dtype", "fp16", "--out", out, "--json")
    told = vaereg("convert", source, *words).document
    assert told.keys() == KEYS
    assert (told["path"], told["layout"], told["dtype"]) == (str(out), "ldm", "float16")
    assert (told["tensors"], told["bytes"]) == (248, out.stat().st_size)
    assert told["content"] == told["source"]["content"]
    assert (told["left_out"], told["warnings"]) == ([], [])
    found = vaereg("inspect", out, "--hash", "--json").document
    assert found["hashes"]["content"] == told["content"]
    known = vaereg("inspect", source, "--hash", "--json").document
    assert told["source"] == {
        "name": "vae_final_FIXED",
        "path": str(source),
        "sha256": known["hashes"]["sha256"],
        "format": "safetensors",
        "layout": "diffusers",
        "dtype": "float32",
        "prefix": "",
        "baked": False,
        "family": None,
        "content": known["hashes"]["content"],
    }


def test_a_folder_needs_the_family_and_then_says_it(
    vaereg: Vaereg, library: Path, own_home: Path
) -> None:
    source = library / "vae/sdxl_vae.safetensors"
    refused = vaereg("convert", source, "--layout", "diffusers", "--json")
    assert refused.code == 1
    assert refused.document["error"]["code"] == "unsupported_format"
    assert "inspect --weights" in refused.document["error"]["hint"]
    assert not (own_home / "converted").exists()
    done = vaereg("convert", source, "--layout", "diffusers", "--family", "sdxl")
    folder = own_home / "converted/sdxl_vae.diffusers"
    assert done.out == f"{folder}\n"
    assert json.loads((folder / "config.json").read_text())["scaling_factor"] == 0.13025
    listed = {row["name"]: row["family"] for row in vaereg("list", "--json").document}
    assert listed["sdxl_vae.diffusers"] == "sdxl"


def test_a_checkpoint_tells_what_its_vae_may_be(vaereg: Vaereg, library: Path) -> None:
    source = library / "checkpoints/harbour_xl.safetensors"
    refused = vaereg("convert", source, "--layout", "diffusers")
    assert refused.code == 1
    assert "works in sdxl latents" in refused.err


def test_again_and_another_of_the_same_name(vaereg: Vaereg, library: Path, own_home: Path) -> None:
    first = vaereg("convert", library / "vae/ae.safetensors", "--layout", "diffusers",
                   "--family", "flux1")  # fmt: skip
    assert first.code == 0, first.err
    (library / "b").mkdir()
    other = library / "b/ae.safetensors"
    other.write_bytes((library / "vae/sdxl_vae.safetensors").read_bytes())
    words = ("--layout", "diffusers", "--family", "sdxl")
    second = vaereg("convert", other, *words)
    assert second.out != first.out
    assert second.out.startswith(str(own_home / "converted/ae.diffusers-"))
    assert vaereg("convert", other, *words).out == second.out
    assert len(list((own_home / "converted").iterdir())) == 2


def test_what_lies_there_is_not_overwritten(vaereg: Vaereg, library: Path) -> None:
    source, there = library / "vae/ae.safetensors", library / "vae/sdxl_vae.safetensors"
    before = files_of(library)
    done = vaereg("convert", source, "--layout", "ldm", "--out", there)
    assert done.code == 1
    assert "not touched" in done.err
    assert files_of(library) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--layout", "ldm", "--out", "folder"), 2, "names no safetensors file"),
        (("--layout", "ldm", "--out", "vae.ckpt"), 2, "names no safetensors file"),
        (("--layout", "ldm", "--out", ""), 2, "names no safetensors file"),
        (("--layout", "diffuser"), 2, "diffuser"),
        (("--layout", "ldm", "--dtype", "fp8"), 2, "fp8"),
        ((), 2, "--layout"),
        (("--layout", "diffusers", "--family", "sd3"), 2, "cannot be sd3"),
        (("--layout", "diffusers", "--family", "sdxxl"), 2, "no latent family sdxxl"),
    ],
)
def test_wrong_usage(
    vaereg: Vaereg, library: Path, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    done = vaereg("convert", library / "vae/sdxl_vae.safetensors", *words)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert {entry.name for entry in tmp_path.iterdir()} <= {"home", "models"}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nothing_called_so", "not_found"),
        ("stabilityai/sdxl-vae", "not_found"),
        ("vae/pony_vae.safetensors", "unreadable_file"),
    ],
)
def test_what_cannot_be_converted(vaereg: Vaereg, library: Path, name: str, error: str) -> None:
    there = library / name
    told = vaereg("convert", there if there.exists() else name, "--layout", "ldm", "--json")
    assert told.code == 1
    assert told.document["error"]["code"] in (error, "unsupported_format")
    assert told.document["error"]["hint"]


def test_a_recorded_file_that_changed_is_read_anew(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    source = library / "vae/vae_final_FIXED.safetensors"
    source.write_bytes((library / "vae/ae.safetensors").read_bytes())
    told = vaereg("convert", "vae_final_FIXED", "--layout", "diffusers", "--family", "flux1",
                  "--json").document  # fmt: skip
    sha256 = vaereg("inspect", source, "--hash", "--json").document["hashes"]["sha256"]
    assert told["source"]["sha256"] == sha256


def test_it_needs_no_torch(library: Path, tmp_path: Path) -> None:
    import subprocess

    script = (
        "import sys\n"
        "from vaereg.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('|' + ','.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    words = ["convert", str(library / "vae/ae.safetensors"), "--layout", "diffusers"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words, "--family", "flux1"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    modules = set(done.stdout.rpartition("|")[2].strip().split(","))
    assert not modules & {"torch", "diffusers", "requests", "transformers"}


def test_a_word_does_not_overrule_the_checkpoint_around(vaereg: Vaereg, library: Path) -> None:
    source = library / "checkpoints/harbour_xl.safetensors"
    refused = vaereg("convert", source, "--layout", "diffusers", "--family", "sd1")
    assert (refused.code, refused.out) == (2, "")
    assert "works in sdxl latents, not in sd1 ones" in refused.err
    assert "--family sdxl" in refused.err
    done = vaereg("convert", source, "--layout", "diffusers", "--family", "sdxl")
    assert done.code == 0, done.err
