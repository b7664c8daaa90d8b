"""What a comparison reads of files and folders, and which known VAE is the nearest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tests.registry.components import denoiser, open_between, settled, vae
from tests.registry.kinship.kin_cases import (
    SHAPES,
    Change,
    another,
    drift,
    drifted,
    narrow,
    swap,
    trained,
    write,
)
from vaereg.registry.errors import Unreadable
from vaereg.registry.formats.catalog import read_header
from vaereg.registry.formats.local import LocalFile
from vaereg.registry.judging.pairing import pair_of, relation_to_baked
from vaereg.registry.judging.sides import Side
from vaereg.registry.kinship.kinship import kinship, nearest
from vaereg.registry.measures import VaeFile
from vaereg.registry.samples.autoencoder import autoencoder_kl, in_diffusers_layout
from vaereg.registry.values import Artifact, Component, Digests, Identity
from vaereg.registry.verdicts.judge import judge
from vaereg.registry.weights import below, open_weights


@dataclass
class Counted:
    """A file that counts the ranges asked of it."""

    file: LocalFile
    ranges: list[int] = field(default_factory=list)

    name = property(lambda self: self.file.name)
    size = property(lambda self: self.file.size)
    bytes_read = property(lambda self: sum(self.ranges))

    def read(self, offset: int, length: int) -> bytes:
        self.ranges.append(length)
        return self.file.read(offset, length)

    def close(self) -> None:
        self.file.close()

    __hash__ = object.__hash__


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A header-true VAE of real size, weights of one training near the latents and zero inside."""
    shapes = autoencoder_kl(4, (128, 256, 512, 512))
    source = np.random.default_rng(3)
    path = write(
        tmp_path / "wide.safetensors",
        {
            name: source.normal(0, 0.1, shape).astype(np.float16)
            if np.prod(shape) < 1 << 16
            else np.zeros(shape, np.float16)
            for name, shape in shapes.items()
        },
    )
    return path


def test_the_quick_answer_reads_little_in_few_ranges(wide: Path) -> None:
    with LocalFile(wide) as first, LocalFile(wide) as second:
        header = read_header(first)
        one, other = Counted(first), Counted(second)
        found = kinship(below(one, header), below(other, header), thorough=False)
    assert (found.relation, found.thorough, found.settles) == ("same-weights", False, False)
    assert len(one.ranges) <= 6
    assert sum(one.ranges) < 400_000
    assert found.bytes_read == sum(one.ranges) + sum(other.ranges)


def test_a_file_that_shrinks_meanwhile_is_unreadable(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{name}.safetensors", trained(1)) for name in "ab")
    with open_weights(str(one)) as mine, open_weights(str(other)) as theirs:
        with other.open("r+b") as file:
            file.truncate(60_000)
        with pytest.raises(Unreadable):
            kinship(mine, theirs)


def vae_file(path: Path, family: str) -> VaeFile:
    parts = ("encoder", "decoder")
    return VaeFile(path.stem, str(path), "", "autoencoder-kl", parts, 4, family)


@pytest.fixture
def known(tmp_path: Path) -> list[VaeFile]:
    """A registry of three families, one of a damaged and one of a lost file."""
    mse, ema = trained(1), trained(1)
    drift(mse, "decoder.", seed=2)
    drift(ema, "decoder.", seed=3, size=0.02)
    found = [
        vae_file(write(tmp_path / f"{name}.safetensors", weights), family)
        for name, weights, family in (
            ("kl-f8", trained(1), "sd1"),
            ("mse", mse, "sd1"),
            ("ema", ema, "sd1"),
            ("xl", trained(2), "sdxl"),
        )
    ]
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{")
    lost = [vae_file(tmp_path / f"{name}.safetensors", "sdxl") for name in ("broken", "lost")]
    return lost + found


@pytest.mark.parametrize(
    ("changes", "seed", "expected"),
    [
        ([], 1, ("kl-f8", "same-weights")),
        ([narrow("float16")], 1, ("kl-f8", "same-weights")),
        ([drifted("decoder.")], 1, ("kl-f8", "same-encoder")),
        ([drifted("decoder.", "encoder.")], 2, ("xl", "same-lineage")),
        ([swap("quant_conv.weight", 0)], 1, None),
        ([another("decoder.up.1.block.0.")], 1, None),
        ([], 5, None),
    ],
)
def test_the_nearest_known_vae(
    tmp_path: Path,
    known: list[VaeFile],
    changes: list[Change],
    seed: int,
    expected: tuple[str, str] | None,
) -> None:
    weights = trained(seed)
    for change in changes:
        change(weights)
    path = write(tmp_path / "unknown" / "vae.safetensors", weights)
    with open_weights(str(path)) as opened:
        found = nearest(opened, known)
    assert (found and (found.vae.name, found.kinship.relation)) == expected
    assert found is None or found.kinship.settles


def test_a_finetune_near_two_spaces_is_not_taken_for_either(tmp_path: Path) -> None:
    """Finetuning can move the latents a little at a time until they are another space."""
    moved, between = trained(1), trained(1)
    drift(moved, "decoder.", "encoder.", seed=2, size=0.1)
    drift(between, "decoder.", "encoder.", seed=3, size=0.1)
    others = [
        vae_file(write(tmp_path / "sdxl.safetensors", trained(1)), "sdxl"),
        vae_file(write(tmp_path / "eq.safetensors", moved), "eq-sdxl"),
    ]
    path = write(tmp_path / "vae.safetensors", between)
    with open_weights(str(path)) as opened:
        found = nearest(opened, others)
        assert found is not None
        assert (found.kinship.relation, found.kinship.settles) == ("unclear", False)
        only = nearest(opened, others[:1])
        assert only is not None
        assert only.kinship.relation == "same-lineage"


def side(path: Path, name: str, *components: Component) -> Side:
    identity = Identity("safetensors", "vae", components)
    return Side(name, str(path), Artifact(Digests(name), 1, identity))


@pytest.mark.parametrize("gone", [False, True])
def test_a_folder_is_compared_with_the_vae_baked_into_a_checkpoint(
    tmp_path: Path, gone: bool
) -> None:
    prefixed = {f"first_stage_model.{name}": it for name, it in trained(1).items()}
    baked = replace(vae(open_between("sd1", "sdxl")), prefix="first_stage_model.")
    path = write(tmp_path / "checkpoint.safetensors", prefixed)
    tuned = trained(1)
    drift(tuned, "decoder.")
    renamed = {new: tuned[old] for new, old in in_diffusers_layout(SHAPES).items()}
    folder = tmp_path / "vae"
    write(folder / "diffusion_pytorch_model.safetensors", renamed)
    (folder / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    if gone:
        path.unlink()
    checkpoint = side(path, "c", denoiser(settled("sd1")), baked)
    offered = side(folder, "v", replace(vae(open_between("sd1", "sdxl")), prefix=""))
    found = relation_to_baked(checkpoint, offered)
    verdict = judge(pair_of(checkpoint, offered, found)).verdict
    assert verdict == ("unknown" if gone else "compatible")
    assert (found and found.relation) == (None if gone else "same-encoder")
    assert relation_to_baked(checkpoint, checkpoint) is None
