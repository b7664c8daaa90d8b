"""A running frontend is told, asked again, and told what it was before on undoing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.registry.feeding.cases import World
from tests.registry.frontends import trees, trees_other
from tests.registry.frontends.trees import CHECKPOINT, models
from tests.servers.frontends import FakeA1111, FakeComfy, FakeForge, FakeInvoke, Frontend
from vaereg.registry.changes.reports import Report
from vaereg.registry.changes.undoing import journals, undo
from vaereg.registry.errors import NotFound, Offline
from vaereg.registry.feeding.catalog import feeder
from vaereg.registry.feeding.running import Running, running
from vaereg.registry.live.client import Client

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
        assert undo(str(world.home / "changes"), take_back=live.live.take_back).complete
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
        assert undo(str(world.home / "changes"), take_back=live.live.take_back).complete
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


def posted(server: Frontend) -> list[dict]:
    """The bodies of what was posted to the settings."""
    sent = [one for one in server.sent("POST") if one.path.endswith("/options")]
    return [json.loads(one.body) for one in sent]


@pytest.fixture
def webui(world: World):
    """A web UI whose setting stands against every choice, and a VAE for its checkpoint."""
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "x.pt"}, files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    with FakeA1111() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        server.settings |= {"sd_vae": "x.pt", "sd_model_checkpoint": NAME}
        yield root, mse, server


def test_without_the_frontend_its_request_stays_to_be_undone(world: World, webui) -> None:
    root, mse, server = webui
    live, _ = told(world, root, server, vaes=[mse])
    folder = str(world.home / "changes")
    report = undo(folder)
    (left,) = report.of("left")
    assert f"vaereg apply --undo 0001 --url {server.url}" in left.why
    assert not (root / PHOTO).with_suffix(".json").exists()
    (run,) = journals(folder)
    assert (run.undone, run.partly_undone, len(run.open)) == (False, True, 1)
    with pytest.raises(NotFound) as caught:
        undo(folder)
    assert caught.value.hint == f"vaereg apply --undo 0001 --url {server.url}"
    assert undo(folder, take_back=live.live.take_back, url=live.live.url).complete
    assert server.settings["sd_vae"] == "x.pt"
    assert journals(folder)[0].undone


def test_what_the_user_chose_since_is_left(world: World, webui) -> None:
    root, mse, server = webui
    live, _ = told(world, root, server, vaes=[mse])
    server.settings["sd_vae"] = "mine.pt"
    report = undo(str(world.home / "changes"), take_back=live.live.take_back)
    assert "sd_vae is mine.pt by now" in report.of("left")[0].why
    assert server.settings["sd_vae"] == "mine.pt"
    assert journals(str(world.home / "changes"))[0].undone


def test_undoing_that_does_not_take_is_told_and_can_be_tried_again(world: World, webui) -> None:
    root, mse, server = webui
    live, _ = told(world, root, server, vaes=[mse])
    server.broken = {"x.pt"}
    folder = str(world.home / "changes")
    report = undo(folder, take_back=live.live.take_back)
    assert "sd_vae is Automatic and not x.pt" in report.of("failed")[0].why
    server.broken = set()
    assert undo(folder, "1", live.live.take_back).complete
    assert server.settings["sd_vae"] == "x.pt"


def test_before_is_what_was_set_before(world: World, webui) -> None:
    root, mse, server = webui
    live, _ = told(world, root, server, vaes=[mse])
    assert [(one.before, one.now) for one in live.confirmed] == [("x.pt", "Automatic")]
    assert len(posted(server)) == 1


def test_a_request_that_fails_is_told_beside_the_rest_and_sent_once(world: World, webui) -> None:
    root, mse, server = webui
    order = world.order(root, live=True, vaes=[mse])
    feed = feeder("a1111").apply(order)  # type: ignore[misc]
    live = running(order, feed, server.url)
    server.checkpoints = {}
    report = live.carry_out(feed.plan, str(world.home / "changes"))
    assert [one.outcome for one in report.steps] == ["made", "made", "failed"]
    assert "not found" in report.steps[-1].why
    assert report.journal == "0001"
    assert len(posted(server)) == 1
    assert (root / PHOTO).with_suffix(".json").exists()


def test_a_setting_for_checkpoints_outside_the_plan_is_kept(world: World) -> None:
    files = models(f"Stable-diffusion/{NAME}", "Stable-diffusion/other.safetensors")
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "x.pt"}, files=files)
    photo = world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    with FakeA1111() as server:
        server.checkpoints = {NAME: str(root / PHOTO)}
        server.settings["sd_vae"] = "x.pt"
        live, report = told(world, root, server, vaes=[mse], only=[photo])
        assert server.settings["sd_vae"] == "x.pt"
    assert report.complete
    assert "Set SD VAE (sd_vae) to Automatic: it is x.pt" in live.reminders[0]


@pytest.fixture
def invoke(world: World):
    """A main model for which no VAE is installed yet."""
    path = str(world.folder / "ui/photo.safetensors")
    record = trees_other.record("main-sd", path, base="sd-1", type="main")
    root = trees_other.invokeai(world.folder / "ui", [record], {"photo.safetensors": CHECKPOINT})
    world.checkpoint(root / "photo.safetensors")
    mse = world.vae("mse.safetensors")
    inside = world.folder / "invoke-models"
    inside.mkdir()
    with FakeInvoke(inside) as server:
        server.add("main-sd", path=path, base="sd-1", default_settings={"steps": 9})
        yield root, mse, server


def test_every_request_to_invokeai_is_listed_before(world: World, invoke) -> None:
    root, mse, server = invoke
    order = world.order(root, live=True, vaes=[mse])
    live = running(order, feeder("invokeai").apply(order), server.url)  # type: ignore[misc]
    assert [call.method for call in live.calls] == ["POST", "PATCH", "PATCH"]
    assert live.calls[2].url.endswith("/i/main-sd")
    assert not server.sent("POST", "PATCH", "DELETE")


@pytest.mark.parametrize("moment", ["/install", "/install/0", "/i/main-sd"])
def test_cut_off_between_two_requests_all_can_be_undone(
    world: World, invoke, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C: the request has reached InvokeAI, its answer comes no more."""
    root, mse, server = invoke
    server.polls = 2
    real = Client.ask

    def ask(self: Client, method: str, url: str, *words, **more):
        answer = real(self, method, url, *words, **more)
        if url.split("?")[0].endswith(moment) and (method != "GET" or "install" in moment):
            raise KeyboardInterrupt
        return answer

    order = world.order(root, live=True, vaes=[mse])
    feed = feeder("invokeai").apply(order)  # type: ignore[misc]
    live = running(order, feed, server.url)
    with monkeypatch.context() as patched:
        patched.setattr(Client, "ask", ask)
        with pytest.raises(KeyboardInterrupt):
            live.carry_out(feed.plan, str(world.home / "changes"))
    for job in range(len(server.jobs)):
        server._job(job)
        server._job(job)
    assert len(server.records) == 2
    assert undo(str(world.home / "changes"), take_back=live.live.take_back).complete
    assert list(server.records) == ["main-sd"]
    assert server.records["main-sd"]["default_settings"] == {"steps": 9}
    assert Path(mse.path or "").exists()


def test_a_vae_that_another_model_uses_by_now_stays_registered(world: World, invoke) -> None:
    root, mse, server = invoke
    live, _ = told(world, root, server, vaes=[mse])
    settings = server.records["main-sd"]["default_settings"]
    server.add("main-two", base="sd-1", default_settings={"vae": settings["vae"]})
    settings["steps"] = 40
    report = undo(str(world.home / "changes"), take_back=live.live.take_back)
    assert "is the default VAE of main-two by now" in report.of("left")[0].why
    assert settings["vae"] in server.records
    assert server.records["main-sd"]["default_settings"] == {"steps": 40}


def test_a_default_vae_that_the_user_chose_since_stays(world: World, invoke) -> None:
    root, mse, server = invoke
    live, _ = told(world, root, server, vaes=[mse])
    server.records["main-sd"]["default_settings"] = {"vae": "mine"}
    report = undo(str(world.home / "changes"), take_back=live.live.take_back)
    assert "is mine by now" in report.of("left")[0].why
    assert server.records["main-sd"]["default_settings"] == {"vae": "mine"}
    assert len(report.of("undone")) == len(report.steps) - 1


def test_a_vae_that_the_user_had_is_not_taken_for_one_of_ours(world: World, invoke) -> None:
    root, mse, server = invoke
    server.refuses = (409, "already installed")
    _, report = told(world, root, server, vaes=[mse])
    assert "already installed" in report.of("failed")[0].why
    server.add("mine", type="vae", path=mse.path)
    with pytest.raises(NotFound):
        undo(str(world.home / "changes"))
    assert "mine" in server.records


def test_comfyui_is_asked_which_value_to_choose(world: World) -> None:
    files = {"models/checkpoints/photo.safetensors": CHECKPOINT}
    root = trees_other.comfyui(world.folder / "comfy", files)
    world.checkpoint(root / "models/checkpoints/photo.safetensors")
    mse = world.vae("mse.safetensors")
    with FakeComfy() as server:
        server.folders["vae"] = [str(world.library)]
        order = world.order(root, live=True, vaes=[mse])
        feed = feeder("comfyui").apply(order)  # type: ignore[misc]
        live = running(order, feed, server.url)
        assert "once it is linked" in live.reminders[0]
        server.names["vae"] = ["sub/x.pt", "mse.safetensors"]
        report = live.carry_out(feed.plan, str(world.home / "changes"))
        assert report.complete
        assert not server.sent("POST")
    assert live.reminders == [
        "photo.safetensors: set vae_name of VAELoader to mse.safetensors, which ComfyUI lists"
    ]
