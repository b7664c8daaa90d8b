"""What the tests of this room share: a VAE at a path, converted as the command does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vaereg.registry.converting.convert import Converted, Order, convert
from vaereg.registry.converting.placing import Place
from vaereg.registry.intake import look, take_in
from vaereg.registry.judging.sides import Side
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import scaling_of, table_of
from vaereg.registry.samples.files import metadata_of, renamed, safetensors
from vaereg.registry.samples.plan import Plan
from vaereg.registry.values import Artifact, Digests
from vaereg.registry.weights import open_weights

WIDTHS, GROUPS = (8, 16, 32, 32), 2


def plan_of(family: str = "sd1", **more) -> Plan:
    """A small closed form of a family's VAE."""
    factors = table_of(family)
    more = {"widths": WIDTHS, "groups": GROUPS, "quant": len(factors) == 4, **more}
    return Plan(factors, scaling_of(family), **more)


def write_vae(
    path: Path,
    family: str = "sd1",
    layout: str = "ldm",
    dtype: str = "float32",
    prefix: str = "",
    linear: bool | None = None,
    extra: dict[str, np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
    **more,
) -> Path:
    """A small VAE of real numbers as a safetensors file."""
    plan = plan_of(family, **more)
    tensors = renamed(weights(plan), layout, prefix, linear) | (extra or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    told = metadata_of(plan) | (metadata or {})
    path.write_bytes(safetensors(tensors, dtype, told))
    return path


def side_at(path: Path) -> Side:
    """A model as the command line hands it on."""
    return Side(path.name.partition(".")[0], str(path), take_in(str(path)).artifact)


def hasty_side(path: Path) -> Side:
    """A model by its header alone, for files too large to be hashed in a test."""
    identity, size, _ = look(str(path))
    return Side(path.stem, str(path), Artifact(Digests("0" * 64), size, identity))


def converted(
    path: Path,
    out: Path,
    layout: str = "ldm",
    dtype: str = "keep",
    family: str | None = None,
    other: Path | None = None,
) -> Converted:
    """The VAE at a path written to another; one without a suffix is a diffusers folder."""
    place = Place(str(out), folder=not out.suffix, other=str(other) if other else None)
    return convert(side_at(path), Order(layout, place, dtype, family))


def arrays(path: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """Every tensor of a file or folder, as float32."""
    with open_weights(str(path), prefix) as held:
        return {name: held.read(name) for name in held.pieces}


def raw(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Type, shape and bytes of every tensor of a safetensors file."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, end = (begin + offset for offset in entry["data_offsets"])
        found[name] = (entry["dtype"], tuple(entry["shape"]), data[start:end])
    return found


def metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself."""
    data = path.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


def left_behind(folder: Path) -> list[str]:
    """Names in a folder, hidden ones too."""
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
