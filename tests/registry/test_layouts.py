"""Names carried between the LDM and the diffusers spelling, one to one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vaereg.registry.identify.view import View
from vaereg.registry.layouts import canonical_names, diffusers_names, levels

from ..builders import header_of
from .identify import vae_originals as original
from .identify.vae_headers import CLASSES, Shapes, diffusers

KL = ("sd", "x4", "kl-f4", "sd3", "cogview", "d16", "flux2", "movq", "movq-3", "vq-f4")
OTHERS = (
    *("wan21", "wan22", "qwen21", "dc-sana", "cogvideox", "allegro", "mochi", "cosmos"),
    *("hunyuan-image", "hunyuan-15", "ltx-0.9.5", "magvit", "kvae", "tiny-4", "minimax-h3"),
)


def view_of(shapes: Shapes) -> View:
    """The view of a whole header."""
    return View(header_of(shapes).tensors)


@pytest.mark.parametrize("name", KL)
def test_diffusers_names_become_ldms_and_back(name: str) -> None:
    """Every tensor of one layout is one of the other, in both directions."""
    shapes, ldm = diffusers(name), original.ldm(diffusers(name))
    canonical = canonical_names(view_of(shapes))
    assert list(canonical) == list(shapes)
    assert list(canonical.values()) == list(ldm)
    back = diffusers_names(view_of(ldm))
    assert [back[canonical[key]] for key in shapes] == list(shapes)
    assert all(key == value for key, value in canonical_names(view_of(ldm)).items())
    assert all(key == value for key, value in diffusers_names(view_of(shapes)).items())


@pytest.mark.parametrize(
    ("file", "canonical"),
    [
        (
            "encoder.down_blocks.2.resnets.0.conv_shortcut.weight",
            "encoder.down.2.block.0.nin_shortcut.weight",
        ),
        ("encoder.down_blocks.0.downsamplers.0.conv.bias", "encoder.down.0.downsample.conv.bias"),
        ("decoder.up_blocks.0.resnets.2.norm1.weight", "decoder.up.3.block.2.norm1.weight"),
        ("decoder.up_blocks.2.upsamplers.0.conv.weight", "decoder.up.1.upsample.conv.weight"),
        ("decoder.mid_block.attentions.0.to_out.0.bias", "decoder.mid.attn_1.proj_out.bias"),
        ("decoder.mid_block.resnets.1.conv2.weight", "decoder.mid.block_2.conv2.weight"),
        ("encoder.conv_norm_out.weight", "encoder.norm_out.weight"),
        ("post_quant_conv.weight", "post_quant_conv.weight"),
    ],
)
def test_published_pairs(file: str, canonical: str) -> None:
    """Single names of kl-f8, as stable-diffusion checkpoints and diffusers folders spell them."""
    assert canonical_names(view_of(diffusers("sd")))[file] == canonical


def test_svd_has_ldm_names_too() -> None:
    """The temporal half of each block, its mixing factor and the last convolution over time."""
    shapes, ldm = diffusers("svd"), original.svd_ldm()
    names = set(canonical_names(view_of(shapes)).values())
    assert names - set(ldm) == {"quant_conv.weight", "quant_conv.bias"}
    assert set(ldm) <= names
    assert set(diffusers_names(view_of(ldm)).values()) == {
        key for key in shapes if not key.startswith("quant_conv")
    }


@pytest.mark.parametrize("build", [original.old_attention, lambda shapes: shapes])
def test_attention_spellings_agree(build: Callable[[Shapes], Shapes]) -> None:
    """query, key, value, proj_attn and to_q, to_k, to_v, to_out.0 are the same tensors."""
    canonical = canonical_names(view_of(build(diffusers("sd"))))
    assert set(canonical.values()) == set(original.ldm(diffusers("sd")))


def test_halves_and_flux2s_own_file_agree_with_the_whole() -> None:
    """Quantisation convolutions inside the halves; a decoder without its encoder."""
    own = canonical_names(view_of(original.flux2_original()))
    assert set(own.values()) == set(original.ldm(diffusers("flux2")))
    decoder = {key: value for key, value in diffusers("sd").items() if key.startswith("decoder.")}
    names = canonical_names(view_of(decoder))
    assert set(names.values()) == {
        key for key in original.ldm(diffusers("sd")) if key.startswith("decoder.")
    }
    assert levels(view_of(decoder)) == 4


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_keep_their_names(name: str) -> None:
    """There is no second spelling to carry them to."""
    view = view_of(diffusers(name))
    assert all(key == value for key, value in canonical_names(view).items())
    assert all(key == value for key, value in diffusers_names(view).items())


def test_names_that_collide_stay_apart() -> None:
    """A file with both spellings of one tensor keeps every tensor."""
    both = diffusers("sd") | original.ldm(diffusers("sd"))
    for names in (canonical_names(view_of(both)), diffusers_names(view_of(both))):
        assert set(names) == set(both)
        assert len(set(names.values())) == len(both)


def test_absurd_level_numbers_are_left_alone() -> None:
    """A number of thousands of digits is no level."""
    odd = {f"decoder.up_blocks.{'9' * 5000}.resnets.0.conv1.weight": (1,)}
    names = canonical_names(view_of(diffusers("sd") | odd))
    assert set(odd) <= set(names.values())
    assert set(KL) <= set(CLASSES)
