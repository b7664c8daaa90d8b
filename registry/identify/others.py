"""Files that are neither checkpoint nor VAE, though their names often look like one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..values import Tensor
from .denoiser import ANY
from .view import Keys, View


@dataclass(frozen=True, slots=True)
class Lookalike:
    """One row of a table: the kind of a file and what tells it.

    ``heads`` and ``tails`` are cheap tests made once for the whole file; ``keys`` follows them.
    """

    kind: str
    heads: tuple[str, ...] = ()
    """First words of which one must occur; ``word*`` stands for every word that starts so."""
    tails: tuple[str, ...] = ()
    """Texts of which one must occur in the last three words of a name."""
    keys: Keys = ANY
    fewest: float = 0.0
    """Share of all tensors that ``heads`` or ``tails`` must account for."""


ADAPTERS = (
    # Asked before anything else: an adapter has the names of the model that it adapts.
    # yzkee/ComfyUI comfy/lora.py, comfy/weight_adapter; kohya-ss/sd-scripts networks;
    # XLabs-AI/x-flux; Mikubill/sd-webui-controlnet; tencent-ailab/IP-Adapter; guoyww/AnimateDiff.
    Lookalike("pixel_space", ("pixel_space_vae",)),
    Lookalike("ip_adapter", ("ip_adapter", "image_proj", "ip_adapter_proj_model", "id_adapter")),
    Lookalike("ip_adapter", ("pulid_ca", "pulid_encoder", "redux_up", "id_encoder")),
    Lookalike("ip_adapter", tails=(".ip_adapter_double_stream_k_proj.", ".to_k_ip.")),
    Lookalike("controlnet", ("lllite*", "lora_controlnet", "control_model")),
    Lookalike("controlnet", ("zero_convs", "input_hint_block", "controlnet_cond_embedding")),
    Lookalike("controlnet", ("controlnet_*", "control_layers", "control_all_x_embedder")),
    Lookalike("controlnet", ("pos_embed_input", "control_add_embedding", "brushnet_*")),
    Lookalike("controlnet", ("vace_blocks",), keys=Keys(none_of=("blocks.0.*",))),
    Lookalike("controlnet", ("controlnet",), fewest=0.5),
    Lookalike(
        "lora",
        tails=(
            *(".lora_up.", ".lora_down.", ".lora_A.", ".lora_B.", ".lora_mid.", "_lora.up."),
            *("_lora1.up.", "_lora1.down.", "_lora2.up.", "_lora2.down."),
            *("_lora.down.", ".lora.up.", ".lora.down.", ".lora_linear_layer.", ".lora_magnitude"),
            *(".hada_w1_a", ".hada_w2_a", ".lokr_w1", ".lokr_w2", ".oft_blocks", ".oft_diag"),
            *(".oft_R", ".boft_", ".dora_scale", ".on_input", ".a1.weight", ".b1.weight"),
            *(".diff\n", ".diff_b\n", ".set_weight", ".vera_lambda", ".ia3_l", ".w_norm"),
        ),
        keys=Keys(none_of=("*.qweight",)),
        fewest=0.3,
    ),
    Lookalike("lora", ("lora_unet*", "lora_te*", "lora_transformer*", "lycoris*"), fewest=0.5),
    Lookalike("embedding", ("emb_params", "string_to_param", "string_to_token")),
    Lookalike("hypernetwork", ("layer_structure", "sd_checkpoint", "activation_func")),
    Lookalike("hypernetwork", ("320", "640", "768", "1024", "1280"), (".linear.0.weight",)),
    Lookalike("t2i_adapter", ("adapter",), keys=Keys(any_of=("adapter.body.*",))),
    Lookalike("t2i_adapter", ("body",), keys=Keys(("body.0.block1.weight", "conv_in.weight"))),
    Lookalike("t2i_adapter", ("style_embedding", "task_embedding")),
    Lookalike(
        "motion_module",
        ("down_blocks", "up_blocks", "mid_block", "model", "unet"),
        keys=Keys(
            ("*.motion_modules.0.*",), none_of=("*conv_in.weight", "*input_blocks.0.0.weight")
        ),
    ),
    Lookalike("optimizer", tails=(".exp_avg\n", ".exp_avg_sq\n"), fewest=0.5),
    # Diffusion models of sound and of shapes, whose blocks are named like those of pictures
    Lookalike("audio_model", tails=(".genre_embedder.weight", ".transformer.project_in.weight")),
    Lookalike("audio_model", keys=Keys(("cond_layer_logits",))),
    Lookalike(
        "audio_model",
        ("encoder", "model"),
        keys=Keys(("*lyric_encoder.layers.0.input_layernorm.*",)),
    ),
    Lookalike("shape_model", tails=(".latent_in.weight",)),
)

LOOKALIKES = (
    # Asked where there is no denoiser, before a VAE is looked for.
    # Preview nets decode to small pictures, they replace no VAE.
    Lookalike(
        "preview",
        keys=Keys(shapes=(("conv1.weight", (8, None, 7, 7)), ("conv8.weight", (3, 8, 3, 3)))),
    ),
    Lookalike(
        "preview",
        keys=Keys(
            any_of=("blocks.11.num_batches_tracked", "previewer.blocks.11.num_batches_tracked"),
            none_of=("*backbone.1.0.block.0.1.num_batches_tracked",),
        ),
    ),
    # Face restorers: chaiNNer-org/spandrel libs/spandrel/spandrel/architectures
    Lookalike("face_restorer", ("stylegan_decoder",)),
    Lookalike("face_restorer", keys=Keys(("encoder.blocks.0.weight", "generator.blocks.0.weight"))),
    Lookalike("face_restorer", keys=Keys(shapes=(("quantize.embedding.weight", (1024, 256)),))),
    # Audio: yzkee/ComfyUI comfy/sd.py (VAE), huggingface/diffusers models/autoencoders
    Lookalike("audio_vae", ("pretransform", "vocoder", "audio_vae", "conv_pre")),
    Lookalike(
        "audio_vae", ("decoder", "encoder"), (".weight_g\n", ".snake1.alpha", ".layers.0.beta")
    ),
    Lookalike("audio_vae", keys=Keys(shapes=(("decoder.conv_in.conv.weight", (None,) * 4),))),
    Lookalike("audio_vae", keys=Keys(("decoder.layers.3.transformers.0.pre_norm.alpha",))),
    Lookalike("audio_vae", keys=Keys(any_of=("dec_in_proj.weight", "pre_block.attn.zero_k_bias"))),
    # Shapes in space
    Lookalike("shape_vae", ("geo_decoder", "shape_dec", "txt_dec")),
    Lookalike("shape_vae", ("vae",), keys=Keys(any_of=("vae.geo_decoder.*", "vae.shape_dec.*"))),
    Lookalike("shape_vae", keys=Keys(("gs.base_offset_scale",))),
    # Upscalers and restorers: chaiNNer-org/spandrel
    Lookalike("latent_upscaler", ("post_upsample_res_blocks",)),
    Lookalike("upscaler", ("conv_first", "before_RG", "sub_mean", "m_head", "intro", "to_feat")),
    Lookalike("upscaler", ("encoder_level1", "residual_layer", "feats", "block_1")),
    Lookalike("upscaler", ("unet1",), keys=Keys(("unet1.conv1.conv.0.weight",))),
    Lookalike("upscaler", ("model",), keys=Keys(("model.0.weight",), any_of=("model.1.sub.0.*",))),
    Lookalike("upscaler", ("body",), keys=Keys(("body.0.weight", "body.2.weight"))),
    Lookalike("upscaler", ("layers",), (".relative_position_bias_table",)),
    # Networks that look at pictures
    Lookalike("segmentation", ("mask_decoder", "prompt_encoder", "sam_mask_decoder", "detector")),
    Lookalike("depth", ("pretrained", "depth_head", "scratch")),
    Lookalike("depth", keys=Keys(("head.scratch.refinenet1.out_conv.weight",))),
    Lookalike("detector", ("model",), keys=Keys(("model.0.conv.weight", "model.1.conv.weight"))),
    Lookalike("detector", ("model",), keys=Keys(("model.model.0.conv.weight",))),
    Lookalike("inpainter", ("generator",), keys=Keys(any_of=("generator.model.*",))),
    Lookalike("classifier", keys=Keys(("conv1.weight", "layer1.0.conv1.weight", "fc.weight"))),
    Lookalike("classifier", keys=Keys(("classifier.weight",))),
    Lookalike("classifier", keys=Keys(("cls_token", "patch_embed.proj.weight", "head.weight"))),
)

_EMBEDDING_WIDTHS = frozenset((512, 768, 1024, 1280, 2048, 2304, 2560, 3072, 3584, 4096, 5120))
_FEW = 9
"""Most tensors a textual inversion has."""


class Outline:
    """First words and last three words of all names: the cheap summary that the tables ask."""

    def __init__(self, tensors: Iterable[str]) -> None:
        self.names = list(tensors)
        self.heads = frozenset([name.partition(".")[0] for name in self.names])
        ends = {"." + ".".join(name.rsplit(".", 3)[-3:]) for name in self.names}
        self.tails = "\n".join(ends) + "\n"

    def shows(self, row: Lookalike) -> bool:
        """Whether the cheap tests of a row let it pass."""
        return (not row.heads or any(self._has_head(head) for head in row.heads)) and (
            not row.tails or any(tail in self.tails for tail in row.tails)
        )

    def share(self, row: Lookalike) -> float:
        """Share of the names that have one of the row's heads or tails."""
        heads = tuple(head.removesuffix("*") for head in row.heads)
        found = sum(
            1
            for name in self.names
            if (heads and name.startswith(heads)) or any(tail in f".{name}\n" for tail in row.tails)
        )
        return found / max(1, len(self.names))

    def _has_head(self, head: str) -> bool:
        if not head.endswith("*"):
            return head in self.heads
        return any(word.startswith(head[:-1]) for word in self.heads)


def other_kind(rows: Iterable[Lookalike], outline: Outline, view: View) -> str | None:
    """The kind of the first row that fits a file, None where none does."""
    return next(
        (
            row.kind
            for row in rows
            if outline.shows(row)
            and (not row.fewest or outline.share(row) >= row.fewest)
            and row.keys.holds(view)
        ),
        None,
    )


def is_embedding(tensors: Iterable[Tensor]) -> bool:
    """Whether a handful of tensors are learned words: rows as wide as a text encoder."""
    few = list(tensors)
    return 0 < len(few) <= _FEW and all(
        1 <= len(tensor.shape) <= 2
        and tensor.shape[-1] in _EMBEDDING_WIDTHS
        and "." not in tensor.name.strip(".")
        and (len(tensor.shape) == 1 or tensor.shape[0] <= 256)
        for tensor in few
    )
