"""Inside AUTOMATIC1111, reForge and Forge: list, guard and best VAE, and all of it taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrations.conftest import Webui, vae_file

SDXL, SD1, FLUX = "sdxl_vae.safetensors", "vae_final_FIXED.safetensors", "ae.safetensors"
MIRROR = "mirror_sdxl_vae.safetensors"
UNREADABLE = "pony_vae.safetensors"
"""A web page under a model's name: nothing is recorded of it."""
EVERY = ["Automatic", "None", FLUX, MIRROR, UNREADABLE, SDXL, SD1]


def test_the_list_holds_what_fits_the_checkpoint(registry: Path, webui: Webui) -> None:
    webui.select("harbour_xl")
    assert webui.shared_items.sd_vae_items() == ["Automatic", "None", SDXL, UNREADABLE]
    webui.select("forest_v1")
    items = webui.shared_items.sd_vae_items()
    assert set(items) == {"Automatic", "None", SD1, MIRROR, UNREADABLE}
    # The dictionary that names are looked up in is whole.
    assert set(webui.sd_vae.vae_dict) == set(EVERY[2:])


def test_what_is_chosen_stays_in_the_list(registry: Path, webui: Webui) -> None:
    webui.select("harbour_xl")
    webui.shared.opts.data["sd_vae"] = SD1
    assert SD1 in webui.shared_items.sd_vae_items()


@pytest.mark.parametrize("settings", [{"vaereg_filter": False}, {"sd_model_checkpoint": "gone"}])
def test_the_whole_list_where_nothing_is_to_be_filtered(
    registry: Path, webui: Webui, settings: dict[str, object]
) -> None:
    webui.select("harbour_xl")
    webui.shared.opts.data.update(settings)
    assert sorted(webui.shared_items.sd_vae_items()) == sorted(EVERY)


def test_unloading_leaves_the_webui_as_it_was(registry: Path, webui: Webui) -> None:
    webui.select("harbour_xl")
    webui.script_callbacks.run("script_unloaded")
    assert sorted(webui.shared_items.sd_vae_items()) == sorted(EVERY)
    assert webui.shared_items.sd_vae_items.__module__ == "modules.shared_items"
    assert webui.sd_vae.resolve_vae.__module__ == "modules.sd_vae"


def test_another_extension_in_between_is_left_in_place(registry: Path, webui: Webui) -> None:
    ours = webui.shared_items.sd_vae_items
    webui.shared_items.sd_vae_items = lambda: [*ours(), "theirs"]
    webui.select("harbour_xl")
    webui.script_callbacks.run("script_unloaded")
    assert sorted(webui.shared_items.sd_vae_items()) == sorted([*EVERY, "theirs"])


def test_reloading_the_page_wraps_once(registry: Path, webui: Webui) -> None:
    webui.select("harbour_xl")
    for _ in range(3):
        webui.script_callbacks.run("before_ui")
    webui.script_callbacks.run("script_unloaded")
    assert webui.shared_items.sd_vae_items.__module__ == "modules.shared_items"


@pytest.mark.parametrize(
    ("checkpoint", "vae"),
    [("harbour_xl", SDXL), ("harbour_xl", "None"), ("forest_v1", SD1), ("forest_v1", MIRROR)],
)
def test_a_right_pair_makes_its_picture(
    registry: Path, webui: Webui, checkpoint: str, vae: str
) -> None:
    made = webui.make(checkpoint, sd_vae=vae)
    assert (made.steps, made.comments, webui.told.text) == (["init", "sample"], [], "")


@pytest.mark.parametrize(
    ("checkpoint", "vae", "says"),
    [
        ("harbour_xl", SD1, "decodes that of Stable Diffusion 1"),
        ("harbour_xl", FLUX, "the VAE takes 16"),
        ("forest_v1", SDXL, "decodes that of SDXL"),
    ],
)
def test_a_wrong_pair_stops_before_the_first_step(
    registry: Path, webui: Webui, checkpoint: str, vae: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        webui.make(checkpoint, sd_vae=vae)
    assert webui.scripts.reported == []


def test_the_guard_may_warn_or_be_silent(registry: Path, webui: Webui) -> None:
    warned = webui.make("harbour_xl", sd_vae=SD1, vaereg_guard="warn")
    assert warned.steps == ["init", "sample"]
    assert ["does not fit" in text for text in warned.comments] == [True]
    silent = webui.make("harbour_xl", sd_vae=SD1, vaereg_guard="off")
    assert (silent.steps, silent.comments) == (["init", "sample"], [])


def test_a_vae_paired_by_the_start_of_its_name_is_seen_through(
    registry: Path, webui: Webui, tmp_path: Path
) -> None:
    """``Automatic`` takes any listed VAE whose name begins with the checkpoint's."""
    link = tmp_path / "harbour_xl_old.vae.safetensors"
    try:
        link.symlink_to(vae_file(registry, "vae_final_FIXED"))
    except OSError:
        pytest.skip("links are not allowed here")
    webui.sd_vae.vae_dict[link.name] = str(link)
    with pytest.raises(ValueError, match="does not fit"):
        webui.make("harbour_xl", sd_vae="Automatic")


def test_the_best_vae_where_the_webui_finds_none(registry: Path, webui: Webui) -> None:
    def used(checkpoint: str, **settings: object) -> str | None:
        webui.make(checkpoint, **settings)
        return webui.sd_vae.loaded_vae_file

    chosen = {"sd_vae": "Automatic", "vaereg_best": True}
    assert used("pier_xl", **chosen) == vae_file(registry, "sdxl_vae")
    assert used("forest_v1", **chosen) is None
    assert used("pier_xl", sd_vae="None", vaereg_best=True) is None
    assert used("pier_xl", sd_vae="Automatic", vaereg_best=False) is None
    webui.sd_vae.user_metadata["pier_xl"] = "None"
    assert used("pier_xl", **chosen) is None


def test_settings_have_a_section_of_their_own(registry: Path, webui: Webui) -> None:
    labels = webui.shared.opts.data_labels
    assert set(labels) == {"vaereg_guard", "vaereg_filter", "vaereg_best"}
    assert {info.section for info in labels.values()} == {("vaereg", "vaereg")}
    assert labels["vaereg_guard"].component_args == {"choices": ["stop", "warn", "off"]}


def test_without_the_registry_all_is_as_before_and_said_once(
    no_registry: Path, webui: Webui
) -> None:
    for _ in range(2):
        made = webui.make("harbour_xl", sd_vae=SD1, vaereg_best=True)
        assert made.steps == ["init", "sample"]
        assert sorted(webui.shared_items.sd_vae_items()) == sorted(EVERY)
    assert webui.scripts.reported == []
    assert [record.getMessage() for record in webui.told.records] == [
        "vaereg: there is no command 'vaereg': install vaereg, or set VAEREG_COMMAND to its path; "
        "nothing is changed"
    ]


def test_a_webui_that_is_not_known_is_left_alone(
    registry: Path, webui: Webui, monkeypatch: pytest.MonkeyPatch
) -> None:
    webui.script_callbacks.run("script_unloaded")
    monkeypatch.delattr(webui.shared_items, "sd_vae_items")
    monkeypatch.setattr(webui.sd_vae, "resolve_vae", lambda file: (None, None))
    webui.script_callbacks.run("before_ui")
    webui.shared.opts.data["vaereg_best"] = True
    assert webui.sd_vae.resolve_vae("x.safetensors") == (None, None)
    assert "sd_vae_items" in webui.told.text
    assert "is not known" in webui.told.text


def test_a_guard_that_cannot_look_lets_pass(registry: Path, webui: Webui) -> None:
    webui.select("harbour_xl")
    webui.shared.sd_model = None
    picture = webui.processing.Processing(webui.loaded)
    webui.scripts.process(webui.loaded, picture)
    assert webui.scripts.reported == []
    assert "not checked" in webui.told.text


def forge_loads(forge: Webui, checkpoint: str, *names: str) -> object:
    """Make a picture in Forge with these modules beside the checkpoint."""
    files = [forge.entry.module_list[name] for name in names]
    forge.sd_models.model_data.forge_loading_parameters = {
        "checkpoint_info": forge.sd_models.checkpoints_list[f"{checkpoint}.safetensors"],
        "additional_modules": files,
    }
    return forge.make(checkpoint, forge_additional_modules=files)


def test_forge_lists_text_encoders_still(registry: Path, forge: Webui) -> None:
    forge.select("harbour_xl")
    checkpoints, names = forge.entry.refresh_models()
    assert checkpoints == ["a checkpoint"]
    assert names == [SDXL, UNREADABLE, "t5xxl.safetensors"]
    assert len(forge.entry.module_list) == 6


def test_forge_is_guarded_by_its_modules(registry: Path, forge: Webui) -> None:
    assert forge_loads(forge, "harbour_xl", SDXL).steps == ["init", "sample"]
    assert forge_loads(forge, "harbour_xl").steps == ["init", "sample"]
    with pytest.raises(ValueError, match="does not fit"):
        forge_loads(forge, "harbour_xl", "t5xxl.safetensors", SD1)
    forge.script_callbacks.run("script_unloaded")
    assert len(list(forge.entry.refresh_models()[1])) == 6
