"""Scripts are loaded file by file, and what they raise is only reported (modules/scripts.py)."""

import importlib.util
import sys

AlwaysVisible = object()
reported = []


class Script: ...


def load_script(basedir, path):
    paths = sys.path
    sys.path = [str(basedir), *sys.path]
    try:
        spec = importlib.util.spec_from_file_location("vaereg.py", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path = paths
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type)]
    return [kind() for kind in kinds if issubclass(kind, Script)]


def process(scripts, p):
    for script in scripts:
        try:
            script.process(p)
        except Exception as failure:
            reported.append(failure)
