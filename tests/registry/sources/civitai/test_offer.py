"""What a REF on Civitai stands for: the version, the file, what its author says."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.registry.sources.civitai.conftest import Site, weights
from tests.servers.civitai import File, Version, hashes_of
from vaereg.registry.errors import Forbidden, NotFound, UsageError
from vaereg.registry.families import families
from vaereg.registry.sources.base import Wish
from vaereg.registry.sources.civitai import declared_families
from vaereg.registry.sources.civitai.base_models import base_models
from vaereg.registry.sources.refs import CivitaiRef, HfRef


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_version_is_one_request_and_its_file_is_stated_to_the_byte(site: Site) -> None:
    data = weights(1, size=3001)
    model = site.server.add("Forest VAE", Version("v1", "SDXL 1.0", (File("f.safetensors", data),)))
    version = model.versions[0]
    offer = site.offer(f"civitai:{model.id}@{version.id}")
    assert offer.ref == CivitaiRef(model.id, version.id, version.files[0].id)
    (file,) = offer.files
    assert (file.size, file.sha256, file.connections) == (len(data), sha256(data), 2)
    assert file.hashes["autov2"] == sha256(data)[:10]
    assert file.hashes["blake3"] == hashes_of(data)["BLAKE3"].lower()
    assert offer.name == "f.safetensors"
    assert offer.origin.ref == f"civitai:{model.id}@{version.id}"
    assert offer.origin.name == "Forest VAE - v1"
    assert offer.origin.declared == "SDXL 1.0"
    assert offer.origin.url == (f"{site.server.url}/models/{model.id}?modelVersionId={version.id}")
    assert any("SDXL 1.0" in note and "sdxl" in note for note in offer.notes)
    assert site.asked() == [f"GET /api/v1/model-versions/{version.id}"]


def test_a_model_alone_is_its_newest_version_with_files(site: Site) -> None:
    model = site.server.add(
        "VAE",
        Version("v2", files=(File("two.safetensors", weights(2)),)),
        Version("v1", files=(File("one.safetensors", weights(1)),)),
    )
    assert site.offer(f"civitai:{model.id}").name == "two.safetensors"
    older = model.versions[1]
    assert site.offer(f"civitai:{model.id}+{older.files[0].id}").name == "one.safetensors"
    assert site.offer(f"civitai:@{older.id}").ref == CivitaiRef(
        model.id, older.id, older.files[0].id
    )


def test_an_unrated_version_is_found_in_its_model(site: Site) -> None:
    """Its own route answers 404, its model's does not."""
    model = site.server.add("VAE", Version("v1", files=(File("a.safetensors", weights(1)),)))
    version = model.versions[0]
    site.server.unrated.add(version.id)
    assert site.offer(f"civitai:{model.id}@{version.id}").name == "a.safetensors"
    with pytest.raises(NotFound):
        site.offer(f"civitai:@{version.id}")


VARIANTS = (
    File("full.ckpt", weights(1), fp="fp32", size="full"),
    File("half.safetensors", weights(2), fp="fp16", size="pruned"),
    File("whole.safetensors", weights(3), fp="fp32", size="full"),
    File("brain.safetensors", weights(4), type="Pruned Model", fp="bf16"),
    File("beside.vae.safetensors", weights(5), type="VAE"),
    File("look.yaml", b"model:", type="Config"),
)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ({}, "half.safetensors"),
        ({"dtype": "fp32"}, "whole.safetensors"),
        ({"dtype": "bf16"}, "brain.safetensors"),
        ({"file": "full.ckpt"}, "full.ckpt"),
        ({"file": "FULL.CKPT"}, "full.ckpt"),
        ({"file": "vae"}, "beside.vae.safetensors"),
        ({"file": "Pruned Model"}, "brain.safetensors"),
        ({"file": "config"}, "look.yaml"),
        ({"role": "model"}, "half.safetensors"),
        ({"role": "vae"}, "half.safetensors"),
    ],
)
def test_which_file_of_a_checkpoint(site: Site, wish: dict[str, str], name: str) -> None:
    model = site.server.add("Forest", Version("v1", files=VARIANTS), type="Checkpoint")
    offer = site.offer(f"civitai:{model.id}@{model.versions[0].id}", **wish)
    assert offer.name == name
    others = next(note for note in offer.notes if note.startswith("also offered"))
    assert name not in others
    assert "--file" not in others
    for note in offer.notes:
        assert "--file" not in note
    named = re.findall(r"civitai:\d+@\d+\+\d+", others)
    assert len(named) == len(VARIANTS) - 1
    assert {site.offer(ref).name for ref in named} == {file.name for file in VARIANTS} - {name}


def test_a_file_is_chosen_by_its_id_and_a_pasted_address_keeps_its_choice(site: Site) -> None:
    model = site.server.add("Forest", Version("v1", files=VARIANTS), type="Checkpoint")
    version = model.versions[0]
    ckpt = version.files[0]
    assert site.offer(f"civitai:@{version.id}", file=str(ckpt.id)).name == "full.ckpt"
    assert site.offer(f"civitai:@{version.id}+{ckpt.id}").name == "full.ckpt"
    pasted = f"https://civitai.com/api/download/models/{version.id}"
    assert site.offer(f"{pasted}?type=VAE").name == "beside.vae.safetensors"
    assert site.offer(f"{pasted}?type=Model&format=PickleTensor&fp=fp32").name == "full.ckpt"
    for wrong in (f"{pasted}?fp=nf4", f"civitai:@{version.id}+1"):
        with pytest.raises(NotFound, match=r"half\.safetensors"):
            site.offer(wrong)


def test_a_float_type_that_is_not_offered_is_said(site: Site) -> None:
    files = (File("a.ckpt", weights(1), fp="fp32"), File("a.safetensors", weights(2), fp="fp16"))
    model = site.server.add("VAE", Version("v1", files=files))
    offer = site.offer(f"civitai:{model.id}", dtype="fp32")
    assert offer.name == "a.safetensors"
    ckpt = f"a.ckpt (civitai:{model.id}@{model.versions[0].id}+{model.versions[0].files[0].id}"
    assert any(
        note.startswith("a.safetensors is not declared as fp32") and ckpt in note
        for note in offer.notes
    )
    notes = site.offer(f"civitai:{model.id}", dtype="bf16").notes
    assert "no file is declared as bf16, so a.safetensors it is" in notes


def test_what_is_not_offered_is_answered_with_refs_that_every_command_takes(site: Site) -> None:
    model = site.server.add("Forest", Version("v1", files=VARIANTS[:2]), type="Checkpoint")
    version = model.versions[0]
    refs = [f"civitai:{model.id}@{version.id}+{file.id}" for file in version.files]
    for wish, asked in (({"file": "x.vae"}, "file x.vae"), ({}, "file 77")):
        with pytest.raises(NotFound) as caught:
            site.offer(f"civitai:{model.id}@{version.id}" + ("" if wish else "+77"), **wish)
        assert f"has no {asked}; it offers full.ckpt ({refs[0]}, " in caught.value.message
        assert refs[1] in caught.value.message
        assert caught.value.hint == f"name one of them, such as {refs[0]}"


def test_a_claim_is_said_to_be_whose_it_is(site: Site) -> None:
    version = Version("v2", "SDXL 1.0", (File("a.ckpt", weights(1)),), availability="Private")
    model = site.server.add("Sharp \u202eVAE", version)
    notes = site.offer(f"civitai:{model.id}").notes
    claim = "its author declares SDXL 1.0, whose latent family is sdxl; the weights decide"
    assert f"Sharp \\u202eVAE - v2: {claim}" in notes
    assert any(note.startswith("Sharp \\u202eVAE - v2 is private") for note in notes)


def test_a_checkpoint_names_its_linked_and_its_own_vaes(site: Site) -> None:
    vae = site.server.add("VAE", Version("v1", files=(File("vae.safetensors", weights(9)),)))
    site.server.add(
        "Forest",
        Version(
            "v1",
            files=(
                File("forest.safetensors", weights(1)),
                File("own.vae.pt", weights(8), type="VAE"),
            ),
            vae=vae.versions[0].id,
            id=5000,
        ),
        type="Checkpoint",
        id=4000,
    )
    expected = {sha256(weights(8)), sha256(weights(9))}
    for ref in ("civitai:4000@5000", "civitai:4000"):
        offer = site.offer(ref)
        assert offer.name == "forest.safetensors"
        assert set(offer.declared_vaes) == expected
    extra = site.offer("civitai:4000@5000", file="own.vae.pt")
    assert extra.declared_vaes == ()
    assert extra.origin.name == "Forest - v1 (VAE)"


def test_a_link_that_no_record_shows_is_looked_up(site: Site) -> None:
    site.server.switches.shows_links = False
    vae = site.server.add("VAE", Version("v1", files=(File("vae.safetensors", weights(9)),)))
    linked = Version("v1", files=(File("f.safetensors", weights(1)),), vae=vae.versions[0].id)
    model = site.server.add("Forest", linked, type="Checkpoint")
    assert site.offer(f"civitai:{model.id}").declared_vaes == (sha256(weights(9)),)


def test_a_version_of_another_model_is_said(site: Site) -> None:
    model = site.server.add("VAE", Version("v1", files=(File("a.safetensors", weights(1)),)))
    offer = site.offer(f"civitai:7@{model.versions[0].id}")
    assert any(f"model {model.id}, not to 7" in note for note in offer.notes)
    assert offer.ref == CivitaiRef(model.id, model.versions[0].id, model.versions[0].files[0].id)


@pytest.mark.parametrize(
    ("hashes", "sha", "others"),
    [
        ({}, None, {}),
        ({"AutoV2": "ABCDEF0123"}, None, {"autov2": "abcdef0123"}),
        ({"AutoV3": "AB" * 32}, None, {"autov3": "ab" * 6}),
        ({"SHA256": "CD" * 32, "CRC32": "85114A0D"}, "cd" * 32, {"crc32": "85114a0d"}),
        ({"SHA256": "CD" * 31, "BLAKE3": "no hash", "AutoV1": ""}, None, {}),
    ],
)
def test_hashes_are_taken_as_far_as_they_are_some(
    site: Site, hashes: dict[str, str], sha: str | None, others: dict[str, str]
) -> None:
    model = site.server.add(
        "VAE", Version("v1", files=(File("a.safetensors", weights(1), hashes=hashes),))
    )
    offer = site.offer(f"civitai:{model.id}")
    assert offer.files[0].sha256 == sha
    assert offer.files[0].hashes == others
    assert any("cannot be verified" in note for note in offer.notes) is (sha is None)


@pytest.mark.parametrize(
    ("size_kb", "size"),
    [(326799.4, None), (0.5, 512), (1023.9990234375, 1048575), (0, None), (-1, None)],
)
def test_a_size_is_exact_or_unknown(site: Site, size_kb: float, size: int | None) -> None:
    file = File("a.safetensors", weights(1), size_kb=size_kb)
    model = site.server.add("VAE", Version("v1", files=(file,)))
    assert site.offer(f"civitai:{model.id}").files[0].size == size


def test_scans_are_heeded(site: Site) -> None:
    danger = File("a.ckpt", weights(1), pickle_scan="Danger", scan_message="os.system")
    model = site.server.add("VAE", Version("v1", files=(danger,)))
    with pytest.raises(Forbidden, match=r"os\.system") as caught:
        site.offer(f"civitai:{model.id}")
    assert caught.value.hint == "do not load it; choose another version or another model"
    safe = File("b.ckpt", weights(2))
    model = site.server.add("VAE", Version("v1", files=(danger, safe)))
    with pytest.raises(Forbidden) as caught:
        site.offer(f"civitai:{model.id}", file="a.ckpt")
    version = model.versions[0]
    ref = f"civitai:{model.id}@{version.id}+{version.files[1].id}"
    assert caught.value.hint == f"do not load it; choose another, such as {ref}"
    assert site.offer(ref).name == "b.ckpt"
    pending = (
        File("b.ckpt", weights(2), pickle_scan="Pending"),
        File("b.safetensors", weights(3), pickle_scan="Pending", virus_scan="Error"),
    )
    model = site.server.add("VAE", Version("v1", files=pending))
    said = site.offer(f"civitai:{model.id}", file="b.ckpt").notes
    assert any("pickle scan" in note and "Pending" in note for note in said)
    said = site.offer(f"civitai:{model.id}").notes
    assert not any("pickle scan" in note for note in said)
    assert any("virus scan" in note and "Error" in note for note in said)


@pytest.mark.parametrize(
    ("version", "mode", "says"),
    [
        ({"usage": "Generation"}, None, "disabled downloads"),
        ({}, "Archived", "archived"),
        ({}, "TakenDown", "taken down"),
    ],
)
def test_what_may_not_be_downloaded_is_refused_before_it_is_tried(
    site: Site, version: dict[str, str], mode: str | None, says: str
) -> None:
    model = site.server.add(
        "VAE", Version("v1", files=(File("a.safetensors", weights(1)),), **version), mode=mode
    )
    with pytest.raises(Forbidden, match=says):
        site.offer(f"civitai:{model.id}@{model.versions[0].id}")


@pytest.mark.parametrize(
    ("availability", "until", "said"),
    [
        ("EarlyAccess", "2099-01-01T00:00:00.000Z", True),
        ("EarlyAccess", None, True),
        ("Public", "2020-01-01T00:00:00.000Z", False),
        ("Public", None, False),
    ],
)
def test_early_access_is_said_beforehand(
    site: Site, availability: str, until: str | None, said: bool
) -> None:
    early = Version(
        "v1",
        files=(File("a.safetensors", weights(1)),),
        availability=availability,
        early_until=until,
    )
    model = site.server.add("VAE", early)
    notes = site.offer(f"civitai:{model.id}").notes
    assert any("early access" in note for note in notes) is said
    assert any("2099" in note for note in notes) is (until is not None and said)


def test_a_private_version_is_said_to_be_one(site: Site) -> None:
    version = Version("v1", files=(File("a.ckpt", weights(1)),), availability="Private")
    model = site.server.add("VAE", version)
    assert any("private" in note for note in site.offer(f"civitai:{model.id}").notes)


def test_a_revision_is_a_version(site: Site) -> None:
    versions = [Version(f"v{n}", files=(File(f"{n}.ckpt", weights(n)),)) for n in (2, 1)]
    model = site.server.add("VAE", *versions)
    old = str(model.versions[1].id)
    assert site.offer(f"civitai:{model.id}", revision=old).name == "1.ckpt"
    for ref, revision in ((f"civitai:{model.id}@7", old), (f"civitai:{model.id}", "main")):
        with pytest.raises(UsageError):
            site.offer(ref, revision=revision)


def test_what_is_not_there(site: Site) -> None:
    model = site.server.add("VAE", Version("v1", files=(File("a.safetensors", weights(1)),)))
    for ref, says in (
        ("civitai:777", "Civitai has no model 777"),
        ("civitai:777@778", "Civitai has no model 777"),
        ("civitai:@778", "Civitai has no version 778"),
        (f"civitai:{model.id}@778", f"Civitai has no version 778 of model {model.id}"),
    ):
        with pytest.raises(NotFound) as caught:
            site.offer(ref)
        assert caught.value.message == says
        assert "ids are in the address of its page" in (caught.value.hint or "")
    with pytest.raises(NotFound, match=f"model {model.id} on Civitai shows no file 77"):
        site.offer(f"civitai:{model.id}+77")
    site.server.switches.desynced = True
    with pytest.raises(NotFound) as caught:
        site.offer(f"civitai:{model.id}")
    assert "modelVersionId=" in (caught.value.hint or "")
    with pytest.raises(UsageError):
        site.source.offer(HfRef("a/b"), Wish())


def test_declared_families_are_families_of_ours() -> None:
    assert declared_families("SD 1.5") == ("sd1",)
    assert declared_families("noobai") == ("sdxl",)
    assert declared_families("Flux.1 D") == ("flux1",)
    for unknown in (None, "", "SDXL Distilled", "Other", "Sora 2", "sdxl_vae.safetensors"):
        assert declared_families(unknown) == ()
    for family in families():
        for name in base_models(family):
            assert family in declared_families(name)
    named = [name for family in families() for name in base_models(family)]
    assert {family for name in named for family in declared_families(name)} <= set(families())
