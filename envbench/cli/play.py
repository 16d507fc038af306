"""`envbench play`: a person at the terminal, or the episode of an agent, printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from envbench import agents
from envbench.cards import Card
from envbench.cli import common
from envbench.cli.eval import BaseUrl, MaxSteps, Model, Options, Style, agent_options
from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.registry import card_of, find_task, panel, serve_module
from envbench.seeding import derive_seed
from envbench.types.task import Task


class Narrated:
    """An agent whose episode is told line by line."""

    def __init__(self, agent: agents.ConfiguredAgent[Any]) -> None:
        self.name = agent.name
        self._agent = agent

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        common.say(f"=== {info['task']} (seed {info['seed']}) ===\n{info['instruction']}")
        self._agent.start(env, observation, info, trial)

    def act(self, observation: Any, info: Mapping[str, Any]) -> agents.Reply:
        common.say("\n" + agents.text_of(observation))
        reply = self._agent.act(observation, info)
        common.say(f"> {reply.action}" + ("" if reply.format_valid else "   (the reply did not have the right form)"))
        return reply


def play(
    id: Annotated[str | None, typer.Argument(help="Gymnasium id, e.g. envbench/WebShop-v0.", metavar="ID")] = None,
    env: Annotated[str | None, typer.Option("--env", help="The same, as other verbs take it.", metavar="ID")] = None,
    agent: Annotated[str, typer.Option("--agent", help="human (you), or any other agent.", metavar="NAME")] = "human",
    base_url: BaseUrl = None,
    model: Model = None,
    style: Style = None,
    option: Options = None,
    dataset: common.Dataset = "builtin",
    split: common.Split = None,
    task: Annotated[
        str | None, typer.Option(help="Id of a task; drawn by the seed when left out.", metavar="ID")
    ] = None,
    knobs: common.Knobs = None,
    seed: common.Seed = 0,
    max_steps: MaxSteps = None,
    browser: Annotated[bool, typer.Option("--browser", help="Play in your own browser, on pages served here.")] = False,
    port: Annotated[int, typer.Option(help="Of --browser; any free one when 0.", min=0, max=65535)] = 0,
    as_json: common.Json = False,
) -> None:
    """Play, yourself or with an agent, with numbered actions, undo, hints, and the result explained."""
    import gymnasium

    chosen_id = _one_id(id, env)
    card = card_of(chosen_id)
    values: dict[str, Any] = dict(card.resolve_knobs(dict(common.parse_knobs(chosen_id, knobs))))
    chosen = card.dataset(dataset).eval_split if split is None else split
    options = agents.resolve_options(agent, agent_options(agent, base_url, model, style, option))
    agents.describe(agent, options, card)
    tasks = panel(chosen_id, dataset, chosen, **values)
    arguments: dict[str, Any] = values if max_steps is None else values | {"max_steps": max_steps}
    if browser:
        if agent != "human":
            raise InvalidValue(f"--browser is for a person; leave out --agent {agent}, or leave out --browser")
        picked = _picked(tasks, task, card, dataset, values, seed)
        report([receive(card, picked, dataset, values, seed, max_steps, port)], as_json)
        common.next_command(f"envbench play {card.env.ids[0]} --browser --seed {seed + 1}")
        return
    made: Any = gymnasium.make(card.env.ids[0], dataset=dataset, split=chosen, **arguments).unwrapped
    picked = _picked(tasks, task, card, dataset, values, seed)
    common.say(f"play: {agent} on {card.env.ids[0]}, {picked.id}, at most {made.max_steps} steps an episode")
    if agent == "human":
        rows = sit(made, values, picked, seed)
    else:
        rows = [_watch(made, agents.make(agent, options), picked, seed)]
    report(rows, as_json)
    common.next_command(f"envbench eval --env {card.env.ids[0]} --agent {'random' if agent == 'human' else agent}")


def _picked(
    tasks: Sequence[Task], task: str | None, card: Card, dataset: str, values: dict[str, Any], seed: int
) -> Task:
    """Return the task that was named, or the one that the seed draws."""
    if task is None:
        return tasks[derive_seed(seed, "task") % len(tasks)]
    return find_task(task, card.env.family, dataset, values)


def receive(
    card: Card, task: Task, dataset: str, values: dict[str, Any], seed: int, max_steps: int | None, port: int
) -> dict[str, Any]:
    """Let a person play one episode in a browser and return its row; Ctrl-C ends it as it stands.

    Raises:
        InvalidValue: the family has no pages of its own, or the port is taken.
    """
    from envbench.cli._game import recorded_row

    serving = serve_module(card)
    if serving is None:
        raise InvalidValue(f"--browser: {card.env.ids[0]} has no pages of its own to serve; leave it out")
    with serving.Visit(task, dataset, values, seed, max_steps, port) as visit:
        common.say(
            f"play: {task.id}, at most {visit.env.max_steps} steps; this machine alone can see it; Ctrl-C ends it"
        )
        common.say(visit.url)
        try:
            while not visit.wait(1.0):
                pass
        except KeyboardInterrupt:
            common.say("left")
    return recorded_row(visit.env, visit.actions, task, seed) | {"practice": False, "undos": 0, "hints": 0}


def _one_id(*given: str | None) -> str:
    """Return the id that was given in one place or another.

    Raises:
        InvalidValue: for none, or two that differ.
    """
    ids = sorted({id for id in given if id is not None})
    if len(ids) != 1:
        what = f"two environments, {ids[0]} and {ids[1]}" if ids else "no environment"
        raise InvalidValue(f"{what}: name one, e.g. envbench play envbench/WebShop-v0")
    return ids[0]


def report(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print the results of episodes; with `as_json`, the row of the last one."""
    if as_json:
        common.emit_json(rows[-1])
    else:
        for row in rows:
            typer.echo(_result(row))


def sit(
    env: Env[Any], values: dict[str, Any], task: Task, seed: int, before: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Let a person play and return the rows of the episodes; the first one begins after the actions `before`."""
    from envbench.cli._game import Game
    from envbench.cli._terminal import open_terminal

    game = Game(env, values, task, seed, before)
    try:
        with open_terminal() as terminal:
            while not game.over:
                line = terminal.ask(game.view(), game.completions)
                if line is None:
                    break
                game.type(line)
    except KeyboardInterrupt:
        common.say("\nleft; nothing was recorded")
        raise typer.Exit(130) from None
    return game.rows()


def _watch(env: Env[Any], agent: agents.ConfiguredAgent[Any], task: Task, seed: int) -> dict[str, Any]:
    """Let an agent play, tell it line by line, and return the row of the episode."""
    from envbench.rollout.play import play as play_episode

    row = play_episode(env, Narrated(agent), task, seed).row
    common.say("\n" + str(env.render()))
    return row


def _result(row: Mapping[str, Any]) -> str:
    """Return the result of an episode on one line."""
    left = row["agent"] == "human" and row["outcome"] == "agent_error"
    error = f" ({row['error']})" if row["error"] and not left else ""
    practice = ", practice" if row.get("practice") else ""
    return (
        f"{'not finished' if left else row['outcome']}{error}: score {row['score']:.4f}, "
        f"return {row['episode_return']:.4f}, {row['steps']} {'step' if row['steps'] == 1 else 'steps'}, "
        f"{row['invalid_actions']} invalid{practice}"
    )
