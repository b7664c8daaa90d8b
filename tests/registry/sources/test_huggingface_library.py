"""The hub for tests is one to the real library and to diffusers, and our session is theirs too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.hub import Hub
from vaereg.registry.sources.base import Wish
from vaereg.registry.sources.huggingface.source import HuggingFace
from vaereg.registry.sources.huggingface.tokens import stored_token
from vaereg.registry.sources.refs import HfRef
from vaereg.registry.transfer.client import Client

from .huggingface_cases import CANARY, FILE, FILES, QUICK, SINGLE, VAE, serving, source


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(monkeypatch, tmp_path) as server:
        yield server


def test_the_library_fetches_files_and_whole_repositories(hub: Hub) -> None:
    import huggingface_hub

    path = huggingface_hub.hf_hub_download(VAE, FILE, endpoint=hub.url, token=CANARY)
    assert Path(path).read_bytes() == SINGLE
    folder = huggingface_hub.snapshot_download(VAE, endpoint=hub.url, token=CANARY)
    fetched = [one for one in Path(folder).rglob("*") if one.is_file()]
    assert {one.relative_to(folder).as_posix(): one.read_bytes() for one in fetched} == FILES
    assert not [request for request in hub.storage.log if "authorization" in request.headers]


def test_the_library_s_other_questions_are_answered(hub: Hub) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=CANARY)
    assert api.file_exists(VAE, FILE)
    assert not api.file_exists(VAE, "none.safetensors")
    assert not api.repo_exists("no/body")
    assert {entry.path for entry in api.list_repo_tree(VAE)} >= {FILE, "a folder"}
    assert [one.path for one in api.get_paths_info(VAE, [FILE, "none"])] == [FILE]
    assert api.whoami()["name"] == "tester"
    api.auth_check(VAE)


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument:UserWarning")
def test_diffusers_loads_an_autoencoder_from_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        hub.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    torch.set_num_threads(1)
    vae = diffusers.AutoencoderKL(block_out_channels=(32,), latent_channels=4)
    vae.save_pretrained(tmp_path / "vae")
    hub.put("tiny/vae", tmp_path / "vae")
    cache = tmp_path / "diffusers"
    loaded = diffusers.AutoencoderKL.from_pretrained("tiny/vae", cache_dir=cache)
    assert torch.equal(loaded.decoder.conv_in.weight, vae.decoder.conv_in.weight)
    offer = source(hub).offer(HfRef("tiny/vae"), Wish())
    assert {file.path for file in offer.files} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }


def test_a_fresh_program_sends_no_telemetry_and_shows_nothing(hub: Hub, tmp_path: Path) -> None:
    script = (
        "import sys; from vaereg.registry.sources.huggingface.source import HuggingFace\n"
        "from vaereg.registry.sources.base import Wish\n"
        "from vaereg.registry.sources.refs import HfRef\n"
        "from vaereg.registry.transfer.client import Client\n"
        "assert 'huggingface_hub' not in sys.modules\n"
        f"one = HuggingFace(Client(), {hub.url!r}, None, only_by_library=1)\n"
        f"file = one.offer(HfRef({VAE!r}, {FILE!r}), Wish()).files[0]\n"
        "one.search('vae', 3, None), file.fetch_by_library()\n"
    )
    environment = {"HF_HOME": str(tmp_path / "fresh"), "PATH": ""}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not [request for request in hub.log if "agent-harnesses" in request.path]


@pytest.mark.parametrize("kind", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_from_the_environment_is_used(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import huggingface_hub

    huggingface_hub.close_session()
    monkeypatch.setenv(kind, hub.url)
    monkeypatch.setenv("NO_PROXY", "")
    far = HuggingFace(Client([], QUICK), "http://hub.example", None)
    commit = far.offer(HfRef(VAE), Wish()).origin.revision
    assert commit == hub.repos[VAE].refs["main"]
    assert hub.log[-1].headers["host"] == "hub.example"


TOKENS: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    ({"HF_TOKEN": " hf_own\n"}, "hf_own"),
    ({"HF_TOKEN": "", "HF_HOME": "{home}"}, "hf_kept"),
    ({"HF_HOME": "{home}", "HF_TOKEN": "hf_own"}, "hf_own"),
    ({"HF_TOKEN_PATH": "{home}/token"}, "hf_kept"),
    ({"XDG_CACHE_HOME": "{home}"}, "hf_deep"),
    ({"HF_HOME": "{home}", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, None),
    ({"HF_HOME": "{home}/nowhere"}, None),
    ({"HF_TOKEN": "hf_\u00fcmlaut"}, None),
    ({"HF_HOME": "{home}/binary"}, None),
]


@pytest.mark.parametrize(("environment", "token"), TOKENS)
def test_where_the_token_comes_from(
    environment: dict[str, str], token: str | None, tmp_path: Path
) -> None:
    for place, content in (
        ("", b"hf_kept\n"),
        ("huggingface", b"hf_deep"),
        ("binary", b"\xff\xfe"),
    ):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "token").write_bytes(content)
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "none")}
    filled = {name: text.format(home=tmp_path) for name, text in environment.items()}
    assert stored_token(nowhere | filled) == token
