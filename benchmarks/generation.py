"""Six VAEs on one sampling: beside one VAE, beside sampling six times, and in time and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import BIN, devices, report

STEPS, VAES = 20, 6
MOST_OVER_ONE, LEAST_OVER_GRID = 1.5, 4.0
CPU_SAMPLINGS = 1
"""Of the six that a grid takes: one is as long as another, and on the CPU the rest are counted."""
SIZE = 512
"""Pixels that SD1 was trained on."""
GPU_SIZES, GPU_DTYPES = (512, 1024), ("fp16", "bf16")
PATIENT = {"GOMP_SPINCOUNT": "1000"}
"""Of either side: threads that wait for one another leave the processor to others, as those of
``vaereg.probes`` always do."""


def generation(folder: Path) -> bool:
    """``vaereg compare`` with real-size checkpoints of random weights, on the CPU and on a GPU."""
    held = [_ratios(folder / "cpu", "cpu", "fp32")]
    if "cuda" in devices():
        held += [_ratios(folder / "cuda", "cuda", "fp16")]
        held += [_rows(folder / kind, kind) for kind in ("sd1", "sdxl")]
    return all(held)


def _ratios(folder: Path, device: str, dtype: str) -> bool:
    """Whole processes from files to pictures, SD1's size.

    On a fast card loading outweighs sampling whoever does it, so that the second is told there
    without a bar.
    """
    model, vaes = _files(folder, "sd1")
    how = (device, SIZE, dtype)
    one, _ = _compared(folder / "one", model, vaes[:1], *how)
    six, _ = _compared(folder / "six", model, vaes, *how)
    grid = _grid_seconds(folder, model, vaes, *how)
    shutil.rmtree(folder)
    bar, where = device == "cpu", f"SD1 size, {SIZE} px, {device}"
    return all(
        (
            report(
                f"compare, {VAES} VAEs / 1, {where}",
                f"{six:.1f} s, ratio {six / one:.2f}",
                f"{MOST_OVER_ONE:g}",
                six / one <= MOST_OVER_ONE,
            ),
            report(
                f"diffusers {VAES} times / compare, {where}",
                f"{grid:.1f} s, ratio {grid / six:.2f}",
                f"{LEAST_OVER_GRID:g} or more" if bar else "none",
                not bar or grid / six >= LEAST_OVER_GRID,
            ),
        )
    )


def _rows(folder: Path, kind: str) -> bool:
    """Seconds and peak memory on a card, sizes and float types, one sampling each."""
    model, vaes = _files(folder, kind)
    for size in GPU_SIZES:
        for dtype in GPU_DTYPES:
            home = folder / f"{size}{dtype}"
            _, told = _compared(home, model, vaes, "cuda", size, dtype)
            cost, drawn = told["probe"], told["drawing"]
            as_drawn = "" if drawn["dtype"].endswith(dtype[2:]) else f", in {drawn['dtype']}"
            report(
                f"compare, {VAES} VAEs, {kind} size, {size} px, {dtype}{as_drawn}",
                f"{cost['seconds']:.2f} s, {cost['peak_memory_bytes'] / 2**30:.2f} GiB",
                "none",
                True,
            )
    shutil.rmtree(folder)
    return True


def _files(folder: Path, kind: str) -> tuple[Path, list[Path]]:
    from real_size import write_random, write_vaes

    folder.mkdir(parents=True)
    vaes = write_vaes(folder, kind, VAES)
    return write_random(folder / f"{kind}.safetensors", kind), vaes


def _compared(
    home: Path, model: Path, vaes: list[Path], device: str, size: int, dtype: str
) -> tuple[float, Any]:
    """Seconds of a comparison on a registry of its own, where nothing is kept, and its answer."""
    command = [str(BIN / "vaereg"), "--home", str(home), "--json", "compare"]
    command += ["--model", str(model), "--out", str(home / "sheet.png")]
    for vae in vaes:
        command += ["--vae", str(vae)]
    command += ["--device", device, "--dtype", dtype, "--steps", str(STEPS), "--size", str(size)]
    seconds, said = _timed(command)
    answer = json.loads(said)
    if answer["drawing"]["kept"]:
        raise SystemExit("the picture was drawn before: nothing was measured")
    return seconds, answer


def _grid_seconds(
    folder: Path, model: Path, vaes: list[Path], device: str, size: int, dtype: str
) -> float:
    """Seconds of sampling and decoding anew for every VAE, the checkpoint loaded once."""
    made = vaes[:CPU_SAMPLINGS] if device == "cpu" else vaes
    words = [str(folder), device, str(size), dtype, str(model), *map(str, made)]
    seconds, said = _timed([sys.executable, __file__, *words])
    return seconds + (len(vaes) - len(made)) * float(said)


def _timed(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    environment = os.environ | PATIENT
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command} left with {done.returncode}: {done.stdout}{done.stderr}")
    return seconds, done.stdout


def _grid(folder: Path, device: str, size: int, dtype: str, model: str, vaes: list[str]) -> float:
    """Every picture by a run of diffusers' pipeline of its own, as an XYZ grid makes them.

    Seconds of the last one.
    """
    import torch
    from diffusers import AutoencoderKL

    from vaereg.probes.device import DTYPES
    from vaereg.probes.generation.recipes import WORDS, framed

    configs = _configs(folder / "configs")
    pipeline = _pipeline(model, configs, DTYPES[dtype]).to(device)
    asked, avoided = (
        pipeline.text_encoder(torch.tensor([ids], device=device))[0].detach()
        for ids in (framed(*WORDS), framed())
    )
    for number, vae in enumerate(vaes):
        started = time.perf_counter()
        loaded = AutoencoderKL.from_single_file(
            vae, config=str(configs / "vae"), local_files_only=True
        )
        pipeline.vae = loaded.to(device, DTYPES[dtype])
        made = pipeline(
            prompt_embeds=asked,
            negative_prompt_embeds=avoided,
            num_inference_steps=STEPS,
            guidance_scale=7.5,
            height=size,
            width=size,
            generator=torch.Generator().manual_seed(0),
        )
        made.images[0].save(folder / f"grid_{number}.png")
    return time.perf_counter() - started


def _pipeline(model: str, configs: Path, dtype: Any):
    import diffusers

    from vaereg.probes.generation.whole import _word_for_dtype

    absent = dict.fromkeys(("tokenizer", "safety_checker", "feature_extractor"))
    made = diffusers.StableDiffusionPipeline.from_single_file(
        model,
        config=str(configs),
        local_files_only=True,
        **absent,
        **{_word_for_dtype(diffusers.__version__): dtype},
    )
    made.set_progress_bar_config(disable=True)
    return made


def _configs(folder: Path) -> Path:
    """The configs that ship and that of the VAEs, as a pipeline wants them."""
    from real_size import GROUPS, WIDTHS

    from vaereg.probes.generation.shipped import FOLDER
    from vaereg.registry.samples.colours import scaling_of, table_of
    from vaereg.registry.samples.files import config_of
    from vaereg.registry.samples.plan import Plan

    shutil.copytree(FOLDER / "sd1", folder)
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    config = config_of(Plan(table_of("sd1"), scaling_of("sd1"), WIDTHS, GROUPS))
    told = {
        "model_index.json": index | {"vae": ["diffusers", "AutoencoderKL"]},
        "vae/config.json": config,
    }
    (folder / "vae").mkdir()
    for name, content in told.items():
        (folder / name).write_text(json.dumps(content), "utf-8")
    return folder


if __name__ == "__main__":
    where, device, size, dtype, model, *vaes = sys.argv[1:]
    print(_grid(Path(where), device, int(size), dtype, model, vaes))
