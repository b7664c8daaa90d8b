"""VAEs installed in place into a running InvokeAI, under the right base, for one main model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.servers.base import Reply
from tests.servers.frontends import FakeInvoke
from vaereg.registry.errors import Ambiguous, DownloadBroken, NotFound, UsageError
from vaereg.registry.families import families
from vaereg.registry.live.catalog import connect
from vaereg.registry.live.client import Client
from vaereg.registry.live.invoke_models import BASES
from vaereg.registry.live.invokeai import InvokeAI
from vaereg.registry.samples.autoencoder import autoencoder_kl

KEPT = {"steps": 30, "vae_precision": "fp32"}


@pytest.fixture
def vae(models: Path) -> Path:
    """An SDXL VAE whose name does not say so."""
    return models / "VAE/good.safetensors"


def take_back(live, done) -> None:
    for call in reversed(done.calls):
        live.send(*call.undo)


@pytest.mark.parametrize("strict", [True, False])
def test_it_is_installed_in_place_under_its_true_base(
    invoke: FakeInvoke, vae: Path, strict: bool
) -> None:
    invoke.strict, invoke.polls = strict, 2
    before = vae.read_bytes()
    live = connect(invoke.url)
    done = live.set_vae(str(vae), "main-xl", "sdxl")
    assert (done.took, done.before, done.now) == (True, None, "good"), done.message
    record = next(row for row in invoke.records.values() if row["path"] == str(vae))
    assert (record["base"], record["type"]) == ("sdxl", "vae")
    settings = invoke.records["main-xl"]["default_settings"]
    assert settings == KEPT | {"vae": record["key"]}
    assert vae.read_bytes() == before
    assert not list(invoke.root.iterdir())
    assert "0.18215" in done.message
    take_back(live, done)
    assert record["key"] not in invoke.records
    assert invoke.records["main-xl"]["default_settings"] == KEPT | {"vae": None}
    assert vae.read_bytes() == before


def test_inplace_is_always_true_and_the_base_always_there(invoke: FakeInvoke, vae: Path) -> None:
    live = connect(invoke.url)
    planned = live.plan_vae(str(vae), "main-xl", "sdxl").changes[0]
    assert "inplace=true" in planned.url
    live.set_vae(str(vae), "main-xl", "sdxl")
    installs = [one for one in invoke.sent("POST") if one.path.endswith("/install")]
    assert [one.query["inplace"] for one in installs] == [["true"]]
    assert json.loads(installs[0].body)["base"] == "sdxl"


def test_the_server_does_move_a_file_that_is_not_installed_in_place(
    invoke: FakeInvoke, vae: Path
) -> None:
    client = Client(invoke.url)
    query = [("source", str(vae)), ("inplace", "false")]
    client.ask("POST", client.url("/api/v2/models/install", query), {})
    assert not vae.exists()


def test_a_record_of_a_wrong_base_is_mended(invoke: FakeInvoke, vae: Path) -> None:
    invoke.add("v", type="vae", base="sd-1", path=str(vae))
    live = connect(invoke.url)
    done = live.set_vae(str(vae), "main-xl", "sdxl")
    assert done.took
    assert invoke.records["v"]["base"] == "sdxl"
    assert [call.method for call in done.calls] == ["PATCH", "PATCH"]
    assert live.set_vae("v", "main-xl", "sdxl").calls == ()
    assert live.current_vae("main-xl") == "v"
    take_back(live, done)
    assert invoke.records["v"]["base"] == "sd-1"


def test_a_vae_of_another_family_is_not_set(invoke: FakeInvoke, vae: Path) -> None:
    done = connect(invoke.url).set_vae(str(vae), "main-sd", "sdxl")
    assert not done.took
    assert "main-sd is of base sd-1" in done.message
    assert not invoke.sent("POST", "PATCH")
    assert connect(invoke.url).plan_vae(str(vae), "main-sd", "sdxl").changes == ()


def test_settings_that_were_none_are_made_and_unmade(invoke: FakeInvoke, vae: Path) -> None:
    live = connect(invoke.url)
    done = live.set_vae(str(vae), "main-sd", "sd1")
    assert done.took
    assert set(invoke.records["main-sd"]["default_settings"]) == {"vae"}
    take_back(live, done)
    assert invoke.records["main-sd"]["default_settings"] is None


def test_its_own_vae_is_no_default(invoke: FakeInvoke) -> None:
    invoke.records["main-xl"]["default_settings"] = KEPT | {"vae": "old"}
    done = connect(invoke.url).set_vae(None, "main-xl")
    assert (done.before, done.now, done.took) == ("old", None, True)
    assert invoke.records["main-xl"]["default_settings"] == KEPT | {"vae": None}


@pytest.mark.parametrize(
    ("status", "says"), [(409, "that path already"), (415, "does not recognise"), (424, "lost")]
)
def test_what_it_refuses_to_install_is_told(
    invoke: FakeInvoke, vae: Path, status: int, says: str
) -> None:
    invoke.refuses = (status, "words of its own")
    done = connect(invoke.url).set_vae(str(vae), "main-xl", "sdxl")
    assert not done.took
    assert says in done.message
    assert "words of its own" in done.message
    assert not invoke.sent("PATCH")


def test_waiting_for_an_install_is_bounded(invoke: FakeInvoke, vae: Path) -> None:
    invoke.polls = 10_000
    done = InvokeAI(Client(invoke.url), wait=0.3).set_vae(str(vae), "main-xl", "sdxl")
    assert not done.took
    assert "still installing it after 0 s" in done.message


def test_an_install_that_fails_is_told_in_its_words(invoke: FakeInvoke, vae: Path) -> None:
    job = {"id": 0, "status": "error", "error": "Unable\x1b to identify", "config_out": None}
    invoke.fixed["/api/v2/models/install"] = Reply.of_json(job, 201)
    done = connect(invoke.url).set_vae(str(vae), "main-xl", "sdxl")
    assert "cannot install it: Unable\\u001b to identify" in done.message


def test_a_setting_that_does_not_stay_is_told(invoke: FakeInvoke, vae: Path) -> None:
    invoke.ignores_settings = True
    done = connect(invoke.url).set_vae(str(vae), "main-xl", "sdxl")
    assert not done.took
    assert "main-xl has none" in done.message


@pytest.mark.parametrize("inside", [True, False])
def test_a_file_in_its_own_folder_is_never_removed_by_undoing(
    invoke: FakeInvoke, inside: bool
) -> None:
    path = invoke.root / "mine_xl.safetensors"
    write_safetensors(path, autoencoder_kl(4))
    invoke.tells_root = inside
    done = connect(invoke.url).set_vae(str(path), "main-xl", "sdxl")
    assert done.took
    assert done.calls[0].undo is None
    assert path.exists()


def test_what_must_be_said(invoke: FakeInvoke, vae: Path) -> None:
    live = connect(invoke.url)
    with pytest.raises(UsageError, match="a VAE for each main model"):
        live.set_vae(str(vae), None, "sdxl")
    with pytest.raises(UsageError, match="latent family is not known"):
        live.set_vae(str(vae), "main-xl")
    assert not invoke.sent("POST", "PATCH")


@pytest.mark.parametrize("vae", ["owner/repo", "https://host/x.safetensors", "owner/repo::vae"])
def test_nothing_is_ever_downloaded(invoke: FakeInvoke, vae: str) -> None:
    with pytest.raises(NotFound):
        connect(invoke.url).set_vae(vae, "main-xl", "sdxl")
    assert not invoke.sent("POST", "PATCH")


def test_models_of_one_name_are_told_apart_by_key(invoke: FakeInvoke) -> None:
    for key in ("one", "two"):
        invoke.add(key, name="same", type="vae")
    live = connect(invoke.url)
    with pytest.raises(Ambiguous):
        live.set_vae("same", "main-xl", "sdxl")
    assert live.set_vae("two", "main-xl", "sdxl").took
    assert invoke.records["main-xl"]["default_settings"]["vae"] == "two"


def test_models_have_absolute_paths_where_it_tells_its_folder(invoke: FakeInvoke) -> None:
    live = connect(invoke.url)
    assert live.models("checkpoint")[0].path == str(invoke.root / "main-xl.safetensors")
    assert live.flags() == {"models_dir": str(invoke.root)}
    invoke.tells_root = False
    assert live.models("checkpoint")[0].path == ""


@pytest.mark.parametrize("document", [[], {"models": 1}, {"models": [{"type": "main"}]}])
def test_a_model_manager_that_is_none_is_an_error(invoke: FakeInvoke, document: object) -> None:
    invoke.fixed["/api/v2/models/"] = Reply.of_json(document)
    with pytest.raises(DownloadBroken, match="does not answer as InvokeAI's model manager"):
        connect(invoke.url).set_vae("x", "main-xl", "sdxl")


def test_every_family_of_a_base_is_in_the_table() -> None:
    assert set(BASES) <= set(families())
