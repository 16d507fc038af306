"""Is a bundle what it says it is? Every episode is played again before its result counts.

report = verify("random.zip", workers=2)
print(report.verdict, report.reason)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from envbench.errors import BundleUnreadable, DataMissing, MissingExtra
from envbench.evaluate import environment
from envbench.leaderboard import checks, suspicion
from envbench.leaderboard.board import Board, PlannedEpisode, board_config, board_episodes, boards
from envbench.leaderboard.bundle import Bundle, open_bundle, scored_of
from envbench.leaderboard.replay import Replayed, replay_all
from envbench.leaderboard.schema import Claim, Episode
from envbench.leaderboard.scores import Scored, claim_of
from envbench.leaderboard.verdict import NOTE, TOLD_NOTE, Check, Level, Report, Row, Totals, Verdict, listed
from envbench.registry import card_of

_REPLAYABLE = ("D2", "D3", "D4")

Progress = Callable[[int, int, str], None]


class _Refused(Exception):
    """A check failed after which the others mean nothing."""


def verify(
    path: str | Path, workers: int = 1, *, board: Board | None = None, on_progress: Progress | None = None
) -> Report:
    """Check a bundle against its board and return what was found.

    It never raises for what a stranger's file holds. Memory is bounded by the limits of `bundle` (a few hundred MB),
    time by the steps that the board plans.

    Args:
        path: the file, or the folder of a submission.
        workers: processes that play again.
        board: when it is none of the project's.
        on_progress: called with (played, episodes, "").

    Raises:
        CardError, DataCorrupt: when the board or the data of this machine are not what they should be.
        RunIncomplete: when a worker process dies.
    """
    case = _Case(workers, on_progress)
    try:
        bundle = open_bundle(path)
        case.bundle = bundle
        case.examine(bundle, {board.name: board} if board else boards())
    except BundleUnreadable as error:
        case.add("file", [str(error)], "")
        return case.report("unreadable", str(error))
    except _Refused:
        pass
    failed = [check for check in case.checks if not check.ok]
    if failed:
        return case.report("refused", f"{failed[0].name}: {failed[0].text}")
    return case.report("accepted", case.summary())


@dataclass
class _Case:
    """What is known of a bundle so far."""

    workers: int
    on_progress: Progress | None
    checks: list[Check] = field(default_factory=list)
    bundle: Bundle | None = None
    level: Level | None = None
    row: Row | None = None

    def add(self, name: str, problems: Sequence[str], fine: str) -> None:
        """Record a check that passes where there are no problems."""
        self.checks.append(Check(name=name, ok=not problems, text=listed(problems) or fine))

    def demand(self, name: str, problems: Sequence[str], fine: str) -> None:
        """Record a check without which the others mean nothing.

        Raises:
            _Refused: where it does not pass.
        """
        self.add(name, problems, fine)
        if problems:
            raise _Refused

    def examine(self, bundle: Bundle, known: dict[str, Board]) -> None:
        """Make every check, in order.

        Raises:
            BundleUnreadable, _Refused: where the rest means nothing.
        """
        manifest = bundle.manifest
        name = manifest.board
        self.demand("board", [] if name in known else [f"{name!r} is none of {', '.join(known)}"], name)
        board = known[name]
        problems = checks.plan_problems(board, msgspec.to_builtins(manifest.plan), manifest.plan_sha256)
        self.demand("plan", problems, f"the board's, sha256 {manifest.plan_sha256}")
        count = board.tasks * board.trials
        more = [f"{manifest.episodes.rows} episodes, planned are {count}"] if manifest.episodes.rows > count else []
        self.demand("size", more, f"{manifest.episodes.rows} episodes in {manifest.episodes.bytes} bytes")
        episodes = list(bundle.episodes())
        self.add("file", [], "schema, sizes and seal are right")
        planned, why_not = _plan(board, episodes)
        self.level = "self-reported" if why_not else "replayed"
        self._check_episodes(board, planned, episodes)
        replayed = self._replay(board, bundle, episodes, why_not)
        found = {(one.task, one.trial): one for one in episodes}
        scored = [scored_of(one, found.get((one.task, one.trial))) for one in planned]
        claim = claim_of(board, scored)
        self._check_claim(manifest.claim, claim)
        stochastic = not why_not and environment(board_config(board)).stochastic
        self.checks.append(suspicion.overlap(board, manifest, planned))
        self.checks.append(suspicion.copies(episodes, stochastic))
        self.checks.append(suspicion.oracle_canary(manifest, episodes, replayed))
        self.row = _row(bundle, board, claim, scored, episodes, replayed)

    def _check_episodes(self, board: Board, planned: Sequence[PlannedEpisode], episodes: Sequence[Episode]) -> None:
        problems = checks.episode_problems(board, planned, episodes)
        missing = len(planned) - len(episodes)
        if not (problems or missing):
            problems = checks.panel_problems(board, episodes)
        text = f"{len(episodes)} of {len(planned)} planned, once each"
        self.demand("episodes", problems, f"{text}; the {missing} missing ones count as failed" if missing else text)
        self.demand("shapes", checks.shape_problems(board, episodes), "no impossible trajectory")

    def _replay(self, board: Board, bundle: Bundle, episodes: Sequence[Episode], why_not: str) -> list[Replayed] | None:
        if why_not:
            self.checks.append(Check(name="replay", ok=True, flagged=True, text=f"not replayed: {why_not}"))
            return None
        config = board_config(board) | {"ask_oracle": bundle.manifest.agent.name != "oracle"}
        replayed = replay_all(config, bundle.lines(), len(episodes), self.workers, self.on_progress)
        problems = [
            f"{checks.place(one)}: {'; '.join(again.differences)}"
            for one, again in zip(episodes, replayed, strict=True)
            if again.differences
        ]
        text = f"{len(episodes)} episodes came out the same, to the bit"
        broken = sum(one.outcome == "env_error" for one in episodes)
        if broken:
            text += f"; {broken} ended in a failure of the environment, which replay does not show"
        self.checks.append(Check(name="replay", ok=not problems, flagged=broken > 0, text=listed(problems) or text))
        return replayed

    def _check_claim(self, told: Claim, found: Claim) -> None:
        problems = checks.claim_problems(told, found)
        text = f"success {checks.shown(found.success)}, score {checks.shown(found.score)}"
        other = self.level == "replayed" and not checks.equal_intervals(told, found)
        if other:
            text += "; told with other intervals"
        self.checks.append(Check(name="claim", ok=not problems, flagged=other, text=listed(problems) or text))

    def summary(self) -> str:
        """Return the line that ends an accepted verification."""
        assert self.row is not None  # it is set before the last check
        flags = [check.name for check in self.checks if check.flagged]
        looked = f"; to be looked at: {', '.join(flags)}" if flags else ""
        return f"{self.level}, success {checks.shown(self.row.success)}, score {checks.shown(self.row.score)}{looked}"

    def report(self, verdict: Verdict, reason: str) -> Report:
        manifest = self.bundle.manifest if self.bundle else None
        return Report(
            verdict=verdict,
            reason=reason,
            checks=tuple(self.checks),
            board=manifest.board if manifest else "",
            plan_sha256=manifest.plan_sha256 if manifest else "",
            bundle_sha256=self.bundle.sha256 if self.bundle else "",
            level=self.level,
            row=self.row if verdict == "accepted" else None,
            note=TOLD_NOTE if self.level == "self-reported" else NOTE,
        )


def _plan(board: Board, episodes: Sequence[Episode]) -> tuple[tuple[PlannedEpisode, ...], str]:
    """Return the planned episodes and "", or, where they cannot be played here, as far as known, and why."""
    if card_of(board.env).env.determinism not in _REPLAYABLE:
        return checks.told_plan(board, episodes), f"{board.env} does not promise equal episodes on other machines"
    try:
        return board_episodes(board), ""
    except (DataMissing, MissingExtra) as error:
        return checks.told_plan(board, episodes), str(error)


def _row(
    bundle: Bundle,
    board: Board,
    claim: Claim,
    scored: Sequence[Scored],
    episodes: Sequence[Episode],
    replayed: Sequence[Replayed] | None,
) -> Row:
    places = {name: number for number, name in enumerate(dict.fromkeys(one.cluster for one in scored))}
    totals = Totals(
        steps=sum(len(one.actions) for one in episodes),
        invalid_actions=None if replayed is None else sum(one.invalid_actions for one in replayed),
        format_invalid=sum(one.format_invalid for one in episodes),
        prompt_tokens=sum(one.prompt_tokens for one in episodes),
        completion_tokens=sum(one.completion_tokens for one in episodes),
        model_calls=sum(one.model_calls for one in episodes),
        cost_usd=math.fsum(one.cost_usd for one in episodes),
    )
    return Row(
        agent=bundle.manifest.agent.name,
        metadata=bundle.manifest.metadata,
        success=claim.success,
        score=claim.score,
        planned=len(scored),
        missing=claim.missing,
        outcomes=dict(sorted(Counter(one.outcome for one in episodes).items())),
        totals=totals,
        values=tuple(float(getattr(one, board.metric)) for one in scored),
        clusters=tuple(places[one.cluster] for one in scored),
    )
