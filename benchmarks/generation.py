"""Six VAEs on one sampling: beside one VAE, beside sampling six times, and in time and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from beside import Beside
from measure import BIN, devices, report

STEPS, VAES = 20, 6
MOST_OVER_ONE, LEAST_OVER_GRID = 1.5, 4.0
SIZE = 512
"""Pixels that SD1 was trained on."""
GPU_SIZES, GPU_DTYPES = (512, 1024), ("fp16", "bf16")
ENVIRONMENT = os.environ | {"GOMP_SPINCOUNT": "1000"}
"""Of either side: threads that wait for one another leave the processor to others, as those of
``vaereg.probes`` always do."""


def generation(folder: Path) -> bool:
    """``vaereg compare`` with real-size checkpoints of random weights, on the CPU and on a GPU."""
    held = [_ratios(folder / "cpu")]
    if "cuda" in devices():
        held += [_on_card(folder / "cuda")]
        held += [_rows(folder / kind, kind) for kind in ("sd1", "sdxl")]
    return all(held)


def _ratios(folder: Path) -> bool:
    """Whole processes from recorded models to pictures on the CPU, SD1's size.

    The unit is a picture of diffusers, which takes turns with it.
    """
    model, vaes = _files(folder, "sd1")
    how = ("cpu", SIZE, "fp32")
    with Beside(_grid_command(folder, model, vaes, *how), ENVIRONMENT) as peer:
        turns = [
            _compared(folder / str(count), model, vaes[:count], *how, run=peer.during)[0]
            for count in (1, VAES)
        ]
        one, six = map(peer.rounds, turns)
        grid = VAES + peer.loading_rounds
    shutil.rmtree(folder)
    where = f"SD1 size, {SIZE} px, cpu"
    return all(
        (
            report(
                f"compare, {VAES} VAEs / 1, {where}",
                f"{six:.2f} pictures, ratio {six / one:.2f}",
                f"{MOST_OVER_ONE:g}",
                six / one <= MOST_OVER_ONE,
            ),
            report(
                f"diffusers {VAES} times / compare, {where}",
                f"{grid:.2f} pictures, ratio {grid / six:.2f}",
                f"{LEAST_OVER_GRID:g} or more",
                grid / six >= LEAST_OVER_GRID,
            ),
        )
    )


def _on_card(folder: Path) -> bool:
    """The same on a card, one after the other; without bars: loading outweighs sampling there."""
    model, vaes = _files(folder, "sd1")
    how = ("cuda", SIZE, "fp16")
    one, _ = _compared(folder / "one", model, vaes[:1], *how)
    six, _ = _compared(folder / "six", model, vaes, *how)
    grid, _ = _timed(_grid_command(folder, model, vaes, *how))
    shutil.rmtree(folder)
    where = f"SD1 size, {SIZE} px, cuda"
    report(
        f"compare, {VAES} VAEs / 1, {where}", f"{six:.1f} s, ratio {six / one:.2f}", "none", True
    )
    said = f"{grid:.1f} s, ratio {grid / six:.2f}"
    return report(f"diffusers {VAES} times / compare, {where}", said, "none", True)


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


def _timed(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command} left with {done.returncode}: {done.stdout}{done.stderr}")
    return seconds, done.stdout


def _answered(command: list[str]) -> tuple[float, Any]:
    """Seconds of a command, and the JSON document that it answers with."""
    seconds, said = _timed(command)
    return seconds, json.loads(said)


def _compared(
    home: Path,
    model: Path,
    vaes: list[Path],
    device: str,
    size: int,
    dtype: str,
    run: Callable[[list[str]], tuple[Any, Any]] = _answered,
) -> tuple[Any, Any]:
    """What a comparison took on a registry of its own, with nothing drawn yet, and its answer.

    ``run`` tells both of a command. Models are recorded, and so hashed, before anything is done
    with them.
    """
    vaereg = [str(BIN / "vaereg"), "--home", str(home)]
    _timed([*vaereg, "scan", *map(str, (model, *vaes))])
    command = [*vaereg, "--json", "compare", "--model", str(model)]
    command += ["--out", str(home / "sheet.png")]
    for vae in vaes:
        command += ["--vae", str(vae)]
    command += ["--device", device, "--dtype", dtype, "--steps", str(STEPS), "--size", str(size)]
    taken, answer = run(command)
    if answer["drawing"]["kept"]:
        raise SystemExit("the picture was drawn before: nothing was measured")
    return taken, answer


def _grid_command(
    folder: Path, model: Path, vaes: list[Path], device: str, size: int, dtype: str
) -> list[str]:
    """Sampling and decoding anew for every VAE; on the CPU for ever."""
    words = (folder, device, size, dtype, model, *vaes)
    return [sys.executable, __file__, *map(str, words)]


def _grid(folder: Path, device: str, size: int, dtype: str, model: str, vaes: list[str]) -> None:
    """Every picture by a run of diffusers' pipeline of its own, as an XYZ grid makes them.

    A line is printed when the checkpoint is loaded, one for each step and one for each picture.
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
    print("ready", flush=True)
    for number, vae in enumerate(cycle(vaes) if device == "cpu" else vaes):
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
            callback_on_step_end=_step,
        )
        made.images[0].save(folder / f"grid_{number}.png")
        print("done", flush=True)


def _step(_pipeline: Any, _step: int, _timestep: Any, values: Any) -> Any:
    print("step", flush=True)
    return values


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
    _grid(Path(where), device, int(size), dtype, model, vaes)
