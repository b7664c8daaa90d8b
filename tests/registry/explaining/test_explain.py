"""Texts that frontends leave: what they mean, whose they are, and what cures them."""

from __future__ import annotations

import io
import time

import pytest

from tests.registry.explaining.messages import HARMLESS, MESSAGES, Message, groups, mismatch
from vaereg.registry.explaining.explain import explain, of_channels
from vaereg.registry.explaining.reading import HALF, decoded, folded, read
from vaereg.registry.explaining.values import Explanation

ALPHA = groups("512, 16, 3, 3", "1, 4, 128, 32")


def ids(text: str, frontend: str | None = None) -> list[str]:
    return [one.failure.id for one in explain(text, frontend)]


def only(text: str, frontend: str | None = None) -> Explanation:
    (one,) = explain(text, frontend)
    return one


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.id)
def test_a_message_is_explained_as_itself_and_nothing_else(message: Message) -> None:
    one = only(message.text)
    assert one.failure.id == message.id
    known = one.channels
    assert (known.model, known.vae, known.latents) == message.channels
    assert "{" not in one.cause
    assert one.cures


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.id)
@pytest.mark.parametrize("kind", ["wrapped", "coloured", "upper", "stamped"])
def test_however_a_console_shows_it(message: Message, kind: str) -> None:
    text = {
        "wrapped": message.text.replace(" ", "\r\n                    "),
        "coloured": f"\x1b[31;1m{message.text[:20]}\x1b[0m{message.text[20:]}\x1b[0m",
        "upper": message.text.upper(),
        "stamped": f"2024-09-12 12:58:08,151 - root - ERROR - !!! {message.text}\n100%|██",
    }[kind]
    assert ids(text) == [message.id]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_failure_is_not_explained(text: str) -> None:
    assert explain(text) == ()


def test_channels_lead_to_the_families_of_that_many() -> None:
    one = only(ALPHA)
    assert {"sd1", "sdxl"} <= set(one.families["model"])
    assert {"flux1", "sd3"} <= set(one.families["vae"])
    # Latents of four numbers are an image's.
    assert not {"wan21", "hunyuan-video"} & set(one.families["vae"])
    assert "wan21" in only(groups("48, 48, 1, 1, 1", "1, 16, 21, 8, 8")).families["model"]
    assert "flux2" in of_channels(128, 2)


def test_the_mirrored_case_is_not_mixed_up() -> None:
    wrong, mirrored = only(ALPHA), only(groups("4, 4, 1, 1", "1, 16, 64, 64"))
    assert (wrong.channels.vae, wrong.channels.model) == (16, 4)
    assert (mirrored.channels.vae, mirrored.channels.model) == (4, 16)


def test_numbers_that_no_latents_have_make_no_vae() -> None:
    assert ids(groups("512, 16, 3, 3", "1, 77, 8, 8")) == ["convolution-of-other-channels"]
    assert ids(groups("64, 64, 1, 1", "1, 32, 8, 8")) == ["convolution-of-other-channels"]
    wall = mismatch("encoder.conv_out.weight", "7, 512, 3, 3", "8, 512, 3, 3")
    assert ids(wall) == ["vae-shapes-refused"]
    # Equal channels in another width are no matter of channels.
    wall = mismatch("decoder.conv_in.weight", "512, 4, 3, 3", "64, 4, 3, 3")
    assert ids(wall) == ["vae-shapes-refused"]


def test_several_failures_are_all_told_the_most_telling_first() -> None:
    text = "\n".join(message.text for message in reversed(MESSAGES))
    told = ids(text)
    assert told[0] == "vae-of-other-channels"
    assert len(set(told)) >= 40
    log = "\n".join(("No VAE weights detected", "invalid value encountered in cast", ALPHA, ALPHA))
    assert ids(log) == ["vae-of-other-channels", "no-vae-in-checkpoint", "nan-decoded"]


def test_two_cases_of_one_failure_are_both_told_equal_ones_once() -> None:
    other = groups("4, 4, 1, 1", "1, 16, 64, 64")
    told = explain("\n".join((ALPHA, other, ALPHA, other)))
    assert [one.channels.vae for one in told] == [4, 16] or [one.channels.vae for one in told] == [
        16,
        4,
    ]


def test_the_telling_line_at_the_end_of_a_wall_is_found() -> None:
    wall = [mismatch(f"model.diffusion_model.out.{n}.weight", "1", "2") for n in range(900)]
    wall.append(mismatch("decoder.conv_in.weight", "512, 16, 3, 3", "512, 4, 3, 3"))
    told = explain("\n".join(wall))
    assert [one.failure.id for one in told] == [
        "vae-of-other-channels-refused",
        "denoiser-shapes-refused",
    ]


@pytest.mark.parametrize(
    ("trace", "frontend"),
    [
        ('File "C:\\ComfyUI_windows_portable\\ComfyUI\\execution.py", line 323', "ComfyUI"),
        ('File "/home/x/stable-diffusion-webui/modules/call_queue.py"', "A1111"),
        ('File "/x/stable-diffusion-webui-forge/modules_forge/main_thread.py"', "Forge"),
        ("INFO Starting SD.Next", "SD.Next"),
        ('File "lib/site-packages/diffusers/models/autoencoder_kl.py"', "diffusers"),
    ],
)
def test_the_cures_are_those_of_the_frontend_whose_log_it_is(trace: str, frontend: str) -> None:
    one = only(f"{trace}\n{ALPHA}")
    assert one.frontends == (frontend,)
    assert {cure.frontend for cure in one.cures} == {None, frontend}


def test_diffusers_inside_another_frontend_is_that_frontends() -> None:
    trace = "invokeai/backend/x.py\nlib/site-packages/diffusers/models/autoencoder_kl.py"
    assert only(f"{trace}\n{ALPHA}").frontends == ("InvokeAI",)


def test_the_frontend_that_is_named_counts_more_than_traces() -> None:
    one = only(f"got prompt\n{ALPHA}", "Forge")
    assert {cure.frontend for cure in one.cures} == {None, "Forge"}
    # Only ComfyUI says this, whatever is named.
    assert only("VAE is invalid: None", "A1111").frontends == ("ComfyUI", "SwarmUI")


def test_what_starts_other_frontends_leaves_the_traces_theirs() -> None:
    assert only(f"got prompt\n{ALPHA}", "StabilityMatrix").frontends == ("ComfyUI",)


def test_the_switches_of_half_precision_are_a_cure_of_nan() -> None:
    text = "A tensor with all NaNs was produced in VAE."
    comfy = [cure.text for cure in only(text, "ComfyUI").cures]
    assert any("--fp32-vae" in cure for cure in comfy)
    forge = " ".join(cure.text for cure in only(text, "Forge").cures)
    # Forge takes --no-half-vae and reads it nowhere.
    assert "--vae-in-fp32" in forge
    assert "--no-half-vae" not in forge


def test_names_and_matches_are_made_harmless() -> None:
    text = "Value not in list: vae_name: 'a\x1b]0;x\x07\u202eb{0}.pt' not in []"
    one = only(text)
    assert "{0}" in one.cause
    for shown in (one.cause, one.match):
        assert not any(letter in shown for letter in "\x1b\x07\u202e")


HOSTILE = {
    "beginnings": "Given groups=1, weight of size [",
    "almost": ALPHA[:-30] + " ",
    "digits": "Given groups=1, weight of size [" + "9" * 500,
    "commas": "Given groups=1, weight of size [" + "1, " * 300,
    "walls": "size mismatch for " + "encoder.mid.attn" * 6 + " ",
    "dots": "size mismatch for " + "a." * 60,
    "classes": "in loading state_dict for " + "vaeAutoencod" * 8,
    "quotes": "vae_name: '",
    "paths": "Loading VAE weights found near the checkpoint: " + "a.p" * 200,
    "escapes": "\x1b[",
    "blanks": " \n\t",
    "letters": "\u0130\u212a\u017f",
    "memory": "CUDA out of memory decode_",
    "surrogates": "\udcff\ud800",
}


LONGEST = {"beginnings", "almost", "walls", "letters"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_megabytes_of_hostile_text_take_a_moment(kind: str) -> None:
    size = 5_000_000 if kind in LONGEST else 500_000
    text = (HOSTILE[kind] * (size // len(HOSTILE[kind]) + 1))[:size]
    began = time.process_time()
    told = explain(text)
    # 1 to 2 s for the longest on one core; a pattern that blows up would take hours.
    assert time.process_time() - began < 20
    assert len(told) <= 3


def test_the_end_of_an_endless_log_is_read() -> None:
    data = b"start " + b"x" * (5 * HALF) + ALPHA.encode()
    kept = read(io.BytesIO(data))
    assert len(kept) <= 2 * HALF
    assert kept.startswith(b"start ")
    assert ids(decoded(kept)) == ["vae-of-other-channels"]
    assert read(io.BytesIO(b"short")) == b"short"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_logs_of_every_shell(encoding: str) -> None:
    assert ids(decoded(f"é\n{ALPHA}".encode(encoding))) == ["vae-of-other-channels"]
    assert "\ufffd" in decoded(b"\xff\x00garbage\xfe")


def test_lower_case_keeps_every_letter_in_its_place() -> None:
    letters = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000))))
    assert len(folded(letters)) == len(letters)
