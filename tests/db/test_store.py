"""What the store promises, on both databases."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from vaereg.db.store import open_store
from vaereg.registry.errors import NotFound, StoreError
from vaereg.registry.measures import PROBES_VERSION, Cost, EncoderFit, Response
from vaereg.registry.ports import Place, Store
from vaereg.registry.values import Artifact, Evidence, Identity, Rejection

from .samples import OPEN, STAMP, at, checkpoint, reading, sha, vae, verdict


def paths(store: Store) -> dict[str, tuple[str, str | None]]:
    return {path: (place.state, place.sha256) for path, place in store.places().items()}


def names(store: Store) -> list[str]:
    return [model.name for model in store.models()]


def test_a_new_registry_is_empty(store: Store) -> None:
    assert store.models() == ()
    assert store.places() == {}
    assert store.verdicts() == ()
    assert store.rejections() == ()
    assert store.roots() == ()
    assert store.by_sha256(sha(1)) is None


def test_what_is_remembered_comes_back_exactly(store: Store) -> None:
    kept = [(vae(), at("/m/a.safetensors")), (checkpoint(), at("/m/b.safetensors", "offline"))]
    store.remember(kept)
    for artifact, location in kept:
        model = store.by_sha256(artifact.digests.sha256)
        assert model.artifact == artifact
        assert model.locations == (location,)
        assert model in store.models()
    assert store.by_sha256(vae().digests.sha256.upper()).artifact == vae()


def test_places_tell_stamp_and_content(store: Store) -> None:
    store.remember([(vae(), at("/m/a.safetensors", inode=2**64 - 1))])
    stamp = replace(STAMP, inode=2**64 - 1)
    assert store.places() == {"/m/a.safetensors": Place(stamp, "present", sha(0))}


def test_models_are_sorted_and_named_by_where_they_lie(store: Store) -> None:
    cache = "/hub/models--stabilityai--sdxl-vae/snapshots/abc/sdxl_vae.safetensors"
    store.remember(
        [
            (vae(1), at("/m/beta.safetensors")),
            (vae(2), at("/m/Alpha.ckpt")),
            (vae(3), at(cache)),
            (vae(4), at("/gone/old.pt", "missing")),
            (vae(4), at("/m/now.pt")),
            (vae(5), at("/unplugged/usb.pt", "offline")),
        ]
    )
    assert names(store) == [
        "Alpha",
        "beta",
        "now",
        "stabilityai/sdxl-vae/sdxl_vae.safetensors",
        "usb",
    ]


def test_a_model_without_a_place_keeps_its_published_name_or_hash(store: Store) -> None:
    store.remember(
        [(replace(vae(1), known_as="vae-ft-mse"), at("/m/1.pt")), (vae(2), at("/m/2.pt"))]
    )
    store.remember([(vae(3), at("/m/1.pt")), (vae(3), at("/m/2.pt"))])
    assert names(store) == ["1", sha(2)[:10], "vae-ft-mse"]


def test_one_content_in_two_places_is_one_model(store: Store) -> None:
    store.remember([(vae(), at("/m/a.pt"))])
    store.remember([(vae(), at("/m/copy.pt", inode=9))])
    assert [place.path for place in store.models()[0].locations] == ["/m/a.pt", "/m/copy.pt"]


def test_a_path_with_new_content_points_at_it(store: Store) -> None:
    store.remember([(vae(1), at("/m/a.pt"))])
    store.remember([(vae(2), at("/m/a.pt", mtime_ns=5))])
    assert paths(store) == {"/m/a.pt": ("present", sha(2))}
    assert store.by_sha256(sha(1)).locations == ()


def test_remembering_again_replaces_what_a_model_is(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/a.pt"))])
    seen = store.by_sha256(sha("model"))
    parts = checkpoint().identity.components[1:2]
    again = replace(checkpoint(), identity=Identity("torch-zip", "vae", parts))
    store.remember([(again, at("/m/a.pt"))])
    model = store.by_sha256(sha("model"))
    assert (model.id, model.artifact) == (seen.id, again)
    assert len(store.models()) == 1


def test_a_digest_once_known_stays_known(store: Store) -> None:
    store.remember([(vae(), at("/m/a.pt"))])
    bare = replace(vae(), digests=replace(vae().digests, content=None, blake3=None))
    store.remember([(bare, at("/m/a.pt"))])
    assert store.by_sha256(sha(0)).artifact == vae()


def test_the_last_entry_counts_where_one_call_says_two_things(store: Store) -> None:
    store.remember([(vae(latent=OPEN), at("/m/a.pt")), (vae(), at("/m/a.pt", inode=3))])
    model = store.by_sha256(sha(0))
    assert model.artifact == vae()
    assert model.locations == (at("/m/a.pt", inode=3),)


def test_more_models_at_once_than_one_statement_takes(store: Store) -> None:
    found = [(vae(number), at(f"/m/{number}.pt")) for number in range(1203)]
    store.remember(found)
    assert len(store.models()) == 1203
    assert {model.artifact.digests.sha256 for model in store.models()} == {
        sha(n) for n in range(1203)
    }
    assert all(model.artifact.identity.components for model in store.models())
    store.mark([place.path for _, place in found], "missing")
    assert {place.state for place in store.places().values()} == {"missing"}


def test_relocating_keeps_the_content(store: Store) -> None:
    store.remember([(vae(1), at("/m/a.pt")), (vae(2), at("/m/b.pt"))])
    store.relocate([("/m/a.pt", at("/n/a.pt", ctime_ns=8))])
    assert paths(store) == {"/n/a.pt": ("present", sha(1)), "/m/b.pt": ("present", sha(2))}
    assert store.by_sha256(sha(1)).locations == (at("/n/a.pt", ctime_ns=8),)


@pytest.mark.parametrize(
    ("moves", "after"),
    [
        ([("a", "b"), ("b", "a")], {"a": 2, "b": 1}),
        ([("a", "b"), ("b", "c")], {"b": 1, "c": 2}),
        ([("b", "c"), ("a", "b")], {"b": 1, "c": 2}),
        ([("a", "b")], {"b": 1}),
        ([("a", "a")], {"a": 1, "b": 2}),
        ([("nowhere", "c")], {"a": 1, "b": 2}),
        ([("nowhere", "a")], {"a": 1, "b": 2}),
        ([], {"a": 1, "b": 2}),
    ],
)
def test_moves_happen_all_at_once(
    store: Store, moves: list[tuple[str, str]], after: dict[str, int]
) -> None:
    store.remember([(vae(1), at("a")), (vae(2), at("b"))])
    store.relocate([(old, at(new)) for old, new in moves])
    assert paths(store) == {path: ("present", sha(number)) for path, number in after.items()}


def test_a_refused_file_is_remembered_with_its_reason(store: Store) -> None:
    refused = Rejection("/m/a.pt", "unsafe_pickle", "It asks for os.system.")
    store.reject([(refused, STAMP)])
    assert store.rejections() == (refused,)
    assert store.places() == {"/m/a.pt": Place(STAMP, "rejected", None, refused)}
    later = replace(refused, message="It asks for builtins.eval.")
    store.reject([(later, STAMP), (Rejection("/m/A.pt", "unreadable_file", "short"), STAMP)])
    assert [found.message for found in store.rejections()] == ["short", later.message]


def test_a_path_is_either_taken_in_or_refused(store: Store) -> None:
    refused = Rejection("/m/a.pt", "unreadable_file", "cut short")
    store.remember([(vae(), at("/m/a.pt"))])
    store.reject([(refused, STAMP)])
    assert paths(store) == {"/m/a.pt": ("rejected", None)}
    assert store.by_sha256(sha(0)).locations == ()
    store.remember([(vae(), at("/m/a.pt"))])
    assert paths(store) == {"/m/a.pt": ("present", sha(0))}
    assert store.rejections() == ()
    store.reject([(replace(refused, path="/m/b.pt"), STAMP)])
    store.relocate([("/m/a.pt", at("/m/b.pt"))])
    assert paths(store) == {"/m/b.pt": ("present", sha(0))}


def test_marking_changes_the_state_alone(store: Store) -> None:
    store.remember([(vae(), at("/m/a.pt")), (vae(), at("/m/b.pt"))])
    for state in ("missing", "offline", "present"):
        store.mark(["/m/a.pt", "/m/unknown.pt"], state)
        assert store.by_sha256(sha(0)).locations == (at("/m/a.pt", state), at("/m/b.pt"))
    store.mark([], "missing")
    assert {place.state for place in store.places().values()} == {"present"}


def test_a_refused_file_that_is_gone_is_listed_no_longer(store: Store) -> None:
    store.reject([(Rejection("/m/a.pt", "unreadable_file", "cut short"), STAMP)])
    store.mark(["/m/a.pt"], "offline")
    assert store.rejections()
    store.mark(["/m/a.pt"], "missing")
    assert store.places() == {}


def test_scanned_folders_are_kept_once_each(store: Store) -> None:
    odd = os.fsdecode(b"/models/\xff")
    store.keep_roots(["/models", odd, "/models"])
    store.keep_roots([])
    store.keep_roots(["/home/ada/comfyui/models", "/models"])
    assert store.roots() == ("/home/ada/comfyui/models", "/models", odd)


def test_verdicts_come_back_with_their_evidence(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
    kept = verdict(checkpoint(), vae())
    store.keep_verdict(kept)
    assert store.verdicts() == (kept,)
    odd = Evidence("health", "warn", "\0", "nan", "A tensor named \ud800.")
    newer = replace(
        kept, rules_version=8, verdict=replace(kept.verdict, evidence=(odd,), advice=())
    )
    deeper = replace(kept, level="decode")
    store.keep_verdict(newer)
    store.keep_verdict(deeper)
    found = store.verdicts()
    assert [(v.level, v.rules_version, len(v.verdict.evidence)) for v in found] == [
        ("weights", 8, 1),
        ("decode", 7, 2),
    ]
    assert found[0].verdict.evidence[0].message == "A tensor named \\ud800."


def test_a_baked_in_vae_is_judged_against_its_own_checkpoint(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/c.pt"))])
    store.keep_verdict(verdict(checkpoint(), checkpoint()))
    assert len(store.verdicts()) == 1


def test_the_verdicts_on_one_pair_are_asked_for_alone(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
    kept = verdict(checkpoint(), vae())
    deeper = replace(kept, level="decode", verdict=replace(kept.verdict, evidence=()))
    baked = verdict(checkpoint(), checkpoint())
    for each in (kept, baked, deeper):
        store.keep_verdict(each)
    one, other = (artifact.digests.sha256 for artifact in (checkpoint(), vae()))
    assert store.of_pair(one, other) == (kept, deeper)
    assert store.of_pair(one, one) == (baked,)
    assert store.of_pair(other, one) == store.of_pair(one, sha("other")) == ()


def test_a_verdict_on_an_unknown_model_is_refused(store: Store) -> None:
    store.remember([(vae(), at("/m/v.pt"))])
    with pytest.raises(NotFound, match=sha("model")):
        store.keep_verdict(verdict(checkpoint(), vae()))
    assert store.verdicts() == ()


def test_a_verdict_keeps_what_its_probe_took_and_drew(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
    cost = Cost("cuda:0", "bfloat16", 0.1 + 0.2, 2**40)
    images = ("/out/strip 1.png", os.fsdecode(b"/out/\xff.png"))
    kept = replace(verdict(checkpoint(), vae()), cost=cost, images=images)
    store.keep_verdict(kept)
    assert store.verdicts() == (kept,)
    store.keep_verdict(replace(kept, cost=None, images=()))
    assert store.verdicts() == (verdict(checkpoint(), vae()),)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"response": None, "fit": None, "contrast": None, "trouble": "No runner \u2014 for \n it."},
        {"finite": False, "contrast": math.inf},
        {"response": Response(((math.inf, -math.inf, 0.0),), True), "contrast": 0.0},
        {"fit": EncoderFit((), 5e-324, False)},
    ],
)
def test_a_reading_comes_back_exactly(store: Store, changes: dict[str, object]) -> None:
    store.remember([(vae(), at("/m/v.pt")), (vae(1), at("/m/w.pt"))])
    kept = replace(reading(), **changes)
    store.keep_reading(sha(0).upper(), reading())
    store.keep_reading(sha(0), kept)
    assert store.readings() == {sha(0): kept}


def test_a_reading_that_is_no_number_stays_none(store: Store) -> None:
    store.remember([(vae(), at("/m/v.pt"))])
    store.keep_reading(sha(0), replace(reading(), contrast=math.nan))
    found = store.readings()[sha(0)]
    assert found.contrast is not None
    assert math.isnan(found.contrast)


def test_a_reading_of_an_unknown_model_is_refused(store: Store) -> None:
    store.remember([(vae(), at("/m/v.pt"))])
    with pytest.raises(NotFound, match=sha(1)):
        store.keep_reading(sha(1), reading())
    assert store.readings() == {}


def test_readings_go_with_their_model_and_with_their_probes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.remember([(vae(), at("/m/v.pt")), (vae(1), at("/m/w.pt"))])
    store.keep_reading(sha(0), reading())
    store.keep_reading(sha(1), reading())
    store.remember([(vae(), at("/m/v.pt", inode=4))])
    assert set(store.readings()) == {sha(0), sha(1)}
    store.forget(sha(0))
    assert set(store.readings()) == {sha(1)}
    monkeypatch.setattr("vaereg.registry.measures.PROBES_VERSION", PROBES_VERSION + 1)
    assert store.readings() == {}


def test_the_digest_of_a_components_weights_once_known_stays_known(store: Store) -> None:
    def with_contents(*contents: str | None) -> Artifact:
        parts = checkpoint().identity.components
        told = tuple(replace(part, content=it) for part, it in zip(parts, contents, strict=True))
        return replace(checkpoint(), identity=replace(checkpoint().identity, components=told))

    store.remember([(with_contents("a" * 64, "b" * 64, None), at("/m/c.pt"))])
    assert store.by_sha256(sha("model")).artifact == with_contents("a" * 64, "b" * 64, None)
    store.remember([(with_contents(None, "c" * 64, None), at("/m/c.pt"))])
    assert store.models()[0].artifact == with_contents("a" * 64, "c" * 64, None)


def test_forgetting_takes_everything_along(store: Store) -> None:
    store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt")), (vae(1), at("/m/w.pt"))])
    for fits in (vae(), vae(1)):
        store.keep_verdict(verdict(checkpoint(), fits))
    store.forget(sha(0))
    assert names(store) == ["c", "w"]
    assert set(store.places()) == {"/m/c.pt", "/m/w.pt"}
    assert [v.vae_sha256 for v in store.verdicts()] == [sha(1)]
    store.forget(sha("model").upper())
    assert store.verdicts() == ()
    store.forget(sha("never seen"))


def test_a_registry_outlives_the_command(store: Store, url: str, tmp_path: Path) -> None:
    store.remember([(vae(), at("/m/a.pt"))])
    store.close()
    with open_store(url, tmp_path) as again:
        assert names(again) == ["a"]


def test_machines_share_models_but_not_paths(url: str, tmp_path: Path) -> None:
    with open_store(url, tmp_path, "ada") as ada, open_store(url, tmp_path, "bob") as bob:
        ada.remember([(vae(), at("/m/a.pt"))])
        bob.remember([(vae(), at("/m/a.pt", inode=77))])
        bob.reject([(Rejection("/m/b.pt", "unreadable_file", "cut short"), STAMP)])
        assert ada.models()[0].locations == (at("/m/a.pt"),)
        assert bob.by_sha256(sha(0)).locations == (at("/m/a.pt", inode=77),)
        bob.keep_roots(["/m"])
        assert ada.rejections() == ()
        assert ada.roots() == ()
        ada.mark(["/m/a.pt", "/m/b.pt"], "missing")
        assert bob.models()[0].locations[0].state == "present"
        assert bob.rejections()
        bob.reject([(Rejection("/m/a.pt", "unreadable_file", "cut short"), STAMP)])
        assert ada.models()[0].locations[0].state == "missing"


def test_a_failing_call_records_nothing(store: Store) -> None:
    with pytest.raises(TypeError):
        store.remember([(vae(1), at("/m/a.pt")), (replace(vae(2), known_as=3), at("/m/b.pt"))])
    assert store.models() == ()


def test_asking_makes_no_registry(tmp_path: Path) -> None:
    """Only what writes creates the file; an empty answer needs none."""
    with open_store(f"sqlite:///{tmp_path}/new/registry.db", tmp_path) as store:
        assert store.models() == ()
        assert store.places() == {}
        assert store.verdicts() == ()
        assert store.rejections() == ()
        assert store.roots() == ()
        assert store.by_sha256("0" * 64) is None
    assert list(tmp_path.iterdir()) == []


def test_an_emptied_registry_beside_a_copy_is_told_not_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "registry.db").touch()
    (tmp_path / "registry.db.saved-20260101T000000Z").write_bytes(b"x")
    with open_store("", tmp_path) as store, pytest.raises(StoreError, match="copy is beside"):
        store.models()
