"""VAEs by words: pages walked to their true end, families from claims and hashes alone."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.registry.sources.civitai.conftest import CANARY, Site, weights
from tests.servers.base import Reply, Request
from tests.servers.civitai import File, Version
from vaereg.registry.errors import DownloadBroken, Forbidden, RateLimited
from vaereg.registry.known import known_files

FT_MSE = "735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75"


def put_up(site: Site, count: int, **stated: object) -> None:
    """So many VAEs of one version, the first the most downloaded."""
    for number in range(count):
        file = File(f"vae{number}.safetensors", weights(number))
        version = Version("v1", files=(file,), downloads=1000 - number)
        site.server.add(f"Good VAE {number}", version, **stated)


def hide(site: Site, first: int, end: int) -> None:
    """Have some of them left out of their pages."""
    for model in list(site.server.catalogue.models.values())[first:end]:
        site.server.catalogue.models[model.id] = replace(model, ghost=True)


def names(site: Site, words: str = "", limit: int = 100, family: str | None = None) -> list[str]:
    return [hit.name for hit in site.source.search(words, limit, family)]


def test_a_hit_says_all_that_a_table_shows(site: Site) -> None:
    data = weights(1)
    model = site.server.add(
        "Kl F8 Anime",
        Version("v2", "NoobAI", (File("a.ckpt", data),), downloads=12),
        creator="somebody",
    )
    (hit,) = site.source.search("anime", 5)
    version = model.versions[0]
    assert (hit.source, hit.ref) == ("civitai", f"civitai:{model.id}@{version.id}")
    assert (hit.name, hit.author, hit.file) == ("Kl F8 Anime - v2", "somebody", "a.ckpt")
    assert (hit.size, hit.downloads, hit.likes) == (len(data), 12, 3)
    assert (hit.declared, hit.families, hit.determined_by) == ("NoobAI", ("sdxl",), "declared")
    assert hit.pickle
    assert not hit.gated
    assert hit.updated_at == "2025-05-01T10:00:00.000Z"
    assert hit.url == f"{site.server.url}/models/{model.id}?modelVersionId={version.id}"
    assert CANARY not in repr(hit)


@pytest.mark.parametrize("words", ["", "good"])
def test_pages_are_walked_by_cursor_over_an_empty_one(site: Site, words: str) -> None:
    put_up(site, 65)
    hide(site, 10, 60)
    found = names(site, words, limit=20)
    assert found == [f"Good VAE {number} - v1" for number in (*range(10), *range(60, 65))]
    assert len(site.server.log) == 4
    assert all("page=" not in line for line in site.asked())
    assert all("types=VAE" in line and "%2C" not in line for line in site.asked())


def test_a_model_that_comes_twice_is_one_hit_and_a_looping_cursor_ends(site: Site) -> None:
    put_up(site, 50)
    site.server.switches.overlap = 2
    assert len(names(site)) == 50
    site.server.switches.loops = True
    before = len(site.server.log)
    assert len(names(site, "good")) == 50
    assert len(names(site)) == 50
    assert len(site.server.log) - before == 4


def test_no_more_requests_than_the_hits_need(site: Site) -> None:
    put_up(site, 150)
    assert len(names(site, limit=10)) == 10
    assert len(site.server.log) == 1
    assert len(names(site, limit=120)) == 120
    assert len(site.server.log) == 3
    assert names(site, limit=0) == []
    assert len(site.server.log) == 3


def test_versions_newest_first_and_at_most_three(site: Site) -> None:
    versions = [
        Version(f"v{number}", files=(File("a.safetensors", weights(number)),))
        for number in (5, 4, 3, 2, 1)
    ]
    site.server.add("VAE", *versions)
    assert names(site) == ["VAE - v5", "VAE - v4", "VAE - v3"]


def test_what_cannot_be_pulled_is_no_hit(site: Site) -> None:
    danger = File("a.ckpt", weights(1), pickle_scan="Danger")
    site.server.add("Bad", Version("v1", files=(danger,)))
    site.server.add("Gone", Version("v1", files=(File("b.ckpt", weights(2)),)), mode="Archived")
    site.server.add("Empty", Version("v1"))
    site.server.add("Lora", Version("v1", files=(File("c.ckpt", weights(3)),)), type="LORA")
    site.server.add("Mine", Version("v1", files=(File("d.safetensors", weights(4)),)), creator=None)
    hits = site.source.search("", 10)
    assert [hit.name for hit in hits] == ["Mine - v1"]
    assert hits[0].author is None


def test_a_family_narrows_what_the_server_sends(site: Site) -> None:
    for base in ("SD 1.5", "SDXL 1.0", "Pony", "Flux.1 D", "Other"):
        file = File("sdxl_vae.safetensors", weights(len(base)))
        site.server.add(f"For {base}", Version("v1", base, (file,)))
    assert set(names(site, family="sdxl", limit=2)) == {"For SDXL 1.0 - v1", "For Pony - v1"}
    assert len(site.server.log) == 1
    assert "baseModels=SDXL+1.0&baseModels=" in site.server.log[0].target
    assert names(site, family="flux1", limit=1) == ["For Flux.1 D - v1"]


@pytest.mark.parametrize(
    ("family", "first", "requests"), [("flux1", ["Flux.1 D"], 2), ("cogview", [], 1)]
)
def test_of_a_family_s_search_what_tells_none_is_left_to_its_header(
    site: Site, family: str, first: list[str], requests: int
) -> None:
    """Declared hits first; one more request, unfiltered, for what the filter hides."""
    for base in ("SD 1.5", "Flux.1 D", "Other", "Zeta Nova 9", None):
        version = Version("v1", base, (File("sdxl_vae.safetensors", weights(1)),))
        site.server.add(f"For {base}", version)
    found = names(site, family=family)
    expected = [*first, "Other", "Zeta Nova 9", "None"]
    assert found[: len(first)] == [f"For {base} - v1" for base in first]
    assert sorted(found) == sorted(f"For {base} - v1" for base in expected)
    assert len(site.server.log) == requests
    assert "baseModels" not in site.server.log[-1].target


def test_what_is_published_of_a_content_brings_it_in_and_interchangeable_ones_too(
    site: Site,
) -> None:
    """A file that its author files under a wrong name; one whose family serves another one's."""
    qwen = next(sha for sha, known in known_files().items() if known.family == "qwen-image")
    file = File("a.safetensors", weights(1), hashes={"SHA256": qwen.upper()})
    site.server.add("Strange", Version("v1", "SD 1.5", (file,)))
    (hit,) = site.source.search("", 5, "wan21")
    assert (hit.families, hit.determined_by) == (("qwen-image",), "known-hash")
    assert names(site, family="sd1") == []


def test_an_unfiltered_list_is_walked_for_three_pages_at_most(site: Site) -> None:
    put_up(site, 450)
    assert names(site, family="cogview") == []
    assert len(site.server.log) == 3


def test_a_published_hash_outweighs_the_claim_and_a_name_says_nothing(site: Site) -> None:
    known = known_files()[FT_MSE]
    file = File("sdxl_vae.safetensors", weights(1), hashes={"SHA256": FT_MSE.upper()})
    site.server.add("SDXL VAE", Version("v1", "SDXL 1.0", (file,)))
    site.server.add("sd1 flux", Version("v1", "Other", (File("sdxl.safetensors", weights(2)),)))
    hits = {hit.name: hit for hit in site.source.search("", 5)}
    assert hits["SDXL VAE - v1"].families == (known.family,)
    assert hits["SDXL VAE - v1"].determined_by == "known-hash"
    assert (hits["sd1 flux - v1"].families, hits["sd1 flux - v1"].determined_by) == ((), None)
    assert names(site, "", 5, "sdxl") == ["sd1 flux - v1"]


@pytest.mark.parametrize(("status", "family"), [(500, None), (403, None), (403, "sd1")])
def test_what_came_before_a_page_failed_is_kept(
    site: Site, status: int, family: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second page fails, or with a family the second list."""
    put_up(site, 120 if family is None else 10)
    answer, failed = site.server.reply, []

    def reply(request: Request) -> Reply:
        second = "cursor" in request.query or (family and "baseModels" not in request.query)
        failed.extend([request] if second else [])
        return Reply.of_json({"error": "x"}, status) if second else answer(request)

    monkeypatch.setattr(site.server, "reply", reply)
    assert len(names(site, limit=120, family=family)) == (100 if family is None else 10)
    assert failed


def test_where_nothing_came_the_failure_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No SD 1.5 by its filter, and then no answer: an empty list would be a false one."""
    answer = site.server.reply

    def reply(request: Request) -> Reply:
        filtered = "baseModels" in request.query
        return answer(request) if filtered else Reply.of_json({"error": "x"}, 403)

    monkeypatch.setattr(site.server, "reply", reply)
    with pytest.raises(Forbidden):
        names(site, family="sd1")


@pytest.mark.parametrize("items", [[], [{"id": 1, "type": "VAE", "modelVersions": []}]])
def test_endless_pages_without_anything_new_end(
    site: Site, items: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def reply(request: Request) -> Reply:
        asked.append(request)
        return Reply.of_json({"items": items, "metadata": {"nextCursor": str(len(asked))}})

    monkeypatch.setattr(site.server, "reply", reply)
    assert names(site) == []
    assert len(asked) == 10 + len(items)


def test_a_busy_service_is_asked_again(site: Site) -> None:
    put_up(site, 1)
    site.server.switches.busy = 1
    site.server.switches.retry_after = "0"
    assert len(names(site, "good")) == 1
    assert len(site.server.log) == 2


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (200, DownloadBroken)])
def test_a_challenge_is_an_error_in_words(
    site: Site, status: int, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.server.switches.challenge = status
    with pytest.raises((error, Forbidden)) as caught:
        names(site)
    assert "Civitai" in str(caught.value)
    assert CANARY not in caplog.text + str(caught.value)


def test_the_token_is_in_a_header_and_in_nothing_else(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put_up(site, 30)
    hide(site, 0, 10)
    assert len(names(site, limit=20)) == 20
    assert len(site.server.log) == 2
    for request in site.server.log:
        assert request.headers["authorization"] == f"Bearer {CANARY}"
        assert CANARY not in request.target
        assert not any(
            word in request.headers["user-agent"].lower()
            for word in ("mozilla", "chrome", "safari", "firefox", "opera", "edge", "urllib")
        )
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"items": 1},
        {"items": [1, None, {"id": 1}]},
        {"items": [{"modelVersions": [{}, 7]}]},
        {"items": [{"id": True}, {"id": 2**60}, {"id": "7"}, {"id": [7]}, {"id": 2**31}]},
    ],
)
def test_nonsense_is_no_crash(site: Site, body: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.server, "reply", lambda request: Reply.of_json(body))
    if isinstance(body, dict) and isinstance(body.get("items"), list):
        assert names(site) == []
        return
    with pytest.raises(DownloadBroken, match="Civitai"):
        names(site)


def test_too_many_pages_would_be_final(site: Site) -> None:
    """What a client that counts pages runs into; waiting does not help."""
    with pytest.raises(RateLimited):
        site.client.json(f"{site.server.url}/api/v1/models", [("page", "11"), ("limit", "100")])
    assert len(site.server.log) == 1
