"""The command line: one file per verb. Errors of ours are one line on stderr and exit code 2."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import NoReturn

import typer

from envbench.errors import EnvbenchError

# (verb, module of `envbench.cli`, function): the order of `envbench --help`.
VERBS = (
    ("list", "listing", "list_all"),
    ("doctor", "doctor", "doctor"),
    ("play", "play", "play"),
    ("eval", "eval", "evaluate"),
    ("train", "train", "train"),
    ("sweep", "sweep", "sweep"),
    ("compare", "compare", "compare"),
    ("fidelity", "fidelity", "fidelity"),
    ("report", "report", "report"),
    ("figures", "figures", "figures"),
    ("view", "view", "view"),
    ("replay", "replay", "replay"),
    ("submit", "submit", "submit"),
    ("verify", "verify", "verify"),
    ("bench", "bench", "bench"),
)
GROUPS = (("data", "data"), ("env", "env"), ("credit", "credit"), ("board", "board"), ("model", "model"))


def build() -> typer.Typer:
    """Return the application with every verb."""
    app = typer.Typer(
        name="envbench",
        help="Environments, credit-assignment methods and verified results for LLM agents.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for verb, module, function in VERBS:
        app.command(verb)(getattr(importlib.import_module(f"envbench.cli.{module}"), function))
    for verb, module in GROUPS:
        app.add_typer(importlib.import_module(f"envbench.cli.{module}").app, name=verb)
    return app


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        code = build()(sys.argv[1:] or ["--help"], standalone_mode=False)
    except EnvbenchError as error:
        _fail(f"error: {error}", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; type the same command again to go on where it stopped", 130)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of our output has gone, as `head` does
            sys.stderr.close()
            sys.exit(0)
        if error.errno != errno.ENOSPC:
            raise
        _fail("error: the disk is full; free some room and type the same command again", 2)
    except Exception as error:
        _fail_on_usage(error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_on_usage(error: Exception) -> NoReturn:
    """End on what is wrong with the words of a command; typer carries a click of its own, so the form decides."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "envbench"
    _fail(f"error: {message()} Type: {command} --help", 2)


def _fail(message: str, code: int) -> NoReturn:
    print(message.replace("\n", " "), file=sys.stderr)
    sys.exit(code)
