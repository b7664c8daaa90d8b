"""Names from servers: none leaves its folder, none harms a terminal or another system."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaereg.registry.errors import UnsupportedFormat, UsageError
from vaereg.registry.transfer.file_names import LONGEST, beside, clean_name

CASES = {
    "vae-ft-mse-840000-ema-pruned.safetensors": "vae-ft-mse-840000-ema-pruned.safetensors",
    "../../etc/cron.d/model.pt": "model.pt",
    "C:\\Windows\\system32\\vae.ckpt": "vae.ckpt",
    "..": "model",
    "": "model",
    "/": "model",
    "...safetensors": "safetensors",
    "-rf.pt": "rf.pt",
    "~root.bin": "root.bin",
    ".hidden.json": "hidden.json",
    "con.safetensors": "_con.safetensors",
    "NUL": "_NUL",
    "com1.tar.bin": "_com1.tar.bin",
    "a\u202etxt.bin": "atxt.bin",
    "a\x00b\n\x1b[31m.pt": "ab[31m.pt",
    'v<a>e:"|?*.gguf': "vae.gguf",
    "e\u0301.safetensors": "\u00e9.safetensors",
    "vae.safetensors. .": "vae.safetensors",
    "stream.pt:ads.pt": "stream.ptads.pt",
    "model.v1.5": "model.v1.5",
    "VAE.SAFETENSORS": "VAE.SAFETENSORS",
    "diffusion_pytorch_model.safetensors.index.json": (
        "diffusion_pytorch_model.safetensors.index.json"
    ),
    "\u732b.safetensors": "\u732b.safetensors",
}


@pytest.mark.parametrize(("name", "clean"), CASES.items(), ids=[ascii(name) for name in CASES])
def test_a_name_is_made_safe(name: str, clean: str) -> None:
    assert clean_name(name, "model") == clean


@pytest.mark.parametrize("name", ["setup.exe", "x.py", "images.zip", "a.safetensors.lnk", "r.md"])
def test_what_is_no_model_by_its_name_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedFormat, match="by its name"):
        clean_name(name, "model")


def test_a_long_name_keeps_its_extension() -> None:
    name = clean_name("\u732b" * 300 + ".safetensors", "model")
    assert len(name.encode()) <= LONGEST
    assert name.endswith("\u732b.safetensors")


def test_a_second_file_of_a_name_gets_a_mark() -> None:
    assert beside("a.safetensors", "0123abcd") == "a-0123abcd.safetensors"
    assert len(beside("x" * 188 + ".safetensors", "0123abcd").encode()) <= LONGEST


def test_nothing_at_all_is_no_name() -> None:
    with pytest.raises(UsageError):
        clean_name("..", "//")


@given(st.text(max_size=300))
def test_whatever_a_server_says(name: str) -> None:
    try:
        clean = clean_name(name, "model")
    except UnsupportedFormat:
        return
    assert 0 < len(clean.encode()) <= LONGEST
    assert not set(clean) & set('/\\<>:"|?*\0')
    assert clean[0] not in ".-~ "
    assert clean[-1] not in ". "
    assert not any(unicodedata.category(letter)[0] == "C" for letter in clean)
    assert clean_name(clean, "model") == clean
