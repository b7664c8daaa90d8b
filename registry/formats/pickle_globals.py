"""Every name that a pickle of weights may mention, and what is said of all others."""

from __future__ import annotations

from collections.abc import Mapping

from ..naming import shown
from .faults import Forbidden
from .pickle_values import Global

ITEMSIZES: Mapping[str, int] = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint32": 4,
    "int32": 4,
    "uint64": 8,
    "int64": 8,
    "float8_e4m3fn": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
    "float4_e2m1fn_x2": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex32": 4,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one element: pytorch c10/core/ScalarType.h."""

_STORAGES: Mapping[str, str] = {
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.ComplexDoubleStorage": "complex128",
    "torch.ComplexFloatStorage": "complex64",
    "torch.storage.UntypedStorage": "uint8",
}
"""pytorch torch/storage.py, ``_dtype_to_storage_type_map``."""

_CALLS: Mapping[str, str] = {
    "torch._utils._rebuild_tensor": "tensor",
    "torch._utils._rebuild_tensor_v2": "tensor_v2",
    "torch._utils._rebuild_tensor_v3": "tensor_v3",
    "torch._utils._rebuild_parameter": "parameter",
    "collections.OrderedDict": "dictionary",
    "torch.nn.modules.container.ParameterDict": "parameters",
}
"""``ParameterDict`` holds the vectors of old textual inversions: rinongal/textual_inversion
ldm/modules/embedding_manager.py; AUTOMATIC1111/stable-diffusion-webui modules/safe.py allows it."""

_PASSIVE = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "_codecs.encode",
    "torch.Size",
    "torch.device",
    "__builtin__.set",
    "builtins.set",
)

_PROGRAMS = frozenset(
    """
    os posix nt sys subprocess commands pty shutil socket ctypes cffi builtins __builtin__ runpy
    importlib imp pkgutil zipimport pickle _pickle cPickle dill cloudpickle joblib marshal types
    code codeop operator _operator functools asyncio multiprocessing threading concurrent signal
    timeit cProfile profile trace pdb bdb doctest webbrowser platform tempfile pathlib io _io http
    httplib httplib2 urllib urllib2 requests aiohttp smtplib ftplib ssl telnetlib pip ensurepip
    venv distutils setuptools idlelib lib2to3 test sqlite3 inspect ast linecache logging pydoc
    torch.hub torch.jit torch.load torch.package torch.serialization.load torch._dynamo
    torch._inductor torch.storage._load_from_bytes torch.utils._config_module
    torch.utils.bottleneck torch.utils.collect_env numpy.f2py numpy.testing
    """.split()  # noqa: SIM905
)
"""Modules and names that show intent, after the block list of mmaitre314/picklescan
src/picklescan/scanner.py; decides the wording alone, since every unknown name is refused."""


def _table() -> dict[str, Global]:
    rows = {name: Global(name, kind) for name, kind in _CALLS.items()}
    rows |= {name: Global(name, "passive") for name in _PASSIVE}
    rows |= {name: Global(name, "storage", dtype) for name, dtype in _STORAGES.items()}
    rows |= {f"torch.{dtype}": Global(f"torch.{dtype}", "dtype", dtype) for dtype in ITEMSIZES}
    return rows


_ALLOWED = {tuple(name.rsplit(".", 1)): row for name, row in _table().items()}


def find_global(module: str, name: str) -> Global:
    """The allowed name as an inert value; raises ``Forbidden`` for every other one."""
    found = _ALLOWED.get((module, name))
    if found is None:
        raise forbidden_global(f"{module}.{name}")
    return found


def forbidden_global(name: str) -> Forbidden:
    """What to say of a name that weights never need."""
    if _runs_something(name):
        says = "asks for {} when loaded: it is not a file of weights but a program"
        return Forbidden(says.format(shown(name)), program=True)
    return Forbidden(f"asks for {shown(name)} when loaded, which weights never need")


def _runs_something(name: str) -> bool:
    parts = name.split(".", 4)[:4]
    return any(".".join(parts[:count]) in _PROGRAMS for count in range(1, len(parts) + 1))
