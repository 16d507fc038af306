"""Whatever happens to a bundle: verify answers, and what it accepts says what the true bundle says."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submissions import contents, lines, packed, sealed

from envbench.leaderboard.board import Board
from envbench.leaderboard.verify import verify

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([2**63, 1e308, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def judge(data: bytes, board: Board, file: Path, true: bytes) -> None:
    """Accepted are only the episodes and the numbers of the true bundle."""
    file.write_bytes(data)
    report = verify(file, board=board)
    assert (report.verdict == "accepted") == (report.row is not None)
    assert report.checks
    assert [one for one in file.parent.iterdir() if one != file] == []
    json.dumps(report.plain(), allow_nan=False)
    if report.verdict == "accepted":
        manifest, rows = contents(data)
        known, true_rows = contents(true)
        decisive = ("task", "task_digest", "trial", "seed", "outcome", "score", "actions", "rewards", "state_hashes")
        assert [[row[name] for name in decisive] for row in rows] == [
            [row[name] for name in decisive] for row in true_rows
        ]
        assert manifest["plan"] == known["plan"]
        for measure in ("success", "score"):
            assert manifest["claim"][measure]["estimate"] == known["claim"][measure]["estimate"]


@FUZZ
@given(data=st.data())
def test_bytes(lake: Board, lake_bundle: bytes, bundle_file: Path, data: st.DataObject) -> None:
    damaged = bytearray(lake_bundle)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        kind = data.draw(st.sampled_from(["put", "insert", "delete", "repeat"]))
        piece = data.draw(st.binary(min_size=1, max_size=6))
        if kind == "put":
            damaged[start : start + len(piece)] = piece
        elif kind == "insert":
            damaged[start:start] = piece
        elif kind == "delete":
            del damaged[start : start + data.draw(st.integers(1, 200))]
        else:
            damaged[start:start] = damaged[start : start + data.draw(st.integers(1, 200))]
    judge(bytes(damaged), lake, bundle_file, lake_bundle)


@FUZZ
@given(text=st.binary(max_size=60), where=st.floats(0, 1), which=st.booleans())
def test_text(lake: Board, lake_bundle: bytes, bundle_file: Path, text: bytes, where: float, which: bool) -> None:
    """Bytes put into one of the members before it is packed and sealed."""
    manifest, rows = contents(lake_bundle)
    documents = [json.dumps(manifest).encode(), lines(rows)]
    start = int(where * len(documents[which]))
    documents[which] = documents[which][:start] + text + documents[which][start + len(text) :]
    changed = sealed(manifest, documents[1]) if which else packed(documents[0], documents[1])
    judge(changed, lake, bundle_file, lake_bundle)


@FUZZ
@given(data=st.data(), value=VALUES)
def test_values(lake: Board, lake_bundle: bytes, bundle_file: Path, data: st.DataObject, value: Any) -> None:
    """Any value in any place of the manifest or the rows, sealed anew."""
    manifest, rows = (copy.deepcopy(part) for part in contents(lake_bundle))
    place = data.draw(st.sampled_from([manifest, rows[0], rows[-1]]))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = value
    try:
        changed = sealed(manifest, lines(rows))
    except (UnicodeEncodeError, AttributeError, TypeError):
        return
    judge(changed, lake, bundle_file, lake_bundle)
