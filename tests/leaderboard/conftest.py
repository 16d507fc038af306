from pathlib import Path

import pytest
from submissions import bundled, small_board

from envbench.leaderboard.board import Board


@pytest.fixture(scope="session")
def lake() -> Board:
    """A board with noise and two trials."""
    return small_board("envbench/FrozenLake-v0", tasks=3, trials=2, max_steps=12)


@pytest.fixture(scope="session")
def lake_bundle(lake: Board, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bundled(lake, "random", tmp_path_factory.mktemp("lake")).read_bytes()


@pytest.fixture(scope="session")
def rooms() -> Board:
    """A board without noise."""
    return small_board("envbench/Sokoban-v0", tasks=4)


@pytest.fixture(scope="session")
def rooms_bundle(rooms: Board, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bundled(rooms, "oracle", tmp_path_factory.mktemp("rooms")).read_bytes()


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    """Where a test puts the bundle that it made."""
    return tmp_path / "bundle.zip"
