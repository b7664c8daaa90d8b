"""``vaereg scan``: record the models that lie on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import NotFound, UsageError
from ..registry.naming import shown
from ..registry.ports import Store
from ..registry.scan import Report, scan
from ..registry.twins import introductions
from ..registry.values import Rejection
from . import shapes
from .context import Context
from .frontends import FrontendsOption, installations
from .naming_online import Naming, look_up_online
from .page import Page

if TYPE_CHECKING:
    from ..registry.frontends.base import Installation


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("scan")(scan_command)


def scan_command(
    context: typer.Context,
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="DIR", help="Folders of models; all known ones if none."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Files read at once.")] = 2,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read and hash unchanged files again too.")
    ] = False,
    frontend: FrontendsOption = None,
    lookup: Annotated[
        bool,
        typer.Option("--lookup", help="Ask Civitai by hash what the recorded files are."),
    ] = False,
) -> int:
    """Record the models below folders; unchanged files are not read again."""
    settings = Context.of(context)
    with settings.store() as store:
        found = installations(store, frontend) if frontend else []
        shared = _shared(found)
        shared += _elsewhere(found, shared)
        roots = [*_roots(store, folders or []), *shared] if folders or not frontend else shared
        with settings.output.progress("reading") as watcher:
            once = bool(frontend)
            report = scan(store, roots, jobs=jobs, watcher=watcher, fresh=fresh, once=once)
        store.keep_roots(roots)
        told = list(introductions(store.models(), report.newcomers)) if report.newcomers else []
        named = look_up_online(settings, store, again=fresh) if lookup else None
    document = shapes.scan(report) | ({"lookup": named.document()} if named else {})
    if frontend:
        document |= {"frontends": [_installation(one) for one in found]}
    settings.output.answer(document, lambda page: _tell(report, told, named, page))
    for one in found:
        version = one.version or "version not known"
        settings.output.note(f"{one.frontend} ({version}) in {one.root}")
    if frontend and not found:
        settings.output.note(
            "note: no frontend was found; name one: --frontend comfyui=/path/to/it"
        )
    for root in roots:
        if not os.path.lexists(root):
            settings.output.note(f"note: {root} is not there; what it held is marked offline")
    failed = named is not None and named.failure is not None
    return 1 if failed or any(entry.path in roots for entry in report.rejected) else 0


def _roots(store: Store, folders: list[str]) -> list[str]:
    """The folders to walk; a folder that is neither there nor known is an error."""
    known = store.roots()
    if not folders and not known:
        raise UsageError("there is no folder to scan yet", "name one: vaereg scan /path/to/models")
    roots = [os.path.abspath(folder) for folder in folders] or list(known)
    for root in roots:
        if not os.path.lexists(root) and root not in known:
            raise NotFound(f"there is no folder {shown(root)}", "check the spelling of the path")
    return roots


def _shared(found: list[Installation]) -> list[str]:
    """The model folders of all frontends, each once though links lead to it, none in another."""
    paths = {
        os.path.realpath(folder.path): folder.path
        for one in found
        for folder in one.folders
        if os.path.isdir(folder.path)
    }
    return [
        path
        for real, path in paths.items()
        if not any(real != other and real.startswith(other + os.sep) for other in paths)
    ]


def _elsewhere(found: list[Installation], folders: list[str]) -> list[str]:
    """Files that frontends show or use and that lie in none of these folders."""
    from ..registry.frontends.catalog import frontend

    paths: dict[str, None] = {}
    for one in found:
        rules = frontend(one.frontend)
        listing = rules.listing(one)
        paths |= dict.fromkeys(model.path for model in listing.models)
        for checkpoint in listing.of("checkpoint", "diffusion_model"):
            vae = rules.effective(one, listing, checkpoint, True).vae
            paths |= {vae: None} if vae else {}
    below = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)
    return [path for path in paths if not path.startswith(below) and os.path.exists(path)]


def _installation(one: Installation) -> shapes.Json:
    return {"frontend": one.frontend, "root": one.root, "version": one.version}


def _reason(entry: Rejection) -> str:
    """Why a file was not taken in, without its name, which stands in the column before."""
    for name in (shown(entry.path), shown(os.path.basename(entry.path))):
        if entry.message.startswith(f"{name} "):
            return entry.message.removeprefix(name).strip()
    return entry.message


def _tell(report: Report, introduced: list[str], named: Naming | None, page: Page) -> None:
    if report.rejected:
        rows = [[entry.path, _reason(entry)] for entry in report.rejected]
        page.table(["Not taken in", "Why"], rows, stretch="Why")
    for line in introduced:
        page.line(line)
    counts = (
        ("added", report.added),
        ("changed", report.changed),
        ("moved", report.moved),
        ("unchanged", report.unchanged),
        ("missing", report.missing),
        ("not taken in", len(report.rejected)),
    )
    told = ", ".join(f"{count:,} {what}" for what, count in counts if count)
    plural = "file" if report.files == 1 else "files"
    page.line(f"{report.files:,} {plural} in {report.seconds:.1f} s: {told or 'nothing to record'}")
    if named is not None:
        named.tell(page)
