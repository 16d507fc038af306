"""`envbench eval`: one agent on a hashed panel, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from envbench.cli import common
from envbench.errors import InvalidValue
from envbench.registry import card_of
from envbench.runs import Plan

AgentName = Annotated[
    str, typer.Option("--agent", help="Name of the agent; `envbench list` shows them.", metavar="NAME")
]
BaseUrl = Annotated[
    str | None, typer.Option(help="Of an OpenAI-compatible endpoint, e.g. http://localhost:8000/v1.", metavar="URL")
]
Model = Annotated[
    str | None, typer.Option(help="As the endpoint names it; for the replay agent, a run directory.", metavar="NAME")
]
Style = Annotated[str | None, typer.Option(help="Of the prompt: plain, think-action; some have more.", metavar="STYLE")]
Options = Annotated[list[str] | None, typer.Option("--option", help="Any option of the agent.", metavar="NAME=VALUE")]
BoardName = Annotated[
    str | None, typer.Option("--board", help="Play the whole plan of this board; no other flag may change it.")
]
OptionalEnv = Annotated[
    str | None, typer.Option("--env", help="Gymnasium id, e.g. envbench/WebShop-v0; or give --board.", metavar="ID")
]
MaxSteps = Annotated[int | None, typer.Option(help="Limit of an episode; the card's when left out.", min=1)]

_BUDGET_FLAGS = ("budget_tokens", "budget_steps")


def agent_options(
    agent: str, base_url: str | None, model: str | None, style: str | None, more: list[str] | None
) -> dict[str, Any]:
    """Return what the flags say about an agent, as options by name.

    Raises:
        InvalidValue: for an `--option` that is not NAME=VALUE.
    """
    flags = {"base_url": base_url, "run" if agent == "replay" else "model": model, "style": style}
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    for text in more or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidValue(f"--option {text!r}: expected name=value, e.g. --option temperature=0.7")
        given[name] = None if value == "none" else value
    return given


def evaluate(
    context: typer.Context,
    agent: AgentName,
    env: OptionalEnv = None,
    board: BoardName = None,
    base_url: BaseUrl = None,
    model: Model = None,
    style: Style = None,
    option: Options = None,
    dataset: common.Dataset = "builtin",
    split: common.Split = None,
    knobs: common.Knobs = None,
    seed: common.Seed = 0,
    episodes: common.Episodes = None,
    trials: common.Trials = 1,
    max_steps: MaxSteps = None,
    budget_tokens: Annotated[
        int | None, typer.Option(help="Tokens of an episode after which it is cut.", min=1)
    ] = None,
    budget_steps: Annotated[int | None, typer.Option(help="Decisions after which an episode is cut.", min=1)] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of model transcripts; the run's own when left out.", metavar="DIR")
    ] = None,
    workers: common.Workers = 1,
    out: common.Out = None,
    as_json: common.Json = False,
) -> None:
    """Play one agent on a panel of tasks and print its scores. Stopped at any moment, the same command goes on."""
    from envbench import evaluate as evaluation
    from envbench.rollout.play import Budget

    options = agent_options(agent, base_url, model, style, option)
    if board is not None:
        plan = _board_plan(context, board, agent, options)
    elif env is None:
        raise InvalidValue("say what to play: add --env ID (see `envbench list`) or --board NAME")
    else:
        plan = evaluation.make_plan(
            env,
            agent,
            agent_options=options,
            dataset=dataset,
            split=split,
            knobs=common.parse_knobs(env, knobs),
            seed=seed,
            episodes=episodes,
            trials=trials,
            budget=Budget(budget_tokens, budget_steps) if budget_tokens or budget_steps else None,
            **({} if max_steps is None else {"max_steps": max_steps}),
        )
    folder = out or Path("runs") / plan.run_id
    _announce(plan.config, len(plan.cells), episodes, workers, folder)
    if agent == "human":  # a bar would be in the way of the person
        run = evaluation.evaluate(plan, folder, workers=workers, cache=cache)
    else:
        with common.progress("episodes") as on_progress:
            run = evaluation.evaluate(plan, folder, workers=workers, cache=cache, on_progress=on_progress)
    [summary] = evaluation.summarise(run.episodes(), seed=plan.config["seed"])  # type: ignore[arg-type]  # JSON
    if as_json:
        document = {"run": str(folder), "run_id": plan.run_id, "plan_sha256": plan.sha256, "config": plan.config}
        common.emit_json(document | {"summary": summary.plain()})
    else:
        _print(summary)
    if summary.outcomes["agent_error"]:
        common.say(
            f"{summary.outcomes['agent_error']} episodes ended as agent_error (column `error`) and count as failures: "
            f"to play them again and pay for no more, the same command with --out NEW --cache {cache or folder}"
        )
    submit = f"envbench submit {folder} --board {board} --out {agent}.zip"
    common.next_command(submit if board else f"envbench report {folder}")


def _board_plan(context: typer.Context, name: str, agent: str, options: dict[str, Any]) -> Plan:
    """Return the plan of a board; flags that say something else are refused.

    Raises:
        InvalidValue: naming the flag and what the board has.
    """
    from envbench.leaderboard.board import board_config, board_plan, read_board

    board = read_board(name)
    wanted = board_config(board)
    wanted |= {"budget_tokens": board.budget.tokens, "budget_steps": None}
    for flag in ("env", "dataset", "split", "knobs", "seed", "episodes", "trials", "max_steps", *_BUDGET_FLAGS):
        source = context.get_parameter_source(flag)
        if source is None or source.name == "DEFAULT":
            continue
        given = context.params[flag]
        if flag == "env":
            given = card_of(given).env.ids[0]
        elif flag == "knobs":
            given = card_of(board.env).resolve_knobs(dict(common.parse_knobs(board.env, given)))
        if given != wanted.get(flag):
            spelled = "set" if flag == "knobs" else flag.replace("_", "-")
            raise InvalidValue(f"--{spelled}: the board {name} has {wanted.get(flag)!r}; leave the flag out")
    return board_plan(board, agent, options)


def _announce(config: Any, cells: int, asked: int | None, workers: int, folder: Path) -> None:
    panel, agent, limit = config["panel"], config["agent"], config.get("max_steps")
    tasks = config["episodes"]
    if asked is not None and asked > tasks:
        common.say(f"the panel has {tasks} tasks, fewer than --episodes {asked}: all of them are played")
    common.say(
        f"eval: {agent['name']} on {config['env']}, data set {config['dataset']}, split {config['split']}: "
        f"{cells} episodes ({tasks} tasks x {config['trials']}), {workers} {'process' if workers == 1 else 'processes'}"
    )
    common.say(f"panel {panel['id']}, sha256 {panel['sha256']}")
    if limit is not None:
        common.say(f"cost: at most {cells * limit} steps" + _model_cost(agent, cells * limit))
    common.say(f"run directory {folder} (the same command resumes it)")


def _model_cost(agent: Any, calls: int) -> str:
    options = agent["options"]
    if agent["name"] != "openai":
        return ""
    tokens = calls * options["max_tokens"]
    price = options["price_completion"]
    dollars = f", at most ${tokens * price / 1e6:.2f} for them" if price else ""
    return f", as many model calls and {tokens} completion tokens{dollars} (prompt tokens come on top)"


def _print(summary: Any) -> None:
    rows = []
    for name, interval in summary.measures.items():
        bounds = f"{interval.low:.4f} to {interval.high:.4f}" if interval.known else "unknown (one unit)"
        how = f"{interval.method} over {interval.units} {interval.unit}s"
        rows.append((name, f"{interval.estimate:.4f}", bounds, str(interval.n), how))
    title = f"{summary.agent} on {summary.env}, {summary.dataset}/{summary.split}: {summary.episodes} episodes"
    common.table(title, ("measure", "mean", "95 % interval", "n", "interval by"), rows)
    ended = ", ".join(f"{name} {count}" for name, count in summary.outcomes.items() if count)
    typer.echo(f"outcomes: {ended}")
    if summary.model_calls:
        typer.echo(
            f"model: {summary.model_calls} calls, {summary.prompt_tokens} + {summary.completion_tokens} tokens, "
            f"${summary.cost_usd:.4f}"
        )
