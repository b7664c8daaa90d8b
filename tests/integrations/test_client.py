"""The command's answer is checked: hostile, slow or foreign ones change nothing and are told."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.integrations.conftest import FRONTENDS, PACKS, checkpoint, vae_file

Impostor = Callable[[str], None]
COPIES = [PACKS / "comfyui/vaereg_nodes", PACKS / "a1111/vaereg_extension/lib_vaereg"]
FIT = {"name": "v", "path": "/v", "verdict": "compatible", "reason": "r", "baked": False}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ModuleType]:
    """The client alone, as a package without any frontend."""
    package = tmp_path / "client_alone"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("command.py", "registry_client.py"):
        shutil.copy(COPIES[0] / name, package)
    for name in ("client_alone", "client_alone.command", "client_alone.registry_client"):
        stem = name.partition(".")[2] or "__init__"
        spec = importlib.util.spec_from_file_location(name, package / f"{stem}.py")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.startswith("client_alone")]:
        del sys.modules[name]


def answers(document: object) -> str:
    return f"print({json.dumps(document)!r})"


HOSTILE = {
    "nothing": "",
    "words": "print('hello')",
    "a number": "print('7')",
    "deep": "print('[' * 200000)",
    "not text": "sys.stdout.buffer.write(bytes(range(128, 256)))",
    "two documents": "print('[]'); print('[]')",
    "rows of rows": answers([[1]]),
    "no vaes": answers([{"checkpoint": {}}]),
    "vaes of numbers": answers([{"vaes": [1, 2]}]),
    "no verdict": answers([{"vaes": [{"path": "/x", "reason": ""}]}]),
    "another verdict": answers([{"vaes": [{**FIT, "verdict": "surely"}]}]),
    "a path of numbers": answers([{"vaes": [{**FIT, "path": 3}]}]),
    "a path with NUL": answers([{"vaes": [{**FIT, "path": "/x\0y"}]}]),
    "an object": answers({"vaes": []}),
    "half an error": answers({"error": {"code": 3}}),
    "no end": "[sys.stdout.write('[' * 2**20) for _ in range(40)]",
    "a crash": "sys.exit('no')",
}


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_is_no_answer(client: ModuleType, impostor: Impostor, lines: str) -> None:
    impostor(lines)
    told: list[str] = []
    registry = client.Registry(told.append)
    files = {"v": "/v"}
    for _ in range(2):
        assert registry.best("/c", files) is None
        assert registry.sorted_for("/c", files) is None
        assert registry.judged("/c", "/v") is None
    assert len(told) == 1
    assert told[0].endswith("nothing is changed")


def test_a_command_that_hangs_is_not_waited_for(
    client: ModuleType, impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its child would hold a pipe open for longer still.
    impostor("import subprocess; subprocess.Popen(['sleep', '20'])\ntime.sleep(20)")
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(client.Registry._ask, "__kwdefaults__", {"seconds": 0.5})
    told: list[str] = []
    registry = client.Registry(told.append)
    started = time.monotonic()
    for _ in range(5):
        assert registry.best("/c", {}) is None
    assert time.monotonic() - started < 4
    assert told == ["vaereg: " + told[0].removeprefix("vaereg: ")]
    assert "did not answer within" in told[0]


def test_errors_of_vaereg_are_told_in_its_words(client: ModuleType, impostor: Impostor) -> None:
    impostor(answers({"error": {"code": "database_locked", "message": "busy", "hint": "wait"}}))
    told: list[str] = []
    assert client.Registry(told.append).best("/c", {}) is None
    assert told == ["vaereg: busy (wait); nothing is changed"]


def test_an_answer_is_kept_for_some_seconds_per_question(
    client: ModuleType, impostor: Impostor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    impostor(f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\nprint('[]')")
    registry = client.Registry(lambda text: None)
    for _ in range(3):
        registry.sorted_for("/a", {})
    registry.sorted_for("/b", {})
    lines = log.read_text().splitlines()
    assert lines == [
        "--json list --compatible --model /a",
        "--json list vaes",
        "--json list --compatible --model /b",
    ]


def test_no_shell_reads_the_names(client: ModuleType, impostor: Impostor, tmp_path: Path) -> None:
    impostor("print('[]')")
    bait = tmp_path / "bait"
    name = f"/models/$(touch {bait}) `touch {bait}`; touch {bait} & --db x"
    client.Registry(lambda text: None).sorted_for(name, {})
    assert not bait.exists()


def test_an_authors_word_alone_is_no_choice(client: ModuleType, impostor: Impostor) -> None:
    row = json.dumps([{"vaes": [FIT, {**FIT, "path": "/w", "reason": "measured"}]}])
    impostor(f"print('[\"/w\"]' if '--paths' in sys.argv else {row!r})")
    best = client.Registry(lambda text: None).best("/c", {"word": "/v", "sure": "/w"})
    assert (best.name, best.reason) == ("sure", "measured")
    assert client.Registry(lambda text: None).best("/c", {"word": "/v"}) is None


def test_what_is_only_recorded_as_unfit_is_looked_at_before_it_is_said(
    client: ModuleType, impostor: Impostor
) -> None:
    impostor("print('[]' if 'list' in sys.argv else 'broken')")
    assert client.Registry(lambda text: None).judged("/c", "/v") is None


def test_without_torch_the_files_alone_are_judged(client: ModuleType, impostor: Impostor) -> None:
    missing = {"error": {"code": "missing_dependency", "message": "no torch", "hint": None}}
    said = {"check": "latent-channels", "outcome": "fail", "message": "4 is not 16"}
    found = {"verdict": "incompatible", "evidence": [{**said, "outcome": "pass"}, said]}
    impostor(
        "words = sys.argv\n"
        f"print('[]' if 'list' in words else {json.dumps(missing)!r} if 'weights' in words"
        f" else {json.dumps(found)!r})"
    )
    fit = client.Registry(lambda text: None).judged("/c", "/v")
    assert (fit.verdict, fit.reason) == ("incompatible", "4 is not 16")


def test_a_model_behind_a_link_is_found_by_its_target(
    registry: Path, client: ModuleType, tmp_path: Path
) -> None:
    links = []
    for target in (checkpoint(registry, "harbour_xl"), vae_file(registry, "sdxl_vae")):
        link = tmp_path / f"link-{Path(target).name}"
        try:
            link.symlink_to(target)
        except OSError:
            pytest.skip("links are not allowed here")
        links.append(str(link))
    told: list[str] = []
    found = client.Registry(told.append)
    assert found.judged(*links).verdict == "compatible"
    assert found.sorted_for(links[0], {"a": links[1]}).fits == ("a",)
    assert told == []


@pytest.mark.parametrize("name", ["command.py", "registry_client.py"])
def test_both_packs_carry_the_same_client(name: str) -> None:
    one, other = (folder / name for folder in COPIES)
    assert one.read_bytes() == other.read_bytes()


def test_the_packs_run_on_the_frontends_python_and_import_nothing_of_vaereg() -> None:
    """A1111 1.10 asks for Python 3.10 (modules/launch_utils.py check_python_version)."""
    allowed = sys.stdlib_module_names | {
        "folder_paths", "nodes", "server", "aiohttp", "modules", "gradio", "lib_vaereg",
    }  # fmt: skip
    for path in PACKS.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= allowed, path


PAGE = {
    "filtered": ["sdxl", "pixel_space"],
    "chosen stays": ["sdxl", "pixel_space", "ae"],
    "no registry": ["ae", "sd1", "sdxl", "pixel_space"],
    "hostile": ["ae", "sd1", "sdxl", "pixel_space"],
    "server error": ["ae", "sd1", "sdxl", "pixel_space"],
    "no server": ["ae", "sd1", "sdxl", "pixel_space"],
    "two unwired": ["ae", "sd1", "sdxl", "pixel_space"],
    "wired": ["sdxl", "pixel_space"],
    "checkpoint changed": ["sdxl", "pixel_space"],
    "list refreshed": ["sdxl", "pixel_space", "new"],
    "switched off": ["ae", "sd1", "sdxl", "pixel_space"],
}


def test_the_page_filters_the_list_and_keeps_what_is_chosen(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    page = tmp_path / "page"
    shutil.copytree(FRONTENDS / "page", page)
    shutil.copytree(COPIES[0] / "js", page / "extensions/vaereg_nodes")
    done = subprocess.run(
        [node, page / "scenes.mjs"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    scenes = json.loads(done.stdout)
    assert {name: scene["shown"] for name, scene in scenes.items()} == PAGE
    assert scenes["chosen stays"]["value"] == "ae"
    assert scenes["wired"]["asked"] == ["/vaereg/compatible?name=b&folder=checkpoints"]
