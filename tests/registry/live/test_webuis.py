"""The VAE set in a running AUTOMATIC1111 or Forge, read again, and what stands against it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.registry.identify.text_headers import clip
from tests.registry.live.conftest import XL
from tests.servers.base import Reply
from tests.servers.frontends import FakeA1111, FakeForge
from vaereg.registry.changes.engine import carry_out
from vaereg.registry.changes.undoing import undo
from vaereg.registry.errors import Ambiguous, DownloadBroken, NotFound
from vaereg.registry.live.catalog import connect

TITLE = "sub/photo.safetensors"
MODULES = "forge_additional_modules"
TEXTS = ["/m/text_encoder/clip_l.safetensors", "/m/text_encoder/t5.safetensors"]


def changes(server) -> list[dict]:
    """The bodies of what was posted to the settings."""
    posted = [one for one in server.sent("POST") if one.path.endswith("/options")]
    return [json.loads(one.body) for one in posted]


def take_back(live, done) -> None:
    for call in reversed(done.calls):
        live.send(*call.undo)


def test_a1111_takes_a_vae(a1111: FakeA1111, models: Path) -> None:
    live = connect(a1111.url)
    assert live.current_vae() == "Automatic"
    done = live.set_vae(str(models / "VAE/good.safetensors"))
    assert (done.before, done.now, done.took) == ("Automatic", "good.safetensors", True)
    assert a1111.loaded == str(models / "VAE/good.safetensors")
    assert changes(a1111) == [{"sd_vae": "good.safetensors"}]
    assert live.set_vae("good").calls == ()
    take_back(live, done)
    assert live.current_vae() == "Automatic"


@pytest.mark.parametrize(("vae", "name"), [(None, "None"), ("Automatic", "Automatic")])
def test_a1111_takes_the_words_of_its_list(a1111: FakeA1111, vae: str | None, name: str) -> None:
    a1111.settings["sd_vae"] = "good.safetensors"
    assert connect(a1111.url).set_vae(vae).now == name


def test_a1111_answers_200_for_a_vae_that_it_cannot_load(a1111: FakeA1111) -> None:
    a1111.broken = {"good.safetensors"}
    done = connect(a1111.url).set_vae("good.safetensors")
    assert (done.now, done.took, done.calls) == ("Automatic", False, ())
    assert "could not load good.safetensors" in done.message


def test_a1111_would_take_an_unknown_name_for_none(a1111: FakeA1111) -> None:
    with pytest.raises(NotFound, match=r"lists no VAE missing\.pt") as caught:
        connect(a1111.url).set_vae("missing.pt")
    assert "good.safetensors, other.safetensors" in (caught.value.hint or "")
    assert changes(a1111) == []


def test_a1111_looks_into_its_folders_again(a1111: FakeA1111) -> None:
    a1111.hidden = {"new.safetensors": "/m/VAE/new.safetensors"}
    assert connect(a1111.url).set_vae("new").took


def test_a1111_with_a_forced_vae_is_left_alone(a1111: FakeA1111) -> None:
    a1111.flags["vae_path"] = "/m/forced.pt"
    live = connect(a1111.url)
    done = live.set_vae("good")
    assert not done.took
    assert "--vae-path /m/forced.pt" in done.message
    assert live.current_vae() == "/m/forced.pt"
    assert live.plan_vae("good").changes == () == done.calls
    assert changes(a1111) == []


def test_a1111_prefers_its_own_pairing_where_the_user_says_so(a1111: FakeA1111) -> None:
    a1111.settings["sd_vae_overrides_per_model_preferences"] = False
    done = connect(a1111.url).set_vae("good")
    assert done.took
    assert "metadata would win" in done.message
    a1111.files["xl-v2.vae.pt"] = "/m/VAE/xl-v2.vae.pt"
    done = connect(a1111.url).set_vae("good")
    assert not done.took
    assert "xl-v2.vae.pt begins with the checkpoint's name" in done.message


def test_a1111_changes_the_checkpoint_too(a1111: FakeA1111) -> None:
    live = connect(a1111.url)
    done = live.set_vae("good", "photo")
    assert done.took
    assert a1111.settings["sd_model_checkpoint"] == TITLE
    assert list(changes(a1111)[0]) == ["sd_model_checkpoint", "sd_vae"]
    take_back(live, done)
    assert (a1111.settings["sd_model_checkpoint"], a1111.settings["sd_vae"]) == (XL, "Automatic")


def test_another_file_of_that_name_is_not_taken_for_it(a1111: FakeA1111, models: Path) -> None:
    with pytest.raises(NotFound, match=r"but that is .*VAE/good\.safetensors, another file"):
        connect(a1111.url).set_vae(str(models / "elsewhere/good.safetensors"))
    assert changes(a1111) == []


def test_a_link_to_the_file_is_the_file(a1111: FakeA1111, models: Path) -> None:
    os.link(models / "VAE/good.safetensors", models / "linked.safetensors")
    a1111.files = {"sdxl__good.safetensors": str(models / "linked.safetensors")}
    done = connect(a1111.url).set_vae(str(models / "VAE/good.safetensors"))
    assert (done.now, done.took) == ("sdxl__good.safetensors", True)


def test_a_file_that_this_machine_does_not_see_is_compared_by_name(a1111: FakeA1111) -> None:
    a1111.files = {"good.safetensors": "/data/models/good.safetensors"}
    done = connect(a1111.url).set_vae("/home/me/good.safetensors")
    assert done.took
    assert "Only the file's name was compared" in done.message


@pytest.mark.parametrize("rows", [{}, [1], [{"filename": "x"}], [{"model_name": 3}]])
def test_a_list_that_is_none_is_an_error(a1111: FakeA1111, rows: object) -> None:
    live = connect(a1111.url)
    a1111.fixed["/sdapi/v1/sd-vae"] = Reply.of_json(rows)
    with pytest.raises(DownloadBroken, match="does not answer with a list of its models"):
        live.models("vae")


def test_forge_keeps_the_text_encoders(forge: FakeForge, models: Path) -> None:
    good, other = (str(models / f"VAE/{name}.safetensors") for name in ("good", "other"))
    forge.settings[MODULES] = [TEXTS[0], other, TEXTS[1]]
    live = connect(forge.url)
    assert live.current_vae() == other
    done = live.set_vae(good)
    assert done.took, done.message
    assert changes(forge) == [{"sd_model_checkpoint": XL, MODULES: [*TEXTS, good]}]
    assert (done.before, done.now) == (other, good)
    assert live.set_vae("good").calls == ()
    take_back(live, done)
    assert forge.settings[MODULES] == [TEXTS[0], other, TEXTS[1]]


def test_forge_without_a_vae_uses_the_checkpoints_own(forge: FakeForge, models: Path) -> None:
    forge.settings[MODULES] = [TEXTS[0], str(models / "VAE/other.safetensors")]
    done = connect(forge.url).set_vae(None, TITLE)
    assert (done.now, done.took) == (None, True)
    assert (forge.settings[MODULES], forge.settings["sd_model_checkpoint"]) == (TEXTS[:1], TITLE)


def test_forge_ignores_sd_vae(forge: FakeForge) -> None:
    forge.settings["sd_vae"] = "good.safetensors"
    live = connect(forge.url)
    assert live.current_vae() is None
    live.set_vae("good")
    assert all("sd_vae" not in body for body in changes(forge))


def test_a_text_encoder_in_the_vae_folder_is_told_by_its_header(
    forge: FakeForge, models: Path
) -> None:
    path = models / "VAE/clip.safetensors"
    write_safetensors(path, clip())
    forge.files["clip.safetensors"] = str(path)
    forge.settings[MODULES] = [str(path)]
    done = connect(forge.url).set_vae("good")
    assert done.took
    assert str(path) in forge.settings[MODULES]
    with pytest.raises(NotFound, match=r"clip\.safetensors is no VAE"):
        connect(forge.url).set_vae("clip")


def test_forge_drops_what_it_does_not_know(forge: FakeForge) -> None:
    lost = "/m/text_encoder/gone.safetensors"
    forge.settings[MODULES] = [lost]
    done = connect(forge.url).set_vae("good")
    assert not done.took
    assert f"dropped {lost}" in done.message
    assert done.calls[0].undo[2][MODULES] == [lost]


def test_forge_lists_a_module_no_more_when_it_is_set(forge: FakeForge) -> None:
    live = connect(forge.url)
    rows = [{"model_name": "late.safetensors", "filename": "/m/VAE/late.safetensors"}]
    forge.fixed["/sdapi/v1/sd-modules"] = Reply.of_json(rows)
    done = live.set_vae("late")
    assert (done.took, done.now) == (False, None)
    assert "dropped late.safetensors without a word" in done.message


def test_neo_sorts_and_keeps_a_list_for_each_preset(forge: FakeForge, models: Path) -> None:
    forge.sorts = True
    forge.flags |= {"vae_dirs": [str(models / "VAE")], "text_encoder_dirs": ["/m/zz"]}
    forge.files["zz.safetensors"] = "/m/zz/zz.safetensors"
    forge.settings |= {
        MODULES: ["/m/zz/zz.safetensors"],
        "forge_preset": "xl",
        f"{MODULES}_xl": [],
    }
    done = connect(forge.url).set_vae("good")
    assert done.took
    assert "for the preset xl" in done.message
    assert forge.settings[MODULES][0] == "/m/zz/zz.safetensors"


def test_forge_lists_modules_by_what_they_are(forge: FakeForge) -> None:
    live = connect(forge.url)
    assert [one.name for one in live.models("vae")] == ["good.safetensors", "other.safetensors"]
    assert [one.path for one in live.models("text_encoder")] == TEXTS
    assert [one.name for one in live.models("checkpoint")] == [XL, TITLE]


def test_a_name_for_several_is_asked_back(forge: FakeForge) -> None:
    forge.files["good.pt"] = "/m/VAE/good.pt"
    with pytest.raises(Ambiguous, match=r"good\.safetensors, good\.pt"):
        connect(forge.url).set_vae("good")


def test_a_fault_of_the_web_ui_is_told_in_its_words(forge: FakeForge) -> None:
    live = connect(forge.url)
    forge.settings["sd_model_checkpoint"] = "gone.safetensors"
    with pytest.raises(DownloadBroken, match=r"model 'gone\.safetensors' not found"):
        live.set_vae("good")


def test_a_plan_is_carried_out_confirmed_and_undone(forge: FakeForge, tmp_path: Path) -> None:
    forge.settings[MODULES] = TEXTS[:1]
    live, journal = connect(forge.url), str(tmp_path / "journal")
    carry_out(live.plan_vae("good"), journal, live.send)
    done = live.set_vae("good")
    assert (done.took, done.calls) == (True, ())
    undo(journal, take_back=live.take_back)
    assert forge.settings[MODULES] == TEXTS[:1]
