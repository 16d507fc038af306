"""Play, submit and verify the rows that bound every board: null, random, oracle, and scripted players.

    python scripts/baseline_rows.py [BOARD...]

Trained rows are not made here: `code` in their `submission.toml` names the file of `baselines/` that begins with their
commands. Boards whose texts belong to others get the null row alone: whoever searches quotes products and instructions.
Running it again replaces the bundles; the same code gives the same bytes.
"""

import sys
import tempfile
from pathlib import Path

from envbench.errors import DataMissing, EnvbenchError
from envbench.evaluate import evaluate
from envbench.leaderboard.board import board_plan, boards
from envbench.leaderboard.bundle import BUNDLE_NAME, write_bundle
from envbench.leaderboard.pages import build
from envbench.leaderboard.rows import SUBMISSION, SUBMISSIONS, place_of, told
from envbench.registry import card_of

BOUNDS = {"null": "null", "random": "random", "oracle": "oracle"}
SCRIPTED = {"webshop": {"searcher": "searcher (scripted)"}}


def submit(name: str, agent: str, method: str) -> None:
    """Play an agent on a board and put the bundle into its folder."""
    place = place_of(name)
    folder = place.folder / SUBMISSIONS / agent
    folder.mkdir(parents=True, exist_ok=True)
    untrained = "parameters = 0\ntokens = 0\nenv_steps = 0\nhours = 0.0\ncost_usd = 0.0\n"
    (folder / SUBMISSION).write_text(f'method = "{method}"\n{untrained}code = "envbench/agents"\n', "utf-8")
    (folder / BUNDLE_NAME).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        run = evaluate(board_plan(place.board, agent), Path(runs) / "run")
        write_bundle(run, place.board, told(folder / SUBMISSION), folder / BUNDLE_NAME)


def main(names: list[str]) -> None:
    for name in names or list(boards()):
        board = boards()[name]
        agents = BOUNDS | SCRIPTED.get(card_of(board.env).env.family, {})
        if board.dataset != "builtin":
            agents = {"null": "null"}
        try:
            for agent, method in agents.items():
                submit(name, agent, method)
                print(f"{name}: {agent}")
            build([name], Path("build/boards"))
        except DataMissing as error:
            print(f"{name} is left as it is: {error}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EnvbenchError as problem:
        sys.exit(f"error: {problem}")
