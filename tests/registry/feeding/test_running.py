"""A running frontend is told, asked again, and told what it was before on undoing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.registry.feeding.cases import World
from tests.registry.frontends import trees, trees_other
from tests.registry.frontends.trees import CHECKPOINT, models
from tests.servers.frontends import FakeA1111, FakeForge, FakeInvoke, Frontend
from vaereg.registry.changes.reports import Report
from vaereg.registry.changes.undoing import undo
from vaereg.registry.errors import Offline
from vaereg.registry.feeding.catalog import feeder
from vaereg.registry.feeding.running import Running, running

NAME = "photo.safetensors"
PHOTO = f"models/Stable-diffusion/{NAME}"
FILES = models(f"Stable-diffusion/{NAME}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(world: World, root: Path, server: Frontend, **more) -> tuple[Running, Report]:
    order = world.order(root, live=True, **more)
    act = feeder(order.installation.frontend).apply
    assert act is not None
    feed = act(order)
    live = running(order, feed, server.url)
    assert not server.sent("POST", "PATCH", "DELETE")
    return live, live.carry_out(feed.plan, str(world.home / "changes"))


def test_a1111_lets_each_checkpoints_own_choice_count(world: World) -> None:
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "x.pt"}, files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    config = (root / "config.json").read_bytes()
    with FakeA1111() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        server.settings["sd_vae"] = "x.pt"
        live, report = told(world, root, server, vaes=[mse])
        assert report.complete
        assert server.settings["sd_vae"] == "Automatic"
        assert [one.took for one in live.confirmed] == [True]
        assert (root / "config.json").read_bytes() == config
        beside = json.loads((root / PHOTO).with_suffix(".json").read_text())
        assert beside == {"vae": "mse.safetensors"}
        assert undo(str(world.home / "changes"), send=live.send).complete
        assert server.settings["sd_vae"] == "x.pt"
    assert not (root / PHOTO).with_suffix(".json").exists()


def test_forge_gets_checkpoint_and_module_together_and_keeps_the_rest(world: World) -> None:
    root = trees.forge(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    shown = root / "models/VAE/mse.safetensors"
    shown.symlink_to(mse.path or "")
    with FakeForge() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        server.files = {"mse.safetensors": str(shown), "t5.safetensors": "/m/text_encoder/t5"}
        server.settings["forge_additional_modules"] = ["/m/text_encoder/t5"]
        _, report = told(world, root, server, vaes=[mse])
        assert report.complete
        body = json.loads(server.sent("POST")[0].body)
        assert set(body) == {"forge_additional_modules", "sd_model_checkpoint"}


def test_forge_does_not_see_a_new_link_and_that_is_said(world: World) -> None:
    root = trees.forge(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    with FakeForge() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        live, report = told(world, root, server, vaes=[mse])
        assert (root / "models/VAE/mse.safetensors").exists()
        assert not server.sent("POST")
        assert report.complete
        assert "press refresh" in live.refused[0].why


def test_a_web_ui_that_keeps_its_setting_is_a_failure(world: World) -> None:
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "x.pt"}, files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    with FakeA1111() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        server.settings["sd_vae"] = "x.pt"
        server.broken = {"Automatic"}
        _, report = told(world, root, server, vaes=[mse])
    assert not report.complete
    assert report.of("failed")


def test_one_that_does_not_answer_has_nothing_changed(world: World) -> None:
    root = trees.a1111(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    with FakeA1111() as server:
        gone = server.url
    order = world.order(root, vaes=[mse], live=True)
    act = feeder("a1111").apply
    assert act is not None
    with pytest.raises(Offline):
        running(order, act(order), gone)
    assert not (root / PHOTO).with_suffix(".json").exists()


def test_invokeai_installs_in_place_and_sets_the_main_model(world: World) -> None:
    files = {"photo.safetensors": CHECKPOINT}
    record = trees_other.record(
        "main-sd", str(world.folder / "ui/photo.safetensors"), base="sd-1", type="main"
    )
    root = trees_other.invokeai(world.folder / "ui", [record], files)
    world.checkpoint(root / "photo.safetensors")
    mse = world.vae("mse.safetensors")
    inside = world.folder / "invoke-models"
    inside.mkdir()
    with FakeInvoke(inside) as server:
        server.add("main-sd", path=record["path"], base="sd-1", default_settings={"steps": 9})
        live, report = told(world, root, server, vaes=[mse])
        assert report.complete
        assert Path(mse.path or "").exists()
        key = server.records["main-sd"]["default_settings"]["vae"]
        assert server.records[key]["path"] == mse.path
        assert server.records["main-sd"]["default_settings"]["steps"] == 9
        assert undo(str(world.home / "changes"), send=live.send).complete
        assert list(server.records) == ["main-sd"]
        assert server.records["main-sd"]["default_settings"] == {"steps": 9}


def test_without_an_address_invokeais_requests_are_to_paste(world: World) -> None:
    path = str(world.folder / "ui/photo.safetensors")
    record = trees_other.record("main-sd", path, base="sd-1", type="main")
    root = trees_other.invokeai(world.folder / "ui", [record], {"photo.safetensors": CHECKPOINT})
    world.checkpoint(root / "photo.safetensors")
    mse = world.vae("mse.safetensors")
    plan = world.applied(root, vaes=[mse]).plan
    assert not plan.changes
    texts = " ".join(text for _, text in plan.snippets)
    assert "inplace=true" in texts
    assert "/api/v2/models/i/main-sd" in texts
