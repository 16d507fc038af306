"""What a person sees of the house."""

from typing import Any

import gymnasium

from envbench.cli._game import Game
from envbench.registry import panel
from envbench.types.page import Choices, Paragraph, choices_of

ID = "envbench/ALFWorld-v0"


def game(**knobs: Any) -> Game:
    env = gymnasium.make(ID, split="valid_seen", **knobs).unwrapped
    return Game(env, env.knobs, panel(ID, split="valid_seen")[0], 0)


def paragraphs(seen: Game) -> list[str]:
    return [block.text for block in seen.page().blocks if isinstance(block, Paragraph)]


def test_every_valid_action_is_a_choice_and_the_task_stands_on_top_alone() -> None:
    seen = game()
    for step in range(12):
        choices = [choice.action for choice in choices_of(seen.page().blocks)]
        assert sorted(choices) == sorted(seen._info["valid_actions"])
        assert seen.view().instruction == seen._info["instruction"]
        assert seen.view().instruction not in "".join(paragraphs(seen))
        seen.type(choices[(7 * step) % len(choices)])


def test_places_are_named_alone_and_counted_as_people_count() -> None:
    seen = game()
    (places,) = [block for block in seen.page().blocks if isinstance(block, Choices) and block.name == "Go to"]
    names = [choice.label.split() for choice in places.choices]
    assert names == sorted(names, key=lambda words: (words[0], int(words[1])))
    assert max(int(number) for _, number in names) >= 10
    seen.type(places.choices[3].label)
    assert seen._actions == [(f"go to {places.choices[3].label}", True)]


def test_the_last_answers_stay_in_sight() -> None:
    seen = game()
    assert paragraphs(seen)[0].startswith("You are in the middle of a room.")
    for command in ("inventory", "look", "help", "inventory", "look"):
        seen.type(command)
    *past, last, answer = paragraphs(seen)
    assert [text.splitlines()[0] for text in past] == ["> look", "> help", "> inventory"]
    assert past[-1] == "> inventory\nYou are not carrying anything."
    assert (last, answer.startswith("You are")) == ("> look", True)
    seen.type(":undo")
    assert paragraphs(seen)[-2:] == ["> inventory", "You are not carrying anything."]


def test_hints_lead_to_the_end() -> None:
    seen = game()
    while not seen.ended:
        seen.type(":hint")
        (hint,) = seen.completions("")
        seen.type(hint)
    assert paragraphs(seen)[-1].startswith("score 1.0000")
