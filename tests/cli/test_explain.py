"""``vaereg explain`` as a user runs it: a pasted error in, the cause and the VAE that fits out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg

ERROR = (
    "got prompt\n!!! Exception during processing !!! Given groups=1, weight of size "
    "[512, 16, 3, 3], expected input[1, 4, 128, 32] to have 16 channels, but got 4 channels instead"
)
KEYS = {"id", "title", "cause", "frontends", "channels", "families", "cures", "source", "match"}


def feed(data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "vaereg", "explain", *words],
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_the_document_and_no_registry_is_made(vaereg: Vaereg, own_home: Path) -> None:
    run = vaereg("explain", ERROR, "--json")
    assert run.code == 0
    document = run.document
    assert set(document) == {"explanations", "fitting", "hint"}
    (one,) = document["explanations"]
    assert set(one) == KEYS
    assert one["channels"] == {"model": 4, "vae": 16, "latents": None}
    assert "sdxl" in one["families"]["model"]
    assert one["frontends"] == ["ComfyUI"]
    assert {cure["frontend"] for cure in one["cures"]} == {None, "ComfyUI"}
    assert document["fitting"] == []
    assert "--model" in document["hint"]
    assert not own_home.exists()


def test_with_a_checkpoint_its_vaes_are_told(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    document = vaereg("explain", ERROR, "--model", "harbour_xl", "--json").document
    (fits,) = document["fitting"]
    assert fits["checkpoint"]["name"] == "harbour_xl"
    assert fits["vaes"][0]["baked"] is True
    assert "ae" not in [fit["name"] for fit in fits["vaes"]]
    assert "harbour_xl" in document["hint"]


def test_models_that_the_log_names_are_judged(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    log = (
        "Loading weights [0] from /x/forest_v1.safetensors\n"
        "Loading VAE weights specified in settings: /x/VAE/ae.safetensors"
    )
    run = vaereg("explain", log, "--json")
    (fits,) = run.document["fitting"]
    assert fits["checkpoint"]["name"] == "forest_v1"
    assert [(fit["name"], fit["verdict"]) for fit in fits["named"]] == [("ae", "incompatible")]
    words = vaereg("explain", log).out
    assert "incompatible" in words
    assert "its baked VAE" in words


def test_without_a_name_the_checkpoints_of_so_many_channels(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    names = [
        fits["checkpoint"]["name"]
        for fits in vaereg("explain", ERROR, "--json").document["fitting"]
    ]
    assert names == ["forest_v1", "harbour_xl"]
    mirrored = ERROR.replace("[512, 16, 3, 3]", "[4, 4, 1, 1]").replace("[1, 4,", "[1, 16,")
    mirrored = mirrored.replace("have 16", "have 4").replace("got 4 ", "got 16 ")
    (loose,) = vaereg("explain", mirrored, "--json").document["fitting"]
    # No checkpoint of 16 channels is recorded: the VAE of so many is told, and nothing promised.
    assert loose["checkpoint"] is None
    assert [(fit["name"], fit["verdict"]) for fit in loose["vaes"]] == [("ae", "unknown")]


def test_a_path_that_is_not_recorded_yet(vaereg: Vaereg, library: Path) -> None:
    path = library / "checkpoints/forest_v1.safetensors"
    run = vaereg("explain", "VAE is invalid: None", "--model", path, "--json")
    assert run.document["fitting"][0]["checkpoint"]["path"] == str(path)
    vae = vaereg("explain", ERROR, "--model", library / "vae/ae.safetensors", "--json")
    assert (vae.code, vae.document["error"]["code"]) == (1, "unsupported_format")


def test_nothing_recognised_is_said_plainly(vaereg: Vaereg, tmp_path: Path) -> None:
    run = vaereg("explain", "it does not work", "--json")
    assert (run.code, run.document["explanations"]) == (4, [])
    assert "vaereg check" in run.document["hint"]
    (tmp_path / "console.log").write_text(ERROR, "utf-8")
    assert "< console.log" in vaereg("explain", "console.log").out


@pytest.mark.parametrize("words", [(), ("-",)])
def test_a_log_from_stdin(words: tuple[str, ...]) -> None:
    log = b"\xff\x00 noise\n" * 900_000 + ERROR.encode()
    done = feed(log, *words)
    assert done.returncode == 0, done.stderr
    assert b"16 channels" in done.stdout


def test_no_text_is_wrong_usage_and_says_how(vaereg: Vaereg) -> None:
    for done in (feed(b""), feed(b" \n\t"), feed(b"", "")):
        assert done.returncode == 2
        assert b"vaereg explain <" in done.stderr
    assert vaereg("explain", "x", "--frontend", "paint").code == 2


def test_a_terminal_without_input_is_not_waited_for() -> None:
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vaereg", "explain"],
            stdin=theirs,
            capture_output=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"there is no text to explain" in done.stderr


def test_a_log_cannot_write_on_the_terminal(vaereg: Vaereg) -> None:
    run = vaereg("explain", "vae_name: 'a\x1b[2J\x1b]0;x\x07b.pt' not in []")
    assert run.code == 0
    assert "\x1b" not in run.out + run.err
    assert "\x07" not in run.out + run.err


def test_torch_and_the_database_stay_out_of_it() -> None:
    script = (
        "import sys; from vaereg.cli.main import main\n"
        "try: main(['explain', 'VAE is invalid: None'])\n"
        "except SystemExit: pass\n"
        "print('|' + ','.join(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.rpartition("|")[2].strip().split(","))
    assert not loaded & {"torch", "numpy", "sqlalchemy", "requests", "huggingface_hub", "diffusers"}
