"""Frontends as they answer while they run, their traps included.

Behaviour after AUTOMATIC1111/stable-diffusion-webui (modules/api/api.py, options.py, sd_vae.py),
lllyasviel/stable-diffusion-webui-forge (modules_forge/main_entry.py), comfyanonymous/ComfyUI
(server.py, execution.py) and invoke-ai/InvokeAI (api/routers/model_manager.py, model_install_
default.py, configs/vae.py).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from tests.servers.base import Reply, Request, Server

NOT_FOUND = Reply.of_json({"detail": "Not Found"}, 404)
PING = "/internal/ping"


class Frontend(Server):
    """Answers by ``METHOD /path``; with ``sign_in`` only to those who send that header."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        handler = self._http.RequestHandlerClass
        handler.do_PATCH = handler.do_DELETE = handler.do_GET  # type: ignore[attr-defined]
        self.sign_in: str | None = None
        self.fixed: dict[str, Reply] = {}
        """Answers that stand above all others, by path."""

    def basic(self, user: str, password: str) -> None:
        """Ask for a user and a password, as ``--api-auth`` does."""
        self.sign_in = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def reply(self, request: Request) -> Reply:
        """The answer to a request."""
        if request.path in self.fixed:
            return self.fixed[request.path]
        if self.sign_in and request.headers.get("authorization") != self.sign_in:
            return Reply.of_json({"detail": "Incorrect username or password"}, 401)
        document = json.loads(request.body) if request.body else None
        return self.answer(request, document)

    def answer(self, request: Request, body: Any) -> Reply:
        """The answer to a request that may be answered."""
        raise NotImplementedError

    def sent(self, *methods: str) -> list[Request]:
        """What was asked for with these methods."""
        return [one for one in self.log if one.method in methods]


class WebUi(Frontend):
    """What AUTOMATIC1111 and Forge answer alike."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.checkpoints: dict[str, str] = {}
        """Title -> path."""
        self.files: dict[str, str] = {}
        """Base name -> path of what the VAE list or the module list shows."""
        self.hidden: dict[str, str] = {}
        """Files that appear in the list once it is refreshed."""
        self.flags: dict[str, Any] = {"vae_path": None, "vae_dir": None, "ckpt_dir": None}
        self.settings: dict[str, Any] = {"sd_model_checkpoint": None}
        self.list_path = ""
        self.api = True

    def answer(self, request: Request, body: Any) -> Reply:
        if request.path == PING:
            return Reply.of_json({})
        path = request.path.removeprefix("/sdapi/v1")
        if not self.api or path == request.path:
            return NOT_FOUND
        match request.method, path:
            case "GET", self.list_path:
                return Reply.of_json(_rows(self.files, "model_name"))
            case "GET", "/sd-models":
                return Reply.of_json(_rows(self.checkpoints, "title"))
            case "GET", "/cmd-flags":
                return Reply.of_json(self.flags)
            case "GET", "/options":
                return Reply.of_json(self.settings)
            case "POST", "/refresh-vae":
                self.refresh()
                return Reply.of_json(None)
            case "POST", "/options":
                title = body.get("sd_model_checkpoint")
                if title is not None and title not in self.checkpoints:
                    return self.fault(f"model {title!r} not found")
                self.set(body)
                return Reply.of_json(None)
        return NOT_FOUND

    def refresh(self) -> None:
        """Look into the folders again."""
        self.files |= self.hidden

    def set(self, body: dict[str, Any]) -> None:
        """Take settings over."""
        self.settings |= body

    @staticmethod
    def fault(words: str) -> Reply:
        """An exception that reached the API (``handle_exception``)."""
        document = {"error": "RuntimeError", "detail": "", "body": "", "errors": words}
        return Reply.of_json(document, 500)


class FakeA1111(WebUi):
    """``broken`` VAEs cannot be loaded: the answer is 200, and the setting goes back."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.list_path = "/sd-vae"
        self.settings |= {"sd_vae": "Automatic", "sd_vae_overrides_per_model_preferences": True}
        self.broken: set[str] = set()
        self.loaded: str | None = None
        """The VAE that it decodes with; None for the checkpoint's own."""

    def set(self, body: dict[str, Any]) -> None:
        for key, value in body.items():
            if key == "sd_vae" and value in self.broken:
                continue
            self.settings[key] = value
            if key == "sd_vae":
                # an unknown name: "Couldn't find VAE named X; using None instead"
                self.loaded = self.flags["vae_path"] or self.files.get(value)


class FakeForge(WebUi):
    """No ``/sd-vae``; unknown modules are dropped without a word, ``/refresh-vae`` does nothing."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.list_path = "/sd-modules"
        self.flags |= {"text_encoder_dir": None}
        self.settings |= {"sd_vae": "Automatic", "forge_additional_modules": []}
        self.sorts = False
        """As Neo does."""

    def refresh(self) -> None:
        """The dead list of ``sd_vae``."""

    def set(self, body: dict[str, Any]) -> None:
        modules = body.pop("forge_additional_modules", None)
        self.settings |= body
        if modules is not None:
            names = [re.split(r"[/\\]", one)[-1] for one in modules]
            kept = [self.files[name] for name in names if name in self.files]
            self.settings["forge_additional_modules"] = sorted(kept) if self.sorts else kept


class FakeComfy(Frontend):
    """Model lists by folder; a prompt whose VAE is not in the list is refused."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.folders: dict[str, list[str]] = {"vae": [], "checkpoints": []}
        self.names: dict[str, list[str]] = {"vae": [], "checkpoints": []}
        self.tiny = ["taesdxl", "pixel_space"]
        self.newer = False
        """Nodes that describe themselves in the newer way."""
        self.tells_paths = True

    def answer(self, request: Request, body: Any) -> Reply:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["system_stats"]:
                return Reply.of_json({"system": {"argv": ["main.py"]}, "devices": []})
            case "GET", ["models", folder] if folder in self.names:
                return Reply.of_json(self.names[folder])
            case "GET", ["experiment", "models", *rest] if self.tells_paths:
                return self._experiment(rest)
            case "GET", ["object_info", "VAELoader"]:
                return Reply.of_json({"VAELoader": {"input": {"required": self._input()}}})
            case "POST", ["prompt"]:
                return self._prompt(body)
        return Reply(404, {}, b"404: Not Found")

    def _experiment(self, rest: list[str]) -> Reply:
        if not rest:
            return Reply.of_json([{"name": k, "folders": v} for k, v in self.folders.items()])
        rows = [{"name": name, "pathIndex": 0} for name in self.names[rest[0]]]
        return Reply.of_json(rows)

    def _input(self) -> dict[str, Any]:
        names = self.names["vae"] + self.tiny
        return {"vae_name": ["COMBO", {"options": names}] if self.newer else [names]}

    def _prompt(self, body: Any) -> Reply:
        value = body["prompt"]["1"]["inputs"]["vae_name"]
        if value in self.names["vae"] + self.tiny:
            return Reply.of_json({"prompt_id": "1", "number": 1, "node_errors": {}})
        details = f"vae_name: {value!r} not in {self.names['vae']}"
        fault = {"type": "value_not_in_list", "message": "Value not in list", "details": details}
        document = {"error": {"type": "prompt_outputs_failed_validation"}, "node_errors": fault}
        return Reply.of_json(document, 400)


class FakeInvoke(Frontend):
    """A model manager over a folder; an install with ``inplace=false`` really moves the file.

    ``strict``: a base that the guess from the file's name contradicts makes the record unknown,
    as recent builds do; else it is taken over.
    """

    def __init__(self, root: Path, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.root = root
        self.records: dict[str, dict[str, Any]] = {}
        self.jobs: list[dict[str, Any]] = []
        self.strict = True
        self.polls = 1
        """Look-ups until an install is done."""
        self.refuses: tuple[int, str] | None = None
        self.tells_root = True
        self.ignores_settings = False

    def add(self, key: str, **fields: Any) -> None:
        """A record."""
        plain = {"name": key, "base": "sdxl", "type": "main", "format": "checkpoint"}
        self.records[key] = {"key": key, "path": f"{key}.safetensors", **plain, **fields}

    def answer(self, request: Request, body: Any) -> Reply:
        if request.path == "/api/v1/app/version":
            return Reply.of_json({"version": "6.9.0"})
        path = request.path.removeprefix("/api/v2/models")
        match request.method, path.split("/")[1:]:
            case "GET", [""]:
                return Reply.of_json({"models": list(self.records.values())})
            case "GET", ["models_dir"] if self.tells_root:
                return Reply.of_json(str(self.root))
            case "POST", ["install"]:
                return self._install(request, body)
            case "GET", ["install", number]:
                return self._job(int(number))
            case method, ["i", key]:
                return self._on_record(method, key, body)
        return NOT_FOUND

    def _on_record(self, method: str, key: str, body: Any) -> Reply:
        record = self.records.get(key)
        if record is None:
            return Reply.of_json({"detail": "model not found"}, 404)
        if method == "PATCH":
            if self.ignores_settings:
                body = {k: v for k, v in body.items() if k != "default_settings"}
            record |= body
        if method == "DELETE":
            del self.records[key]
            inside = self.root / record["path"]
            if inside.is_relative_to(self.root):
                inside.unlink()
            return Reply(204)
        return Reply.of_json(record)

    def _install(self, request: Request, body: Any) -> Reply:
        if self.refuses:
            return Reply.of_json({"detail": self.refuses[1]}, self.refuses[0])
        source = Path(request.query["source"][0])
        if not source.exists():
            return Reply.of_json({"detail": f"Unsupported model source: '{source}'"}, 409)
        if any(record["path"] == str(source) for record in self.records.values()):
            return Reply.of_json({"detail": "already installed"}, 409)
        path = str(source)
        if request.query.get("inplace") != ["true"]:
            shutil.move(source, self.root / source.name)
            path = source.name
        record = self._identified(source.name, path, body)
        self.jobs.append({"id": len(self.jobs), "left": self.polls, "record": record})
        return Reply.of_json(self._state(self.jobs[-1]), 201)

    def _identified(self, name: str, path: str, body: Any) -> dict[str, Any]:
        key = f"key-{len(self.records) + len(self.jobs)}"
        guess = "sdxl" if re.search("xl", name, re.IGNORECASE) else "sd-1"
        base = body.get("base", guess)
        record = {"key": key, "path": path, "base": base, "type": "vae", "format": "checkpoint"}
        record["name"] = body.get("name", name)
        record["description"] = body.get("description")
        if self.strict and base != guess:
            record |= {"base": "unknown", "type": "unknown", "format": "unknown"}
        return record

    def _job(self, number: int) -> Reply:
        job = self.jobs[number]
        job["left"] -= 1
        if job["left"] <= 0:
            self.records[job["record"]["key"]] = job["record"]
        return Reply.of_json(self._state(job))

    def _state(self, job: dict[str, Any]) -> dict[str, Any]:
        done = job["left"] <= 0
        return {
            "id": job["id"],
            "status": "completed" if done else "running",
            "config_out": job["record"] if done else None,
        }


def _rows(models: dict[str, str], key: str) -> list[dict[str, str]]:
    return [
        {key: name, "filename": path, "sha256": "", "stem": os.path.splitext(name)[0]}
        for name, path in models.items()
    ]
