"""The checks themselves, as one pytest class. Inherit it and name the family."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import warnings
from functools import lru_cache
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envbench.cards import home
from envbench.env import Env
from envbench.errors import BrowserMissing, DataMissing, EnvbenchError, MissingExtra, SnapshotMismatch, UnknownName
from envbench.hashing import digest, encode
from envbench.seeding import below, choice, derive_seed, generator
from envbench.testing.case import ROOT, Case, cases, future, golden, record, walk
from envbench.testing.require import missing
from envbench.types.trajectory import OUTCOMES

_NOT_COMMANDS: tuple[Any, ...] = (None, 3, 2.5, b"left", [], {}, "", " ", "\ud800", "no such command", object())
_HASHES = ("state_hash", "anchor_hash", "observation_hash")


@lru_cache(maxsize=64)
def _absence(case_name: str, family: str) -> str:
    """Return why a case cannot run here, or ""."""
    case = next(case for case in cases(family) if case.name == case_name)
    try:
        case.make().reset(seed=0)
    except (MissingExtra, DataMissing, BrowserMissing) as error:
        return str(error)
    return ""


@lru_cache(maxsize=16)
def _children(family: str) -> list[dict[str, list[str]]]:
    """Run every case in three other processes with other hash seeds; the question is made here, once."""
    asked = {}
    for case in cases(family):
        if not _absence(case.name, family):
            env = case.make()
            env.reset(seed=7, options={"task": case.task_id(0)})
            walk(env, 3, 7)
            snapshot = env.snapshot().decode("utf-8", "surrogatepass")
            asked[case.row.name] = [snapshot, walk(env, 10, 8)]
    command = [sys.executable, "-m", "envbench.testing.child", family]
    answers = []
    for hash_seed in ("0", "1", "4294967295"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            command, input=json.dumps(asked), env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    return [asked, *answers]


def _global_generators() -> tuple[Any, ...]:
    legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002  # it is what is guarded
    return random.getstate(), legacy["state"]["pos"], legacy["state"]["key"].tobytes()


class _Bijection:
    """Keys and contents met so far: one key for one content, and the other way round."""

    def __init__(self) -> None:
        self.content_of: dict[str, bytes] = {}
        self.key_of: dict[bytes, str] = {}

    def meet(self, key: str, content: Any) -> None:
        encoded = encode(content)
        assert self.content_of.setdefault(key, encoded) == encoded, "one key for two contents"
        assert self.key_of.setdefault(encoded, key) == key, "two keys for one content"


def _assert_same_future(env: Env[Any], other: Env[Any], now: bytes, earlier: bytes, actions: list[str]) -> None:
    """Equal anchors promise equal rewards and valid actions; equal states promise everything."""
    env.restore(now)
    other.restore(earlier)
    keys = ["valid", "valid_actions", "anchor_hash", "score"]
    if same_state := env.state_hash() == other.state_hash():
        keys += ["state_hash", "observation_hash"]
    first, second = future(env, actions, keys), future(other, actions, keys)
    if same_state:  # a refused action repeats the last observation, which the path before has decided
        accepted = next((index for index, row in enumerate(first) if row[2]), len(first))
        first, second = first[accepted:], second[accepted:]
    assert first == second


def _is_immutable(value: Any) -> bool:
    if type(value) is tuple:
        return all(_is_immutable(item) for item in value)
    return value is None or type(value) in (str, bool, int, float)


def _step_or_reset(env: Env[Any], action: str, over: bool) -> tuple[Any, float, bool, bool, dict[str, Any]]:
    if not over:
        return env.step(action)
    observation, info = env.reset()
    return observation, 0.0, False, False, info


def _rows(shown: Any, count: int) -> list[Any]:
    """Return the observations of a vector one by one; those of a dict space come as a dict of sequences."""
    if isinstance(shown, dict):
        return [{key: values[number] for key, values in shown.items()} for number in range(count)]
    return list(shown)


def _assert_same_infos(infos: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    """Every key of every environment came through the vector, and no other."""
    for number, info in enumerate(expected):
        assert {key for key in infos if not key.startswith("_") and infos["_" + key][number]} == set(info)
        plain = {key: value for key, value in info.items() if not isinstance(value, dict)}
        assert {key: infos[key][number] for key in plain} == plain


LONG = frozenset(
    (
        "test_all_valid_actions_are_accepted",
        "test_keys_tell_states_apart_and_equal_ones_have_equal_futures",
        "test_memory_does_not_grow_with_episodes",
        "test_oracle_reaches_the_proven_score",
        "test_vector_environments_return_what_single_ones_return",
    )
)
"""Tests that take two thirds of the time where a step takes tens of milliseconds; for `ConformanceSuite.long`."""


class ConformanceSuite:
    """Every environment passes these checks; they run on each `[[conformance]]` case of the card.

    Attributes:
        family: of the card.
        paths: random walks on which keys and futures are compared.
        every: the oracle plays one task in this many; more than 1 where a step takes tens of milliseconds.
        long: names of tests that cases after the first run with the slow ones.
    """

    family: ClassVar[str]
    paths: ClassVar[int] = 12
    every: ClassVar[int] = 1
    long: ClassVar[frozenset[str]] = frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames:
            later = ["slow"] if metafunc.function.__name__ in self.long else []
            rows = [
                pytest.param(
                    case,
                    id=case.row.name,
                    marks=[getattr(pytest.mark, mark) for mark in (*case.row.marks, *(later if number else ()))],
                )
                for number, case in enumerate(cases(self.family))
            ]
            metafunc.parametrize("case", rows)

    @pytest.fixture(autouse=True)
    def _present(self, case: Case) -> None:
        reason = _absence(case.name, self.family)
        if reason:
            extras = (case.card.env.extra, case.card.dataset(case.row.dataset).extra)
            missing(reason, f"{self.family}/{case.row.dataset}", *filter(None, extras))

    def test_gymnasium_checker_is_clean(self, case: Case) -> None:
        env = case.make()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env)
        env.close()

    def test_vector_environments_return_what_single_ones_return(self, case: Case) -> None:
        for mode in (None, "sync", "async"):
            limited: dict[str, Any] = case.arguments | {"max_steps": 3}
            vector = gymnasium.make_vec(case.card.env.ids[0], num_envs=2, vectorization_mode=mode, **limited)
            try:
                singles = [case.make(max_steps=3), case.make(max_steps=3)]
                shown, infos = vector.reset(seed=5)
                expected = [env.reset(seed=5 + i) for i, env in enumerate(singles)]
                assert _rows(shown, 2) == [observation for observation, _ in expected]
                _assert_same_infos(infos, [info for _, info in expected])
                over = [False, False]
                for step in range(9):  # several episodes: the step after an end is a reset
                    offers = [env.valid_actions() or ("",) for env in singles]
                    actions = [offered[step % len(offered)] for offered in offers]
                    shown, rewards, terminated, truncated, infos = vector.step(tuple(actions))
                    results = [
                        _step_or_reset(env, action, o) for env, action, o in zip(singles, actions, over, strict=True)
                    ]
                    found = zip(_rows(shown, 2), rewards, terminated, truncated, strict=True)
                    assert [tuple(row) for row in found] == [result[:4] for result in results]
                    _assert_same_infos(infos, [result[4] for result in results])
                    over = [result[2] or result[3] for result in results]
            finally:
                vector.close()

    def test_same_trace_in_three_processes_with_other_hash_seeds(self, case: Case) -> None:
        _, *answers = _children(self.family)
        for answer in answers:
            assert answer[case.row.name][0] == digest(golden(case))

    def test_snapshot_continues_in_another_process(self, case: Case) -> None:
        asked, *answers = _children(self.family)
        snapshot, actions = asked[case.row.name]
        env = case.make()
        env.restore(snapshot.encode("utf-8", "surrogatepass"))
        expected = digest(record(env, actions))  # type: ignore[arg-type]  # lists of plain data
        for answer in answers:
            assert answer[case.row.name][1] == expected

    def test_golden_trace_is_pinned(self, case: Case) -> None:
        path = case.golden_path()
        if home().name == "_cards":
            pytest.skip("golden traces travel with the checkout, not with the wheel")
        assert path.is_file(), f"{path} is missing; run: python scripts/pin.py {self.family}"
        assert golden(case) == json.loads(path.read_text(encoding="utf-8"))

    def test_restore_gives_bit_equal_futures(self, case: Case) -> None:
        for number in range(6):
            env, other = case.make(), case.make()
            env.reset(seed=number, options={"task": case.task_id(number)})
            walk(env, number * 2, number)
            snapshot = env.snapshot()
            shown = (env._observation, env._build_info())
            actions = walk(env, 10, number + 100)
            assert env.restore(snapshot) == shown
            first = record(env, actions)
            assert other.restore(snapshot) == shown
            assert record(other, actions) == first
            assert other.snapshot() == env.snapshot()

    def test_reseeding_changes_the_noise_alone(self, case: Case) -> None:
        env = case.make()
        env.reset(seed=1, options={"task": case.task_id(1)})
        walk(env, 3, 1)
        snapshot = env.snapshot()
        before = env.state_hash(), env.anchor_hash(), env.t
        env.restore(snapshot, reseed=77)
        assert (env.anchor_hash(), env.t) == before[1:]
        assert (env.state_hash() == before[0]) is not case.row.stochastic
        first = record(env, walk_again := ["no such command", *(env.valid_actions() or ())[:1] * 3])
        env.restore(snapshot, reseed=77)
        assert record(env, walk_again) == first

    def test_snapshots_of_other_tasks_or_formats_are_refused(self, case: Case) -> None:
        env = case.make()
        env.reset(seed=1, options={"task": case.task_id(1)})
        document = json.loads(env.snapshot().decode("utf-8", "surrogatepass"))
        for change in ({"version": 0}, {"family": "other"}, {"digest": "v1:" + "0" * 32}, {"task": "a/b/c/0000"}):
            with pytest.raises(SnapshotMismatch):
                env.restore(json.dumps(document | change).encode())
        with pytest.raises(SnapshotMismatch):
            env.restore(b"no snapshot")

    def test_info_at_reset_replays_the_episode(self, case: Case) -> None:
        env, other = case.make(), case.make()
        env.reset(seed=11)
        for _ in range(3):
            observation, info = env.reset()
            again = other.reset(seed=info["seed"], options={"task": info["task"]})
            assert again == (observation, info)
            actions = walk(env, 8, 3)
            other_rows = record(other, actions)
            env.reset(seed=info["seed"], options={"task": info["task"]})
            assert record(env, actions) == other_rows

    def test_seeds_drive_the_stream_of_unseeded_resets(self, case: Case) -> None:
        first, second = case.make(), case.make()
        for env in (first, second):
            env.reset(seed=3)
        for _ in range(3):
            assert first.reset() == second.reset()
        assert first.reset(seed=3)[1]["seed"] == 3

    def test_info_keys_and_types(self, case: Case) -> None:
        env = case.make()
        kinds: dict[str, type] = {}
        for number in range(4):
            _, info = env.reset(seed=number, options={"task": case.task_id(number)})
            assert info["task"] == case.task_id(number)
            self._check_info(env, info, kinds)
            assert "valid" not in info
            bits = generator(derive_seed(ROOT, "info", number))
            over = False
            while not over:
                action = choice(bits, (*(env.valid_actions() or ()), "no such command")) if env.t else "no such command"
                observation, reward, terminated, truncated, info = env.step(action)
                over = terminated or truncated
                assert observation in env.observation_space
                assert type(reward) is float
                assert type(info["valid"]) is bool
                assert type(info["success"]) is bool
                assert type(info["score"]) is float
                assert 0.0 <= info["score"] <= 1.0
                assert ("outcome" in info) is over
                self._check_info(env, info, kinds)
            assert info["outcome"] in OUTCOMES
            assert info["success"] is (info["outcome"] == "success")

    def _check_info(self, env: Env[Any], info: dict[str, Any], kinds: dict[str, type]) -> None:
        assert type(info["instruction"]) is str
        assert info["valid_actions"] is None or type(info["valid_actions"]) is tuple
        assert [info[key] for key in _HASHES] == [env.state_hash(), env.anchor_hash(), env.observation_hash()]
        again = env._build_info()
        for key, value in info.items():
            assert kinds.setdefault(key, type(value)) is type(value), f"info[{key!r}] changed its type"
            assert _is_immutable(value) or value is not again.get(key), f"info[{key!r}] could be changed from outside"
        encode({key: value for key, value in info.items() if key != "seed"})

    def test_what_is_no_command_is_invalid_and_changes_nothing(self, case: Case) -> None:
        env = case.make(max_steps=None)
        observation, info = env.reset(seed=2, options={"task": case.task_id(2)})
        state, refusal = env._state(), env._refusal()
        for number, action in enumerate(_NOT_COMMANDS, start=1):
            shown, reward, terminated, truncated, after = env.step(action)
            assert (shown, reward, terminated, truncated) == (
                observation if refusal is None else refusal,
                0.0,
                False,
                False,
            )
            assert after["valid"] is False
            unchanged = _HASHES if refusal is None else _HASHES[:2]
            assert [after[key] for key in unchanged] == [info[key] for key in unchanged]
            assert env._state() == state
            assert env.t == number

    def test_all_valid_actions_are_accepted(self, case: Case) -> None:
        env = case.make()
        for number in range(3):
            env.reset(seed=number, options={"task": case.task_id(number)})
            for _ in range(4):
                snapshot = env.snapshot()
                offered = env.valid_actions() or ()
                assert len(set(offered)) == len(offered)
                for action in offered[:40]:
                    env.restore(snapshot)
                    assert env.step(action)[4]["valid"] is True, action
                env.restore(snapshot)
                walk(env, 2, number)

    def test_nothing_happens_after_the_end(self, case: Case) -> None:
        env = case.make(max_steps=3)
        env.reset(seed=0, options={"task": case.task_id(0)})
        walk(env, 3, 0)
        snapshot = env.snapshot()
        last = env.step("no such command")
        assert last[1] == 0.0
        assert last[2] or last[3]
        assert last[4]["valid"] is False
        assert last[4]["valid_actions"] == ()
        assert env.snapshot() == snapshot

    def test_limit_truncates_and_belongs_to_the_base_class(self, case: Case) -> None:
        env = case.make(max_steps=2)
        env.reset(seed=0, options={"task": case.task_id(0)})
        assert env.step("")[2:4] == (False, False)
        *_, terminated, truncated, info = env.step("")
        assert (terminated, truncated, info["outcome"]) == (False, True, "timeout")
        # Not env.spec: gymnasium takes the limit out of it and puts it into a wrapper.
        assert all(gymnasium.spec(id).max_episode_steps is None for id in case.card.env.ids)

    def test_null_agent_scores_zero(self, case: Case) -> None:
        env = case.make()
        for number in range(4):
            env.reset(seed=number, options={"task": case.task_id(number)})
            over = False
            while not over:
                *_, terminated, truncated, info = env.step("")
                over = terminated or truncated
            assert (info["score"], info["outcome"]) == (0.0, "timeout")

    def test_oracle_reaches_the_proven_score(self, case: Case) -> None:
        env = case.make()
        exceptions = case.card.oracle.exceptions
        if case.row.stochastic:
            pytest.skip("stochastic: the family's own test holds the oracle to the exact optimum")
        for split in case.splits():
            for task in case.panel(split)[:: self.every]:
                env.reset(seed=0, options={"task": task.id})
                score, over = 0.0, False
                while not over:
                    action = env.oracle()
                    assert action is not None, task.id
                    *_, terminated, truncated, info = env.step(action)
                    score, over = info["score"], terminated or truncated
                expected = exceptions[task.id].score if task.id in exceptions else 1.0
                assert score == pytest.approx(expected, abs=1e-9), task.id

    def test_global_generators_and_sockets_stay_untouched(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("an environment opened a socket")

        monkeypatch.setattr(socket, "socket", refuse)
        before = _global_generators()
        env = case.make()
        env.reset(seed=1)
        walk(env, 10, 1)
        env.oracle()
        env.restore(env.snapshot())
        env.reset()
        assert _global_generators() == before

    def test_keys_tell_states_apart_and_equal_ones_have_equal_futures(self, case: Case) -> None:
        states, anchors = _Bijection(), _Bijection()
        met: dict[str, bytes] = {}
        env, other = case.make(max_steps=None), case.make(max_steps=None)
        compared = 0
        for number in range(self.paths):
            env.reset(seed=number, options={"task": case.task_id(number % 2)})
            for _ in range(12):
                walk(env, 1, derive_seed(number, "path", env.t))
                anchors.meet(env.anchor_hash(), [env.task.digest, env._anchor()])
                if not case.row.stochastic:
                    states.meet(env.state_hash(), [env.task.digest, env._state()])
                    snapshot = env.snapshot()
                    if (earlier := met.get(env.anchor_hash())) is not None:
                        actions = walk(env, 6, number)
                        _assert_same_future(env, other, snapshot, earlier, actions)
                        env.restore(snapshot)
                        compared += 1
                    met.setdefault(env.anchor_hash(), snapshot)
        assert compared or case.row.stochastic

    def test_reseeded_steps_agree_with_outcomes(self, case: Case) -> None:
        if not case.row.stochastic:
            pytest.skip("deterministic")
        env = case.make()
        draws = 400
        for number in range(3):
            env.reset(seed=number, options={"task": case.task_id(number)})
            walk(env, number, number)
            snapshot = env.snapshot()
            if not (offered := env.valid_actions()):
                continue
            action = offered[below(generator(number), len(offered))]
            expected = {encode([o.state, o.reward, o.terminated]): o.probability for o in env.outcomes(action)}
            assert sum(expected.values()) == pytest.approx(1.0)
            counts = dict.fromkeys(expected, 0)
            for draw in range(draws):
                env.restore(snapshot, reseed=derive_seed(ROOT, "outcomes", number, draw))
                _, reward, terminated, _, _ = env.step(action)
                counts[encode([env._state(), reward, terminated])] += 1
            for key, probability in expected.items():
                spread = (probability * (1 - probability) / draws) ** 0.5
                assert abs(counts[key] / draws - probability) <= 4 * spread + 1e-12

    def test_memory_does_not_grow_with_episodes(self, case: Case) -> None:
        env = case.make()

        def episodes() -> int:
            for number in range(12):
                env.reset(seed=number, options={"task": case.task_id(number % 3)})
                walk(env, 10, number)
            return sys.getallocatedblocks()

        episodes()
        before = episodes()
        for _ in range(3):
            after = episodes()
        assert after - before < 500

    def test_panels_are_what_the_card_says(self, case: Case) -> None:
        section = case.card.dataset(case.row.dataset)
        changed = {
            n: v for n, v in case.row.knobs.items() if case.card.knobs[n].dynamics and v != case.card.knobs[n].default
        }
        contents: dict[str, str] = {}
        for split in case.splits():
            declared, tasks = section.splits[split], case.panel(split)
            assert len({task.id for task in tasks}) == len(tasks)
            if section.pinned and not changed:
                assert (len(tasks), tasks.sha256) == (declared.tasks, declared.sha256)
            if split != "all" and not section.leaking:
                for task in tasks:
                    assert task.digest not in contents, f"{task.id} repeats {contents[task.digest]}"
                    contents[task.digest] = task.id

    def test_clusters_do_not_cross_splits(self, case: Case) -> None:
        owner: dict[str, str] = {}
        section = case.card.dataset(case.row.dataset)
        for split in case.splits():
            if split != "all" and split not in section.seen_splits and not section.leaking:
                for task in case.panel(split):
                    assert owner.setdefault(task.cluster, split) == split, task.id

    def test_unknown_names_are_refused_in_one_line(self, case: Case) -> None:
        for change in ({"dataset": "no such"}, {"split": "no such"}, {"no_such_knob": 1}, {"max_steps": 0}):
            with pytest.raises(EnvbenchError) as caught:
                case.make(**change)
            assert "\n" not in str(caught.value)
        env = case.make()
        for option in ({"task": "no such"}, {"task": f"{self.family}/{case.row.dataset}/{case.split}/99999999"}):
            with pytest.raises(EnvbenchError):
                env.reset(options=option)
        with pytest.raises(UnknownName):
            env.reset(options={"tasks": case.task_id(0)})
