"""Start scripts as people write them, and what is never read out of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest

from vaereg.registry.frontends.folders import located
from vaereg.registry.frontends.launch import parse_script, read_launch
from vaereg.registry.frontends.settings import read_object
from vaereg.registry.values import Notice

BATCH, SHELL = True, False


@pytest.mark.parametrize(
    ("windows", "script", "flags"),
    [
        (SHELL, 'export COMMANDLINE_ARGS="--xformers"', {"--xformers": ()}),
        (SHELL, "COMMANDLINE_ARGS='--vae-path=/a/b.pt'", {"--vae-path": ("/a/b.pt",)}),
        (SHELL, '#export COMMANDLINE_ARGS="--bad"\n', {}),
        (
            SHELL,
            "export COMMANDLINE_ARGS=\"--vae-path '/a b/c.pt' \\\n  --api\"  # why",
            {"--vae-path": ("/a b/c.pt",), "--api": ()},
        ),
        (
            SHELL,
            'M=/data\nexport COMMANDLINE_ARGS="--ckpt-dir $M/sd"\n'
            'COMMANDLINE_ARGS+=" --vae-dir ${M}/vae"',
            {"--ckpt-dir": ("/data/sd",), "--vae-dir": ("/data/vae",)},
        ),
        (SHELL, 'python launch.py --vae "/x/y z.pt" "$@"', {"--vae": ("/x/y z.pt",)}),
        (BATCH, "set COMMANDLINE_ARGS=--xformers\ncall webui.bat", {"--xformers": ()}),
        (BATCH, 'set "COMMANDLINE_ARGS=--api --lowvram"', {"--api": (), "--lowvram": ()}),
        (BATCH, "@SET commandline_args=--api", {"--api": ()}),
        (BATCH, "rem set COMMANDLINE_ARGS=--a\n@REM set X=1\n:: set COMMANDLINE_ARGS=--b", {}),
        (
            BATCH,
            'set COMMANDLINE_ARGS=--vae-path "D:\\AI models\\v.pt" ^\r\n --api\r\n',
            {"--vae-path": ("D:\\AI models\\v.pt",), "--api": ()},
        ),
        (
            BATCH,
            "set HOME2=N:/web\nset COMMANDLINE_ARGS=%COMMANDLINE_ARGS% --vae-dir %HOME2%/VAE",
            {"--vae-dir": ("N:/web/VAE",)},
        ),
        (
            BATCH,
            "set COMMANDLINE_ARGS=--a\ncall webui.bat --uv --vae-dirs X:/1 --vae-dirs X:/2",
            {"--uv": (), "--vae-dirs": ("X:/1", "X:/2"), "--a": ()},
        ),
        (
            BATCH,
            ".\\python_embeded\\python.exe -s ComfyUI\\main.py --extra-model-paths-config a b",
            {"--extra-model-paths-config": ("a", "b")},
        ),
        (BATCH, "if not defined X (set COMMANDLINE_ARGS=--c)", {"--c": ()}),
    ],
)
def test_flags_are_read_as_the_shells_read_them(
    windows: bool, script: str, flags: dict[str, tuple[str, ...]]
) -> None:
    assert parse_script(script, "/srv/webui", windows).flags == flags


@pytest.mark.parametrize(
    ("windows", "script", "code"),
    [
        (BATCH, "set COMMANDLINE_ARGS=--ckpt-dir D:\\models\\sd", "launch-backslashes"),
        (BATCH, 'set COMMANDLINE_ARGS=--ckpt-dir "D:/models', "launch-quotes"),
        (BATCH, "if exist x set COMMANDLINE_ARGS=--a", "launch-conditional"),
        (SHELL, 'if [ -f x ]; then\nCOMMANDLINE_ARGS="--a"\nfi', "launch-conditional"),
        (SHELL, 'COMMANDLINE_ARGS="--a $(cat secret)"', "launch-computed"),
        (BATCH, "set COMMANDLINE_ARGS=--vae-dir %MODELS%/vae", "launch-computed"),
    ],
)
def test_what_cannot_be_known_from_the_script_is_told(
    windows: bool, script: str, code: str
) -> None:
    launch = parse_script(script, "/srv/webui", windows)
    assert code in {notice.code for notice in launch.notices}


def test_a_backslash_that_the_frontend_loses_is_kept_for_the_user() -> None:
    launch = parse_script("set COMMANDLINE_ARGS=--ckpt-dir D:\\models\\sd", "C:\\webui", BATCH)
    assert launch.flags["--ckpt-dir"] == ("D:\\models\\sd",)


def test_nothing_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = f'COMMANDLINE_ARGS="$(touch {mark}) `touch {mark}`"\ntouch {mark}\n'
    (tmp_path / "webui-user.sh").write_text(script)
    read_launch(str(tmp_path))
    assert not mark.exists()


def test_passwords_are_never_kept(tmp_path: Path) -> None:
    canary = "canary-8431"
    (tmp_path / "webui-user.sh").write_text(
        f'export HF_TOKEN={canary}\nexport COMMANDLINE_ARGS="--api-auth me:{canary} '
        f'--gradio-auth={canary} --ngrok {canary} $(echo {canary})"\n'
    )
    launch = read_launch(str(tmp_path))
    assert "--api-auth" in launch.flags
    assert canary not in repr(launch)
    (tmp_path / "config.json").write_text(f'{{"huggingface_token": "{canary}", "sd_vae": "None"}}')
    notices: list[Notice] = []
    assert read_object(str(tmp_path / "config.json"), notices) == {"sd_vae": "None"}


@pytest.mark.parametrize("windows", [BATCH, SHELL])
def test_hostile_scripts_end_quickly(windows: bool) -> None:
    letters = "%\"'`$(){}^&|=#\\\n \0set if COMMANDLINE_ARGS=--a"
    random = Random(7)
    begin = time.perf_counter()
    for _ in range(300):
        parse_script("".join(random.choices(letters, k=200)), "/srv/webui", windows)
    for letter in letters:
        parse_script(letter * 5_000, "/srv/webui", windows)
        parse_script(f"set COMMANDLINE_ARGS={letter * 5_000}", "/srv/webui", windows)
    assert time.perf_counter() - begin < 10


def test_the_settings_file_is_read_after_the_users_script(tmp_path: Path) -> None:
    (tmp_path / "webui-user.bat").write_text("set COMMANDLINE_ARGS=--a\ncall webui.bat\n")
    (tmp_path / "webui.settings.bat").write_text("set COMMANDLINE_ARGS=%COMMANDLINE_ARGS% --b\n")
    assert read_launch(str(tmp_path)).flags == {"--a": (), "--b": ()}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"a": 1', "settings-damaged"),
        (b"[1, 2]", "settings-damaged"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "settings-damaged"),
        (b" " * (17 * 1024 * 1024), "settings-unreadable"),
    ],
)
def test_damaged_settings_are_a_notice(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    notices: list[Notice] = []
    assert read_object(str(path), notices) == {}
    assert [notice.code for notice in notices] == [code]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_settings_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"sd_vae": "Gemälde.pt"}', encoding)
    assert read_object(str(path), []) == {"sd_vae": "Gemälde.pt"}


def test_windows_paths_are_found_on_this_system(tmp_path: Path) -> None:
    (tmp_path / "Models" / "VAE").mkdir(parents=True)
    (tmp_path / "Models" / "VAE" / "Kl-F8.pt").touch()
    found = located("models\\vae\\KL-F8.PT", str(tmp_path))
    assert found == str(tmp_path / "Models" / "VAE" / "Kl-F8.pt")
    assert located("Q:\\nowhere\\x.pt", str(tmp_path)) in (
        "Q:\\nowhere\\x.pt",
        "/mnt/q/nowhere/x.pt",
    )


@pytest.mark.parametrize(
    ("script", "value", "told"),
    [
        ('COMMANDLINE_ARGS="--vae-path ~/x"', "./~/x", True),
        ("COMMANDLINE_ARGS=\"--vae-path '~/x'\"", "./~/x", True),
        ('COMMANDLINE_ARGS="--vae-path=~/x"', "./~/x", True),
        ('COMMANDLINE_ARGS="--vae-path x~y"', "x~y", False),
        ('./webui.sh --vae-path "~/x"', "./~/x", True),
        ("./webui.sh --vae-path ~/x", os.path.expanduser("~/x"), False),
    ],
)
def test_a_tilde_is_the_home_folder_for_a_shell_alone(script: str, value: str, told: bool) -> None:
    launch = parse_script(script, "/srv/webui", SHELL)
    assert launch.flags["--vae-path"] == (value,)
    assert ("launch-tilde" in {notice.code for notice in launch.notices}) == told
