"""The Civitai server on loopback answers as the service does, its refusals and bugs included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from tests.registry.sources.civitai.conftest import CANARY, Site, weights
from tests.servers.civitai import File, Version, hashes_of
from tests.servers.civitai_library import put_up
from vaereg.registry.samples import library

AUTH = {"Authorization": f"Bearer {CANARY}"}


def get(site: Site, path: str, **options: object) -> requests.Response:
    headers = {"User-Agent": "test/1"} | options.pop("headers", {})
    options = {"timeout": 5, "allow_redirects": False} | options
    return requests.get(site.server.url + path, headers=headers, **options)


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("types=VAE&types=Checkpoint", 200, "items"),
        ("types=VAE,Checkpoint", 400, "ZodError"),
        ("types=vae", 400, "ZodError"),
        ("limit=101", 400, "<=100"),
        ("nsfw=perhaps", 400, "nsfw"),
        ("sort=Best", 400, "sort"),
        ("fileFormats=SafeTensor", 400, "array"),
        ("query=a&page=1", 400, "Cannot use page param"),
        ("page=11&limit=100", 429, "too many pages"),
        ("page=10&limit=100", 200, "items"),
        ("favorites=false", 401, "Unauthorized"),
        ("cursor=nonsense", 400, "Invalid cursor"),
        ("baseModels=Unknown", 200, '"items": []'),
        ("unknown=1&token=x", 200, "items"),
    ],
)
def test_parameters_of_the_list(site: Site, query: str, status: int, says: str) -> None:
    site.server.add("VAE", Version("v1", files=(File("a.ckpt", weights(1)),)))
    answer = get(site, f"/api/v1/models?{query}")
    assert answer.status_code == status
    assert says in json.dumps(answer.json())


def test_the_next_page_repeats_the_token(site: Site) -> None:
    for number in range(2):
        site.server.add(f"VAE {number}", Version("v1", files=(File("a.ckpt", weights(1)),)))
    page = get(site, f"/api/v1/models?limit=1&token={CANARY}").json()
    assert f"token={CANARY}" in page["metadata"]["nextPage"]
    last = requests.get(page["metadata"]["nextPage"], headers={"User-Agent": "t"}, timeout=5)
    assert [item["name"] for item in last.json()["items"]] == ["VAE 0"]
    assert last.json()["metadata"] == {}


def test_hash_routes_and_their_bugs(site: Site) -> None:
    model = site.server.add("VAE", Version("v1", files=(File("a.ckpt", weights(1)),)))
    stated = hashes_of(weights(1))
    for name in ("SHA256", "AutoV2", "AutoV3", "CRC32", "BLAKE3"):
        found = get(site, f"/api/v1/model-versions/by-hash/{stated[name].lower()}").json()
        assert found["modelId"] == model.id
    bulk = f"{site.server.url}/api/v1/model-versions/by-hash"
    headers = {"User-Agent": "t"}
    found = requests.post(bulk, json=[stated["SHA256"]], headers=headers, timeout=5).json()
    assert found[0] is None
    assert found[1]["downloadUrl"].startswith("https://undefined/api/download/models/")
    refused = requests.post(bulk, json=["A" * 64] * 101, headers=headers, timeout=5)
    assert refused.status_code == 400
    rows = requests.post(f"{bulk}/ids", json=[stated["SHA256"]], headers=headers, timeout=5).json()
    assert rows[0]["modelId"] == model.id


def test_downloads_as_a_browser_and_as_a_client_see_them(site: Site) -> None:
    model = site.server.add("VAE", Version("v1", files=(File("a.ckpt", weights(1), fp="fp16"),)))
    version = model.versions[0]
    path = f"/api/download/models/{version.id}"
    assert get(site, path).status_code == 401
    assert "logged in" in get(site, path).json()["message"]
    browser = get(site, path, headers={"User-Agent": "Mozilla/5.0"}, allow_redirects=True)
    assert (browser.status_code, "Login" in browser.text) == (200, True)
    assert requests.head(site.server.url + path, headers=AUTH, timeout=5).status_code == 401
    assert get(site, f"{path}?fp=fp32", headers=AUTH).status_code == 404
    assert get(site, f"{path}?fileId=1", headers=AUTH).status_code == 404
    assert get(site, f"{path}?fileId=x", headers=AUTH).status_code == 400
    sent = get(site, f"{path}?fileId={version.files[0].id}", headers=AUTH)
    assert sent.status_code == 307
    assert sent.headers["location"].startswith(site.server.storage.url)
    there = requests.get(sent.headers["location"], timeout=5)
    assert there.content == weights(1)
    refused = requests.get(sent.headers["location"], headers=AUTH, timeout=5)
    assert (refused.status_code, b"x-amz-content-sha256" in refused.content) == (400, True)


def test_the_default_agent_of_urllib_is_kept_out(site: Site) -> None:
    answer = get(site, "/api/v1/models", headers={"User-Agent": "Python-urllib/3.11"})
    assert answer.status_code == 403


def test_the_demo_s_library_is_up_with_its_links_and_wrong_claims(
    site: Site, tmp_path: Path
) -> None:
    library.build(tmp_path, widths=(24, 24, 24, 24), groups=8)
    models = put_up(site.server, tmp_path)
    hits = {hit.name: hit for hit in site.source.search("", 50, None)}
    assert len(hits) == sum(sample.unet is None for sample in library.SAMPLES)
    mirror = models["vae/mirror/sdxl_vae.safetensors"]
    assert hits["mirror sdxl vae - v1"].families == ("sdxl",)
    assert site.offer(f"civitai:{mirror.id}").origin.declared == "SDXL 1.0"
    checkpoint = site.offer(f"civitai:{models['checkpoints/harbour_xl.safetensors'].id}")
    linked = site.offer(f"civitai:{models['vae/sdxl_vae.safetensors'].id}")
    assert checkpoint.declared_vaes == (linked.files[0].sha256,)
