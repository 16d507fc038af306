"""Runs the command line in this process with the verbs that these tests are about."""

import sys
from typing import NamedTuple

from envbench import cli

MINE = {"list", "doctor", "play", "eval", "view", "replay", "data", "env"}


class Result(NamedTuple):
    code: int
    out: str
    err: str


def command(monkeypatch, capsys, *arguments):
    """Run `envbench ARGUMENTS` through `main` and return what a shell would see."""
    monkeypatch.setattr(cli, "VERBS", tuple(row for row in cli.VERBS if row[0] in MINE))
    monkeypatch.setattr(cli, "GROUPS", tuple(row for row in cli.GROUPS if row[0] in MINE))
    monkeypatch.setattr(sys, "argv", ["envbench", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = end.code or 0
    captured = capsys.readouterr()
    return Result(code, captured.out, captured.err)
