"""Names people can type, and texts that cannot harm a terminal."""

from __future__ import annotations

import pytest

from vaereg.registry.naming import display_name, shown


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/m/dreamshaper_8.safetensors", "dreamshaper_8"),
        ("/m/anime.vae.pt", "anime.vae"),
        ("/m/MODEL.CKPT", "MODEL"),
        ("/m/sdxl-vae", "sdxl-vae"),
        ("/m/v1.5-pruned.emaonly", "v1.5-pruned.emaonly"),
        ("/c/hub/models--stabilityai--sdxl-vae/snapshots/6f5909a7", "stabilityai/sdxl-vae"),
        ("/c/hub/models--a--b/snapshots/6f59/vae", "a/b/vae"),
    ],
)
def test_a_model_goes_by_its_file_name(path: str, name: str) -> None:
    assert display_name(path) == name


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain - ünï 漢字 😀", "plain - ünï 漢字 😀"),
        ("red \x1b[31m", "red \\u001b[31m"),
        ("c1 \x9b31m", "c1 \\u009b31m"),
        ("rtl \u202egpj", "rtl \\u202egpj"),
        ("line\nbreak\r\t", "line\\u000abreak\\u000d\\u0009"),
        ("byte \udc80", "byte \\udc80"),
        ("nul \x00", "nul \\u0000"),
    ],
)
def test_control_characters_are_spelt_out(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_long_texts_are_cut() -> None:
    assert len(shown("x" * 10_000)) == 201
