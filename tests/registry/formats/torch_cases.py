"""What torch.save really writes, for the round trips of both formats."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vaereg.registry.values import Header

torch = pytest.importorskip("torch")

FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
WHOLE = ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
DTYPES = (*FLOATS, *WHOLE, "complex64", "complex128")
PROTOCOLS = (2, 3, 4, 5)

Tensors = Mapping[str, Any]
Case = tuple[object, Tensors]


def random_tensor(dtype: str, *shape: int) -> Any:
    numbers = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape)
    return numbers.to(getattr(torch, dtype))


def saved(value: object, legacy: bool, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(
            value,
            buffer,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=not legacy,
        )
    return buffer.getvalue()


def assert_holds(header: Header, data: bytes, expected: Tensors) -> None:
    """Names in order, dtypes, shapes, and for contiguous tensors the bytes at the offset."""
    assert list(header.tensors) == list(expected)
    for name, tensor in expected.items():
        found = header.tensors[name]
        assert found.name == name
        assert found.dtype == str(tensor.dtype).removeprefix("torch.")
        assert found.shape == tuple(tensor.shape)
        if tensor.is_contiguous():
            flat = tensor.detach().reshape(-1).view(torch.uint8)
            assert data[found.offset : found.offset + found.nbytes] == bytes(flat.tolist())


def every_dtype() -> Tensors:
    return {dtype: random_tensor(dtype, 2, 3) for dtype in DTYPES}


def views() -> Tensors:
    base = random_tensor("float32", 6, 4)
    return {
        "base": base,
        "row": base[2],
        "corner": base[1:3, 1:2],
        "turned": base.t(),
        "scalar": torch.tensor(3.0),
        "empty": torch.zeros(0, 5),
        "same": base,
    }


def module_state() -> Tensors:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    return dict(net.state_dict())


def parameters() -> Tensors:
    return {"weight": torch.nn.Parameter(random_tensor("float16", 2, 2))}


FLAT: Mapping[str, Callable[[], Tensors]] = {
    "dtypes": every_dtype,
    "views": views,
    "module": module_state,
    "parameters": parameters,
}
"""Values whose own keys are the names."""


def _training() -> Case:
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    value = {
        "epoch": 4,
        "global_step": 840000,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": net.state_dict(),
        "loops": None,
        "callbacks": {"ModelCheckpoint": {"best": torch.tensor(0.5)}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
    }
    return value, dict(net.state_dict())


def _averaged() -> Case:
    return {"params": views(), "params_ema": parameters()}, parameters()


def _deep() -> Case:
    return {"model": {"state_dict": {"module": parameters(), "lr": 0.1}}}, parameters()


def _embedding() -> Case:
    vector = random_tensor("float32", 2, 768)
    value = {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": vector},
        "name": "style",
        "step": 500,
        "sd_checkpoint": "81761151",
        "sd_checkpoint_name": "v1-5-pruned",
    }
    return value, {"string_to_param.*": vector}


def _old_embedding() -> Case:
    vector = torch.nn.Parameter(random_tensor("float32", 1, 768))
    held = torch.nn.ParameterDict({"*": vector})
    return {"string_to_token": {"*": 265}, "string_to_param": held}, {"string_to_param.*": vector}


def _hypernetwork() -> Case:
    layer = {"linear.0.weight": random_tensor("float32", 2, 2)}
    other = {"linear.0.weight": random_tensor("float32", 1, 2)}
    value = {768: (layer, other), "step": 3, "layer_structure": [1, 2, 1], "is_layer_norm": False}
    names = {"768.0.linear.0.weight": layer, "768.1.linear.0.weight": other}
    return value, {name: held["linear.0.weight"] for name, held in names.items()}


def _two_parts() -> Case:
    value = {"image_proj": parameters(), "ip_adapter": {"1.to_k_ip.weight": torch.ones(2, 2)}}
    return value, {
        "image_proj.weight": value["image_proj"]["weight"],
        "ip_adapter.1.to_k_ip.weight": value["ip_adapter"]["1.to_k_ip.weight"],
    }


def _beside_weights() -> Case:
    value = {f"layer{i}": torch.ones(1) for i in range(3)} | {"ema": {"decay": torch.ones(1)}}
    return value, {
        **{f"layer{i}": value[f"layer{i}"] for i in range(3)},
        "ema.decay": value["ema"]["decay"],
    }


def _shared() -> Case:
    state = parameters()
    return {"state_dict": state, "model": state}, dict(state)


def _unwrapped_training() -> Case:
    state = parameters()
    return {"unet": state, "optimizer": {"momentum": torch.ones(2)}}, {
        "unet.weight": state["weight"]
    }


WRAPPED: Mapping[str, Callable[[], Case]] = {
    "lightning": _training,
    "training without a wrapper": _unwrapped_training,
    "averaged": _averaged,
    "deep": _deep,
    "embedding": _embedding,
    "old embedding": _old_embedding,
    "hypernetwork": _hypernetwork,
    "two parts": _two_parts,
    "beside weights": _beside_weights,
    "shared": _shared,
    "list": lambda: ([torch.ones(1), torch.zeros(2)], {"0": torch.ones(1), "1": torch.zeros(2)}),
    "bare tensor": lambda: (torch.ones(3), {"tensor": torch.ones(3)}),
    "nothing": lambda: ({"epoch": 3}, {}),
}
"""A value and the tensors that its header should name."""
