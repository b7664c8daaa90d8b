"""One or more texts for every failure, worded as the programs word them."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """A text, the failure it shows, and the channels of (model, vae, latents) in it."""

    id: str
    text: str
    channels: tuple[int | None, int | None, int | None] = (None, None, None)


def groups(weight: str, given: str) -> str:
    """torch's message on a convolution that is given other channels than it takes."""
    takes, got = weight.split(", ")[1], given.split(", ")[1]
    return (
        f"RuntimeError: Given groups=1, weight of size [{weight}], expected input[{given}]"
        f" to have {takes} channels, but got {got} channels instead"
    )


def mismatch(name: str, file: str, built: str) -> str:
    """One line of torch's message on a state dict of other shapes."""
    return (
        f"\tsize mismatch for {name}: copying a param with shape torch.Size([{file}]) from"
        f" checkpoint, the shape in current model is torch.Size([{built}])."
    )


def refused(kind: str, *lines: str) -> str:
    """torch's whole message on a state dict."""
    return "\n".join((f"RuntimeError: Error(s) in loading state_dict for {kind}:", *lines))


KL = "IntegratedAutoencoderKL"
LATENT = "1, 4, 64, 64"

MESSAGES = (
    Message("vae-of-other-channels", groups("512, 16, 3, 3", "1, 4, 128, 32"), (4, 16, None)),
    Message("vae-of-other-channels", groups("4, 4, 1, 1", "1, 16, 144, 112"), (16, 4, None)),
    Message("vae-of-other-channels", groups("32, 32, 1, 1", "1, 4, 128, 128"), (4, 32, None)),
    Message("vae-of-other-channels", groups("4, 4, 1, 1", "1, 128, 64, 64"), (128, 4, None)),
    Message("tiny-vae-of-other-channels", groups("64, 4, 3, 3", "1, 16, 128, 128"), (16, 4, None)),
    Message("preview-of-other-channels", groups("3, 4, 1, 1", "1, 32, 128, 128"), (32, 4, None)),
    Message("video-vae-of-other-channels", groups("48, 48, 1, 1, 1", "1, 16, 21, 80, 80"),
            (16, 48, None)),
    Message("denoiser-of-other-channels", groups("320, 4, 3, 3", "2, 16, 64, 64"), (4, None, 16)),
    Message("denoiser-of-other-channels", groups("1536, 16, 2, 2", "4, 4, 128, 96"), (16, None, 4)),
    Message("video-denoiser-of-other-channels", groups("3072, 48, 1, 2, 2", "1, 16, 21, 80, 80"),
            (48, None, 16)),
    Message("denoiser-inputs", groups("320, 9, 3, 3", "2, 14, 128, 128")),
    Message("denoiser-inputs", groups("5120, 36, 1, 2, 2", "1, 68, 25, 40, 30")),
    Message("picture-with-alpha", groups("128, 3, 3, 3", "1, 4, 352, 512")),
    Message("convolution-of-other-channels", groups("64, 22, 4, 4", "4, 24, 256, 192")),
    # Three channels are a picture's, whoever asked for latents.
    Message("convolution-of-other-channels", groups("4, 4, 1, 1", "1, 3, 512, 512")),
    Message("vae-of-other-channels-refused",
            refused(KL, mismatch("encoder.conv_out.weight", "32, 512, 3, 3", "8, 512, 3, 3"),
                    mismatch("encoder.conv_out.bias", "32", "8"),
                    mismatch("decoder.conv_in.weight", "512, 16, 3, 3", "512, 4, 3, 3")),
            (4, 16, None)),
    Message("vae-of-other-channels-refused",
            refused(KL, mismatch("vae.post_quant_conv.weight", "4, 4, 1, 1", "16, 16, 1, 1")),
            (16, 4, None)),
    Message("vae-of-other-channels-refused",
            refused(KL, mismatch("quant_conv.weight", "8, 8, 1, 1", "32, 32, 1, 1")),
            (16, 4, None)),
    Message("wan22-vae-for-wan21",
            refused("WanVAE",
                    mismatch("encoder.conv1.weight", "160, 12, 3, 3, 3", "96, 3, 3, 3, 3"),
                    mismatch("encoder.conv1.bias", "160", "96"))),
    Message("wan21-vae-for-wan22",
            refused("WanVAE",
                    mismatch("encoder.conv1.weight", "96, 3, 3, 3, 3", "160, 12, 3, 3, 3"))),
    Message("video-vae-in-image-class",
            refused("AutoencoderKL",
                    mismatch("encoder.conv_in.weight", "96, 3, 3, 3, 3", "128, 3, 3, 3"),
                    mismatch("encoder.conv_in.bias", "96", "128"))),
    Message("image-vae-in-video-class",
            refused("AutoencoderKLCausal3D",
                    mismatch("encoder.conv_in.weight", "128, 3, 3, 3", "128, 3, 3, 3, 3"))),
    Message("vae-attention-shape",
            refused("AutoencoderKL", mismatch("encoder.mid_block.attentions.0.to_q.weight",
                                              "512, 512, 1, 1", "512, 512"))),
    Message("vae-shapes-refused",
            refused("AutoencoderKL", mismatch("decoder.up.0.block.0.norm1.weight", "256", "128"))),
    Message("denoiser-shapes-refused",
            refused("LatentDiffusion", mismatch("model.diffusion_model.input_blocks.1.1.proj_in."
                                                "weight", "320, 320", "320, 320, 1, 1"))),
    Message("not-this-kind-of-vae",
            refused("AutoencoderKL", '\tMissing key(s) in state_dict: "encoder.conv_in.weight", '
                                     '"encoder.conv_in.bias", "encoder.down.0.block.0.norm1"')),
    Message("vae-tensors-missing", "Missing VAE keys ['encoder.conv_in.weight']"),
    Message("diffusers-old-attention",
            "because the following keys are missing:\n encoder.mid_block.attentions.0.key.weight"),
    Message("diffusers-built-other-channels",
            "ValueError: Cannot load because decoder.conv_in.weight expected shape"
            " torch.Size([512, 4, 3, 3]), but got torch.Size([512, 16, 3, 3]).", (None, 16, None)),
    Message("diffusers-built-other-vae",
            "ValueError: Cannot load x because decoder.conv_in.bias expected shape"
            " tensor(..., device='meta', size=(64,)), but got torch.Size([512])."),
    Message("diffusers-tensors-missing",
            "ValueError: Cannot load <class 'diffusers.models.autoencoders.autoencoder_kl."
            "AutoencoderKL'> from x because the following keys are missing:\n encoder.conv_in"),
    Message("meta-tensor", "NotImplementedError: Cannot copy out of meta tensor; no data!"),
    Message("diffusers-file-not-there",
            "OSError: Error no file named diffusion_pytorch_model.bin found in directory x."),
    Message("invoke-base-unknown", "InvalidModelConfigException: Cannot determine base type"),
    Message("no-vae-in-checkpoint",
            "RuntimeError: ERROR: VAE is invalid: None\n\nIf the VAE is from a checkpoint loader"
            " node your checkpoint does not contain a valid VAE."),
    Message("no-vae-in-checkpoint", "WARNING: No VAE weights detected, VAE not initalized."),
    Message("no-vae-in-checkpoint", "AttributeError: 'VAE' object has no attribute 'vae_dtype'"),
    Message("node-pack-and-comfyui-apart",
            "AttributeError: 'VAE' object has no attribute 'base_dtype'"),
    Message("forge-no-vae", "AssertionError: You do not have VAE state dict!"),
    Message("no-text-encoder", "AssertionError: You do not have CLIP state dict!"),
    Message("vae-not-in-list",
            "- Value not in list: vae_name: 'wan_2.1_vae.safetensors' not in ['taesd', 'taesdxl']"),
    Message("vae-not-in-list",
            '{"type": "value_not_in_list", "message": "Value not in list", "details": '
            "\"vae_name: 'x.pt' not in ['taesd']\"}"),
    Message("fooocus-vae-none",
            "FileNotFoundError: [Errno 2] No such file or directory:"
            " 'C:\\\\Fooocus_win64_2-1-831\\\\Fooocus\\\\models\\\\vae\\\\None'"),
    Message("comfy-paths-as-list",
            '  File "ComfyUI/utils/extra_config.py", line 29, in load_extra_path_config\n'
            "AttributeError: 'list' object has no attribute 'split'"),
    Message("comfy-paths-backslashes",
            '  File "main.py", line 75, in load_extra_path_config\n'
            "yaml.scanner.ScannerError: while scanning a double-quoted scalar\n"
            "found unknown escape character 's'"),
    Message("comfy-paths-backslashes",
            '  in "extra_model_paths.yaml", line 3, column 16\n'
            "expected escape sequence of 8 hexadecimal numbers, but found 's'"),
    Message("windows-link-privilege",
            "OSError: [WinError 1314] A required privilege is not held by the client: 'a' -> 'b'"),
    Message("windows-link-untrusted",
            "OSError: [WinError 448] The path cannot be traversed because it contains an untrusted"
            " mount point: 'D:\\\\models'"),
    Message("vae-not-found", "Couldn't find VAE named kl-f8-anime2.ckpt; using None instead"),
    Message("sdcpp-vae-of-other-channels",
            "[ERROR] model.cpp:1900 - tensor 'first_stage_model.decoder.conv_in.weight' has wrong"
            " shape in model file: got [3, 3, 4, 512], expected [3, 3, 16, 512]", (16, 4, None)),
    Message("sdcpp-vae-refused",
            "[ERROR] model.cpp:1938 - tensor 'first_stage_model.decoder.up.0.block.1.norm1.bias'"
            " not in model file"),
    Message("sdcpp-vae-unreadable", "loading vae from 'models/sdxl_vae.safetensors' failed"),
    Message("nan-vae-retried",
            "A tensor with all NaNs was produced in VAE.\n"
            "Web UI will now convert VAE into 32-bit float and retry."),
    Message("nan-vae",
            "modules.devices.NansException: A tensor with all NaNs was produced in VAE. Use"
            " --disable-nan-check commandline argument to disable this check."),
    Message("nan-denoiser", "NansException: A tensor with NaNs was produced in Unet."),
    Message("nan-cached-latents", "RuntimeError: NaN detected in latents: /train/1.png"),
    Message("nan-decoded",
            "RuntimeWarning: invalid value encountered in cast\n  x_sample.astype(np.uint8)"),
    Message("nan-decoded", "ERROR Decode: sample=torch.Size([1, 3]) failed to validate"),
    Message("two-devices",
            "Input type (torch.cuda.HalfTensor) and bias type (torch.HalfTensor) should be the"
            " same"),
    Message("two-precisions",
            "RuntimeError: Input type (float) and bias type (struct c10::Half) should be the same"),
    Message("two-precisions", "Input type (c10::BFloat16) and bias type (c10::Half) should be the"
                              " same"),
    Message("half-on-cpu", "\"slow_conv2d_cpu\" not implemented for 'Half'"),
    Message("oom-vae-tiled",
            "Warning: Ran out of memory when regular VAE decoding, retrying with tiled VAE"
            " decoding."),
    Message("oom-vae",
            '  File "nodes.py", line 1, in decode\n    vae.decode(samples)\n'
            "torch.OutOfMemoryError: Allocation on device"),
    Message("oom", "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 9.00 GiB"),
    Message("pickle-weights-only",
            "_pickle.UnpicklingError: Weights only load failed. Unsupported global: GLOBAL"
            " pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    Message("pickle-refused", "Error verifying pickled file from /models/VAE/x.pt"),
    Message("pickle-refused", "Exception: global 'os/system' is forbidden"),
    Message("web-page-for-weights", "_pickle.UnpicklingError: invalid load key, '<'."),
    Message("web-page-for-weights",
            "Weights only load failed. WeightsUnpickler error: Unsupported operand 60"),
    Message("lfs-pointer-for-weights", "_pickle.UnpicklingError: invalid load key, 'v'."),
    Message("not-a-pickle", "_pickle.UnpicklingError: invalid load key, '\\x1f'."),
    Message("safetensors-cut-short",
            "SafetensorError: Error while deserializing header: MetadataIncompleteBuffer"),
    Message("not-safetensors",
            "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge"),
    Message("torch-file-cut-short",
            "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central"
            " directory"),
    Message("video-latents-in-image-vae",
            "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size:"
            " [1, 16, 1, 128, 128]", (16, None, None)),
    Message("image-latents-in-video-vae", groups("16, 16, 1, 1, 1", "1, 1, 4, 64, 64"),
            (4, None, None)),
    Message("latents-of-two-kinds",
            "The size of tensor a (16) must match the size of tensor b (48) at non-singleton"
            " dimension 1"),
    Message("latents-of-two-kinds",
            "Sizes of tensors must match except in dimension 0. Expected size 4 but got size 16"
            " for tensor number 1 in the list."),
    Message("text-of-other-width",
            "mat1 and mat2 shapes cannot be multiplied (154x2048 and 4096x1152)"),
    Message("vae-by-flag",
            "Loading VAE weights from commandline argument: /models/VAE/ft mse.safetensors"),
    Message("vae-near-checkpoint",
            "Loading VAE weights found near the checkpoint: cached anything-v4.0.vae.pt\nnext"),
    Message("vae-by-setting",
            "Loading VAE weights specified in settings: C:\\x\\models\\VAE\\sdxl_vae.safetensors"
            "\nApplying attention optimization"),
)  # fmt: skip
"""Worded after the reports and files that the catalogue's rows name as their sources."""

HARMLESS = (
    "",
    "AttributeError: 'list' object has no attribute 'split'",
    "my_settings.yaml: found unknown escape character 'q'",
    "FileNotFoundError: [Errno 2] No such file or directory: '/x/models/vae/None.pt'",
    "[WinError 13145]",
    "hello",
    "100%|████████| 20/20 [00:04<00:00,  5.04it/s]",
    "VAE load device: cuda:0, offload device: cpu, dtype: torch.bfloat16",
    "The size of tensor a (81) must match the size of tensor b (16) at non-singleton dimension 1",
    "mat1 and mat2 shapes cannot be multiplied (1x122880 and 46080x512)",
    mismatch("cond_stage_model.model.encoder.layers.0.weight", "768", "1024"),
    mismatch("encoder.block.0.layer.0.SelfAttention.q.weight", "768, 768", "4096, 4096"),
)
"""Nothing of it is a failure of a VAE, or nobody can tell."""
