"""Every form of a vector returns what one environment returns, bit by bit: compared as canonical bytes."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from envbench.cards import cards
from envbench.env import Env
from envbench.errors import DataMissing, EnvbenchError, InvalidValue, MissingExtra, SnapshotMismatch, UnknownName
from envbench.hashing import encode
from envbench.seeding import below, choice, derive_seed, generator
from envbench.testing.case import Case, cases
from envbench.vector import BatchedEnv, ProcessVector, Sessions
from envbench.vector.infos import pack
from envbench.vector.memory import REFUSED
from envbench.vector.noise import Noise

LAKE, SOKOBAN, SHOP = "envbench/FrozenLake-v0", "envbench/Sokoban-v0", "envbench/WebShop-v0"
ALL = [
    pytest.param(case, id=case.name, marks=[getattr(pytest.mark, mark) for mark in case.row.marks])
    for family, card in cards().items()
    if card.env.extra != "browser"  # shows more than text: `gymnasium.make_vec` has forms for that
    for case in cases(family)
]
NO_COMMANDS = ("no such command", "", None, 3)


def made(case: Case, form: type[Sessions], n: int, **arguments) -> Sessions:
    try:
        return form(case.card.env.ids[0], n, infos="list", **case.arguments, **arguments)
    except (DataMissing, MissingExtra) as error:
        pytest.skip(str(error))


def agents_choice(info: dict, bits: np.random.PCG64):
    """Few different actions, so that sessions of one task meet the same states again and again."""
    offered = info["valid_actions"]
    if not offered or below(bits, 6) == 0:
        return choice(bits, NO_COMMANDS)
    return offered[min(below(bits, len(offered)), below(bits, len(offered)), 3)]


class Scalar:
    """What a session must be equal to: one environment with gymnasium's next-step autoreset."""

    def __init__(self, env: Env, seed: int, task: str):
        self.env, self.over = env, False
        self.shown = env.reset(seed=seed, options={"task": task})

    def step(self, action):
        if self.over:
            self.over = False
            observation, info = self.env.reset()
            return observation, 0.0, False, False, info
        result = self.env.step(action)
        self.over = result[2] or result[3]
        return result


def play_beside_scalars(vector: Sessions, case: Case, steps: int, seed: int, **arguments) -> None:
    """Play one agent's actions in both; sessions come in groups of one task."""
    n = vector.num_envs
    tasks = [case.task_id(index // 3) for index in range(n)]
    seeds = [derive_seed(seed, "session", index) for index in range(n)]
    shown, infos = vector.reset(seed=seeds, options={"task": tasks})
    scalars = [Scalar(case.make(**arguments), *pair) for pair in zip(seeds, tasks, strict=True)]
    assert [encode(list(pair)) for pair in zip(shown, infos, strict=True)] == [
        encode(list(scalar.shown)) for scalar in scalars
    ]
    bits = generator(derive_seed(seed, "actions"))
    for step in range(steps):
        actions = [agents_choice(info, bits) for info in infos]
        *columns, infos = vector.step(actions)
        rows = zip(*(list(c) if isinstance(c, tuple) else c.tolist() for c in columns), infos, strict=True)
        for index, (row, scalar, action) in enumerate(zip(rows, scalars, actions, strict=True)):
            assert encode(list(row)) == encode(list(scalar.step(action))), (step, index, action)
        if step % 5 == 0:
            index = below(bits, n)
            assert vector.snapshot(index) == scalars[index].env.snapshot()


@pytest.mark.parametrize("case", ALL)
def test_batched_sessions_are_scalar_sessions(case: Case):
    vector = made(case, BatchedEnv, 7, max_steps=9)
    for seed in range(4):  # the second time round, transitions are known
        play_beside_scalars(vector, case, 30, seed % 3, max_steps=9)
    assert vector.memory is not None
    if case.make()._refusal() is not None:
        assert vector.memory.misses == 0  # what is shown after a refused action is never shared
        return
    assert 0 < vector.memory.misses < 4 * 30 * 7 * 0.7  # else nothing was shared and nothing was tested


@pytest.mark.parametrize("case", ALL)
@pytest.mark.parametrize("memory", ["none", "tiny"])
def test_forgetting_changes_nothing(case: Case, memory: str):
    vector = made(case, BatchedEnv, 5, max_steps=None, memory_mb=1 if memory == "tiny" else 0)
    if vector.memory is not None:
        vector.memory._limit = 40_000
    play_beside_scalars(vector, case, 40, 5, max_steps=None)
    if vector.memory is not None:
        assert vector.memory.size <= 60_000


@pytest.mark.parametrize(("family", "workers"), [("frozenlake", 1), ("frozenlake", 3), ("sokoban", 2), ("webshop", 2)])
def test_processes_are_scalar_sessions_whatever_their_number(family: str, workers: int):
    case = cases(family)[0]
    vector = made(case, ProcessVector, 5, workers=workers, max_steps=6)
    try:
        play_beside_scalars(vector, case, 20, 1, max_steps=6)
    finally:
        vector.close()


@pytest.mark.parametrize("id", [LAKE, SOKOBAN, SHOP])
def test_batched_gives_what_sync_gives(id: str):
    vectors = [BatchedEnv(id, 3, max_steps=4), gymnasium.make_vec(id, 3, max_steps=4)]
    assert type(vectors[1]) is SyncVectorEnv
    for name in ("single_observation_space", "observation_space", "single_action_space", "action_space", "num_envs"):
        assert len({repr(getattr(vector, name)) for vector in vectors}) == 1
    assert vectors[0].metadata == vectors[1].metadata
    resets = [vector.reset(seed=11) for vector in vectors]
    bits = generator(4)
    for _ in range(20):
        assert_same_batches([(shown, info) for shown, info in resets]) if _ == 0 else None
        offers = resets[1][1]["valid_actions"]
        actions = tuple(agents_choice({"valid_actions": offered}, bits) or "" for offered in offers)
        batches = [vector.step(tuple(map(str, actions))) for vector in vectors]
        assert_same_batches(batches)
        resets = [(batch[0], batch[4]) for batch in batches]
    for vector in vectors:
        vector.close()


def assert_same_batches(batches: list[tuple]) -> None:
    for batch in batches[:-1]:
        for ours, theirs in zip(batch, batches[-1], strict=True):
            assert_same(ours, theirs)


def assert_same(ours, theirs) -> None:
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            assert_same(ours[key], value)
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert [type(item) for item in ours] == [type(item) for item in theirs]
        assert ours.tolist() == theirs.tolist()
    else:
        assert ours == theirs


def test_pack_is_gymnasiums_packing():
    infos = [
        {"a": 1, "b": "x", "d": {"e": 1.5}},
        {},
        {"a": 2, "c": (1, 2), "d": {"e": 2.5, "f": True}, "g": np.arange(3)},
        {"b": None, "c": (3, 4), "h": np.float32(2.0), "i": [1]},
    ]
    vector = BatchedEnv(LAKE, 4)
    expected: dict = {}
    for index, info in enumerate(infos):
        expected = vector._add_info(expected, info, index)
    packed = pack(infos)
    assert packed["g"].tolist() == expected["g"].tolist()
    for key in ("g",):
        del packed[key], expected[key]
    assert_same(packed, expected)


def test_disabled_sessions_wait_for_their_reset():
    vector = BatchedEnv(LAKE, 3, infos="list", autoreset_mode="Disabled", max_steps=2)
    scalar = gymnasium.make(LAKE, max_steps=2).unwrapped
    task = "frozenlake/builtin/train/0003"
    vector.reset(seed=[4, 4, 4], options={"task": task})
    scalar.reset(seed=4, options={"task": task})
    for action in ("up", "up", "down", "down"):
        *_, infos = vector.step([action] * 3)
        result = scalar.step(action)
        assert [encode(info) for info in infos] == [encode(result[4])] * 3
    before = vector._last[0][0]
    shown, infos = vector.reset(seed=[1, 2, 3], options={"reset_mask": np.array([False, True, False])})
    assert (shown[0], infos[0], infos[2]) == (before, {}, {})
    assert infos[1]["seed"] == 2
    *_, truncated, infos = vector.step([None, "up", None])
    assert truncated.tolist() == [True, False, True]
    assert [info["valid"] for info in infos] == [False, True, False]


@pytest.mark.parametrize("id", [LAKE, SOKOBAN, SHOP])
def test_snapshots_travel_between_sessions_and_environments(id: str):
    vector = BatchedEnv(id, 4, infos="list", autoreset_mode="Disabled")
    scalar = gymnasium.make(id).unwrapped
    _, infos = vector.reset(seed=8)
    scalar.reset(seed=9)
    bits = generator(5)
    for _ in range(6):
        *_, infos = vector.step([agents_choice(info, bits) for info in infos])
    snapshot = vector.snapshot(2)
    for reseed in (None, 99):
        assert vector.restore(0, snapshot, reseed) == scalar.restore(snapshot, reseed)
        for _ in range(5):
            action = agents_choice({"valid_actions": scalar.valid_actions()}, bits)
            *_, infos = vector.step([action] * 4)
            assert encode(infos[0]) == encode(scalar.step(action)[4])
            env = vector.env(0)
            assert (env.oracle(), env.render()) == (scalar.oracle(), scalar.render())
            assert env.state_hash() == scalar.state_hash()
    with pytest.raises(SnapshotMismatch):
        vector.restore(0, b"no snapshot")


def test_what_a_user_changes_in_an_info_stays_there():
    vector = BatchedEnv(SHOP, 2, infos="list")
    scalar = gymnasium.make(SHOP).unwrapped
    for _ in range(4):
        _, info = scalar.reset(seed=3, options={"task": "webshop/builtin/train/0001"})
        vector.reset(seed=[3, 3], options={"task": "webshop/builtin/train/0001"})
        over = False
        while not over:
            action = scalar.oracle()
            *_, terminated, truncated, info = scalar.step(action)
            *_, infos = vector.step([action, action])
            assert [encode(one) for one in infos] == [encode(info)] * 2
            over = terminated or truncated
            for one in infos:
                if "reward_parts" in one:
                    one["reward_parts"].clear()
                one.clear()


def test_noise_is_numpys_stream():
    bits = generator(derive_seed(1, "noise"))
    bits.random_raw(3)
    noise = Noise(bits)
    first = noise.state
    assert [noise.random_raw() for _ in range(2000)] == [int(bits.random_raw()) for _ in range(2000)]
    other = generator(5)
    noise.copy_to(other)
    assert int(other.random_raw()) == int(bits.random_raw())
    noise.copy_to(other, first)
    assert other.state["state"]["state"] == first


def test_wrong_arguments_are_refused_in_one_line():
    for arguments in (
        {"num_envs": 0},
        {"num_envs": 2, "infos": "no"},
        {"num_envs": 2, "autoreset_mode": "SameStep"},
        {"num_envs": 2, "no_such_knob": 1},
        {"num_envs": 2, "memory_mb": -1},
    ):
        with pytest.raises(EnvbenchError) as caught:
            BatchedEnv(LAKE, **arguments)
        assert "\n" not in str(caught.value)
    vector = BatchedEnv(LAKE, 2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        vector.step(["up", "up"])
    with pytest.raises(gymnasium.error.ResetNeeded):
        vector.snapshot(0)
    for reset in (
        {"seed": [1]},
        {"options": {"task": ["frozenlake/builtin/train/0001"]}},
        {"options": {"task": "frozenlake/builtin/train/99999999"}},
        {"options": {"tasks": []}},
        {"seed": -1},
    ):
        with pytest.raises((InvalidValue, UnknownName)):
            vector.reset(**reset)
    vector.reset(seed=0)
    with pytest.raises(InvalidValue, match="1 actions"):
        vector.step(["up"])
    with pytest.raises(InvalidValue, match="reset_mask"):
        vector.reset(options={"reset_mask": [True]})
    with pytest.raises(InvalidValue, match="session 2"):
        vector.snapshot(2)
    assert REFUSED[0].node is None
