"""The commands by name; a command's module is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from .context import Context

COMMANDS = {
    "search": "search",
    "pull": "pull",
    "scan": "scan",
    "inspect": "inspect",
    "check": "check",
    "compare": "compare",
    "matrix": "matrix",
    "list": "listing",
    "show": "show",
    "path": "show",
    "clip": "clip",
    "explain": "explain",
    "link": "link",
    "export": "export",
    "apply": "apply",
    "verify": "verify",
    "convert": "convert",
    "rm": "forget",
    "doctor": "doctor",
    "db": "database",
    "demo": "demo",
}
"""Command name -> module of this folder; each has a ``register(app)``."""

GLOBAL_OPTIONS = "Taken here too: --db URL, --home DIR, --json, --quiet, --verbose."


def app_for(words: Sequence[str]) -> typer.Typer:
    """The program with the command that ``words`` begin with, or with all of them for help."""
    app = typer.Typer(
        help="Knows from the weights which VAE fits which checkpoint.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_globals)
    asked = COMMANDS.get(next(iter(words), ""))
    for module in [asked] if asked else dict.fromkeys(COMMANDS.values()):
        import_module(f".{module}", __package__).register(app)
    for command in app.registered_commands:
        command.epilog = GLOBAL_OPTIONS
    return app


def _globals(
    context: typer.Context,
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            metavar="URL",
            help="The registry's database [VAEREG_DATABASE_URL].",
        ),
    ] = None,
    home: Annotated[
        str | None,
        typer.Option("--home", metavar="DIR", help="The registry's folder [VAEREG_HOME]."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer with one JSON document on stdout.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More notes.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    del version  # Answered by ``main`` before Typer is imported; named here for the help.
    context.obj = Context.from_options(
        db=db, home=home, as_json=as_json, quiet=quiet, verbose=verbose
    )
