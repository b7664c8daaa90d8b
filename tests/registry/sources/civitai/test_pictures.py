"""What pictures on Civitai say of clip skip: every spelling counted, nonsense taken for silence."""

from __future__ import annotations

import pytest

from tests.registry.sources.civitai.conftest import CANARY, Site
from tests.servers.base import Reply, Request
from tests.servers.civitai import File, Picture, Version
from vaereg.registry.errors import DownloadBroken, NotFound, RateLimited
from vaereg.registry.sources.ref_values import CivitaiRef
from vaereg.registry.textual.pictures import agreed, said

VERSION = 7
PAGE = CivitaiRef(3, VERSION, 11)


def counted(site: Site, *pictures: Picture) -> tuple[int, int, dict[int, int]]:
    """Pictures that say how they were made, silent ones, and the counts."""
    site.server.pictures += pictures
    found = site.source.pictures(PAGE)
    assert found.ref == "civitai:3@7"
    return found.made, found.silent, dict(found.counts)


def test_pictures_are_counted_in_one_request(site: Site) -> None:
    twos = [Picture.by_webui(VERSION, "2") for _ in range(18)]
    others = [Picture.by_webui(VERSION, 1), *(Picture.by_webui(VERSION) for _ in range(3))]
    strangers = [Picture.by_webui(8, "4"), Picture(VERSION, None), Picture(VERSION, {})]
    assert counted(site, *twos, *others, *strangers) == (22, 3, {2: 18, 1: 1})
    (request,) = site.server.log
    assert request.headers["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in request.target
    found = site.source.pictures(PAGE)
    assert (
        said(found) == "18 of 22 sample pictures used clip skip 2, 1 used clip skip 1, 3 state none"
    )
    assert agreed(found) == 2


@pytest.mark.parametrize("key", ["clipSkip", "Clip skip", "clip_skip", "CLiP-skip", "CLIP Skip"])
@pytest.mark.parametrize("value", ["2", " 2 ", 2, 2.0])
def test_every_spelling(site: Site, key: str, value: object) -> None:
    assert counted(site, Picture.by_webui(VERSION, value, key)) == (1, 0, {2: 1})


def test_a_wrapped_record(site: Site) -> None:
    inner = Picture.by_webui(VERSION, "2").meta
    assert counted(site, Picture(VERSION, {"id": 5, "meta": inner})) == (1, 0, {2: 1})


@pytest.mark.parametrize(
    "value",
    [
        *("0", "13", "-2", "2.5", "two", "²", "9" * 4000, "\x1b[31m2", "", "02x"),
        *(0, 13, -2, 2.5, 10**400, -(10**400), 1e308, True, None, [2], {"2": 2}, [[[]]]),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_nonsense_counts_as_silence(site: Site, value: object) -> None:
    assert counted(site, Picture.by_webui(VERSION, value)) == (1, 1, {})


@pytest.mark.parametrize("meta", ["text", 5, ["clipSkip"], {"prompt": "a"}, {"meta": {"meta": 1}}])
def test_what_does_not_say_how_it_was_made_is_not_counted(site: Site, meta: object) -> None:
    assert counted(site, Picture(VERSION, meta)) == (0, 0, {})


def test_a_picture_that_contradicts_itself_is_not_counted(site: Site) -> None:
    torn = Picture(VERSION, {"steps": 20, "clipSkip": "2", "Clip skip": 1})
    agreeing = Picture(VERSION, {"steps": 20, "clipSkip": "2", "Clip skip": 2})
    assert counted(site, torn, agreeing) == (1, 0, {2: 1})


@pytest.mark.parametrize("body", [[], {}, {"items": 5}, {"items": {"a": 1}}, 5, None])
def test_an_answer_that_is_no_list_of_pictures(
    site: Site, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.server, "reply", lambda request: Reply.of_json(body))
    with pytest.raises(DownloadBroken):
        site.source.pictures(PAGE)


def test_items_that_are_no_pictures_are_passed_by(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"id": 1, "meta": Picture.by_webui(VERSION, "2").meta}
    items = [None, 5, "x", [], {}, {"meta": None}, good]
    monkeypatch.setattr(site.server, "reply", lambda request: Reply.of_json({"items": items}))
    assert site.source.pictures(PAGE).counts == ((2, 1),)


def test_more_pictures_than_were_asked_for_are_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [{"meta": Picture.by_webui(VERSION, "2").meta}] * 5000
    monkeypatch.setattr(site.server, "reply", lambda request: Reply.of_json({"items": items}))
    assert site.source.pictures(PAGE).made == 100


def test_a_model_without_its_version_is_its_newest(site: Site) -> None:
    model = site.server.add("Forest", Version("v1", files=(File("f.ckpt", b"x"),)))
    newest = model.versions[0].id
    site.server.pictures.append(Picture.by_webui(newest, "2"))
    found = site.source.pictures(CivitaiRef(model.id))
    assert (found.ref, found.counts) == (f"civitai:{model.id}@{newest}", ((2, 1),))
    with pytest.raises(NotFound):
        site.source.pictures(CivitaiRef(9999))


def test_a_service_that_has_enough(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def enough(_request: Request) -> Reply:
        return Reply.of_json({"error": "enough"}, 429, Retry_After="4000")

    monkeypatch.setattr(site.server, "reply", enough)
    with pytest.raises(RateLimited) as caught:
        site.source.pictures(PAGE)
    assert CANARY not in repr(caught.value)
