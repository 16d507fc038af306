"""Record what the package does on games that it makes for us: python tests/envs/textworld/record_transcripts.py.

Needs the extra `textworld`. Writes transcripts/<kind>-<number>.json.
"""

import json
from pathlib import Path

from compare_games import play, slim

from envbench.envs.textworld import made_games, package

FOLDER = Path(__file__).parent / "transcripts"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for number, recipe in enumerate(made_games.recipes("val", "all")):
        if recipe.kind == "custom":
            continue
        story = made_games.story_of(recipe)
        document = slim(json.loads(story.with_suffix(".json").read_text(encoding="utf-8")))
        env = package.start(story)
        walks = [play(env, document, seed, 60) for seed in range(4)]
        made = {"recipe": recipe.content(), "game": document, "walks": walks}
        path = FOLDER / f"{recipe.kind}-{number}.json"
        path.write_text(json.dumps(made, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
