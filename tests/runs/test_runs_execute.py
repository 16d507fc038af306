"""The executor: same tables whatever happens on the way."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import run_workers
from run_workers import calls, make_late_plan, make_plan

import envbench
from envbench.errors import DiskFull, InvalidValue, NonFiniteLoss, RunConflict, RunIncomplete
from envbench.runs import CellResult, execute, open_run
from envbench.runs.files import only_writer
from envbench.runs.store import open_store
from envbench.seeding import below, generator

ENV = {**os.environ, "PYTHONPATH": str(Path(envbench.__file__).parents[1])}  # also where it is not installed


def tables(path):
    """Return the bytes of everything that must not depend on how a run came about."""
    names = ["metrics.jsonl", "DONE", *sorted(f"episodes/{file.name}" for file in (path / "episodes").iterdir())]
    return {name: (path / name).read_bytes() for name in names}


def listing(path):
    return sorted(file.name for file in path.iterdir())


@pytest.fixture
def reference(tmp_path):
    run = execute(make_plan(12), run_workers.play, tmp_path / "reference")
    return tables(run.path)


def test_a_run_holds_rows_in_plan_order(tmp_path):
    seen = []
    run = execute(make_plan(3), run_workers.play, tmp_path / "r", on_progress=lambda *args: seen.append(args))
    assert seen == [(1, 3, "task-000"), (2, 3, "task-001"), (3, 3, "task-002")]
    assert [(row["cell"], row["trial"]) for row in run.episodes()] == [
        ("task-000", 0), ("task-001", 0), ("task-001", 1), ("task-002", 0), ("task-002", 1), ("task-002", 2)
    ]  # fmt: skip
    assert [row["actions"] for row in run.episodes()][:3] == [None, ["left", "ünï", "\ud800"], None]
    assert [row["index"] for row in run.metrics()] == [0, 1, 2]
    assert run.done
    assert run.config == {"seed": 7}
    assert set(listing(run.path)) == {".lock", "DONE", "episodes", "metrics.jsonl", "run.toml"}


def test_parallel_equals_serial(tmp_path, reference):
    seen = []
    run = execute(
        make_plan(12), run_workers.late_start, tmp_path / "p", workers=2, on_progress=lambda *args: seen.append(args)
    )
    assert tables(run.path) == reference
    assert [finished for finished, _, _ in seen] == list(range(1, 13))
    assert sorted(key for _, _, key in seen) == [cell.key for cell in make_plan(12).cells]
    assert seen[0][2] != "task-000"


def test_a_finished_run_is_not_run_again(tmp_path):
    plan = make_plan(4, notes=str(tmp_path))
    execute(plan, run_workers.play, tmp_path / "r")
    before = tables(tmp_path / "r")
    execute(plan, run_workers.play, tmp_path / "r")
    assert len(calls(tmp_path)) == 4
    assert tables(tmp_path / "r") == before


def journaled(path):
    """Return the cells that an unfinished run has stored."""
    journal = path / "journal"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return {line.split(b" ")[1].decode() for line in lines}


@pytest.mark.parametrize(("workers", "kills", "late"), [(1, 8, False), (2, 3, False), (1, 14, True)])
def test_kill_9_at_random_moments_loses_and_doubles_nothing(tmp_path, workers, kills, late):
    cells, bits, out = 60, generator(workers), tmp_path / "run"
    command = [sys.executable, run_workers.__file__, str(tmp_path), str(cells), str(workers), "0.01"]
    command += ["late"] if late else []
    for _ in range(kills):
        stored = journaled(out)
        goal = len(stored) + 1 + below(bits, 4)
        victim = subprocess.Popen(command, env=ENV, start_new_session=True)
        while len(journaled(out)) < goal and victim.poll() is None:
            time.sleep(0.001)
        time.sleep(below(bits, 10) / 1000)
        victim.kill()
        assert victim.wait() == -signal.SIGKILL
        assert_no_process_left(victim.pid)
        assert journaled(out) > stored
        again = {str(int(index) % 1000) for index in calls(tmp_path)}
        assert not stored & again, "a stored cell was run again"
        (tmp_path / "calls").unlink()
    subprocess.run(command, env=ENV, check=True)
    plan = (make_late_plan if late else make_plan)(cells)
    whole = execute(plan, run_workers.play, tmp_path / "whole", complete=run_workers.fill)
    assert tables(out) == tables(whole.path)


@pytest.mark.parametrize("workers", [1, 2])
def test_late_cells_run_last_and_stand_in_plan_order(tmp_path, workers):
    seen = []
    run = execute(
        make_late_plan(6), run_workers.play, tmp_path / "r", workers=workers, complete=run_workers.fill,
        on_progress=lambda *args: seen.append(args),
    )  # fmt: skip
    assert [settled for settled, _, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert {key for _, _, key in seen[4:]} == {"task-000", "task-003"}
    total = 1 + 2 + 4 + 5
    assert [row["index"] for row in run.metrics()] == [1000 * total, 1, 2, 1000 * total + 3, 4, 5]


def test_late_cells_wait_until_the_others_are_mended(tmp_path):
    plan = make_late_plan(6, notes=str(tmp_path))
    with pytest.raises(RunIncomplete, match="2 of 6 cells failed"):
        execute(plan, run_workers.moody, tmp_path / "r", complete=run_workers.fill)
    assert sorted(calls(tmp_path)) == ["2", "4"]
    (tmp_path / "mended").touch()
    execute(plan, run_workers.moody, tmp_path / "r", complete=run_workers.fill)
    assert sorted(calls(tmp_path)) == ["1", "12000", "12003", "2", "4", "5"]


def test_late_cells_need_somebody_who_completes_them(tmp_path):
    with pytest.raises(InvalidValue, match="late cells"):
        execute(make_late_plan(6), run_workers.play, tmp_path / "r")


def test_processes_do_not_finish_their_cell_when_the_parent_is_killed(tmp_path):
    command = [sys.executable, run_workers.__file__, str(tmp_path), "4", "2", "60"]
    victim = subprocess.Popen(command, env=ENV, start_new_session=True)
    while len(calls(tmp_path)) < 2:
        time.sleep(0.005)
    victim.kill()
    victim.wait()
    assert_no_process_left(victim.pid)


def assert_no_process_left(session):
    """Wait until no process of the killed parent's session is alive."""
    deadline = time.monotonic() + 20
    while members(session):
        assert time.monotonic() < deadline, "worker processes outlive their parent"
        time.sleep(0.01)


def members(session):
    """Return the process ids of a session, zombies aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[3] == str(session) and fields[0] != "Z":
                found.append(int(entry.name))
    return found


class Crash(BaseException):
    """The process dies here (as far as the files are concerned)."""


@pytest.mark.parametrize("name", ["write", "replace", "fsync", "unlink", "open"])
def test_a_crash_at_any_system_call_is_survived(tmp_path, monkeypatch, reference, name):
    plan, real = make_plan(12), getattr(os, name)
    for moment in range(200):
        left = [moment]

        def dying(*args, left=left, **kwargs):
            if left[0] == 0:
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise Crash
            left[0] -= 1
            return real(*args, **kwargs)

        out = tmp_path / f"run-{moment}"
        monkeypatch.setattr(os, name, dying)
        try:
            execute(plan, run_workers.play, out)
        except Crash:
            monkeypatch.setattr(os, name, real)
            assert tables(execute(plan, run_workers.play, out).path) == reference
        else:
            break
        finally:
            monkeypatch.setattr(os, name, real)
    assert moment >= {"write": 16, "replace": 4, "fsync": 8, "unlink": 1, "open": 8}[name]


@pytest.mark.parametrize("room", [0, 30, 700, 2500, 3300])
def test_a_full_disk_is_one_line_and_resumes(tmp_path, monkeypatch, reference, room):
    plan, real, left = make_plan(12), os.write, [room]

    def full(descriptor, data):
        fits = min(len(data), left[0])
        if not fits:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= fits
        return real(descriptor, bytes(data)[:fits])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull, match=r"^no room left on the disk of .*run the same command again") as caught:
        execute(plan, run_workers.play, tmp_path / "r")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r" / "DONE").exists()
    monkeypatch.setattr(os, "write", real)
    assert tables(execute(plan, run_workers.play, tmp_path / "r").path) == reference


@pytest.mark.parametrize("always", [False, True])
def test_a_killed_worker_process_costs_one_retry(tmp_path, always):
    plan = make_plan(8, notes=str(tmp_path), always=always)
    if always:
        with pytest.raises(RunIncomplete, match=r"^1 of 8 cells failed.*task-003: its worker process died 2 times"):
            execute(plan, run_workers.suicidal, tmp_path / "r", workers=2)
        assert len(journaled(tmp_path / "r")) == 7
    else:
        run = execute(plan, run_workers.suicidal, tmp_path / "r", workers=2)
        assert len(run.metrics()) == 8
        assert sorted(map(int, calls(tmp_path))) == list(range(8))


@pytest.mark.parametrize("workers", [1, 2])
def test_failed_cells_are_reported_and_retried(tmp_path, workers):
    plan = make_plan(6, notes=str(tmp_path))
    with pytest.raises(RunIncomplete, match=r"^3 of 6 cells failed.*ValueError: no luck with \d \(") as caught:
        execute(plan, run_workers.moody, tmp_path / "r", workers=workers)
    assert "\n" not in str(caught.value)
    assert listing(tmp_path / "r" / "failures") == ["000001.txt", "000003.txt", "000005.txt"]
    text = (tmp_path / "r" / "failures" / "000001.txt").read_text()
    assert text.startswith("cell task-001\n")
    assert "in moody" in text
    assert not open_run(tmp_path / "r").done
    (tmp_path / "mended").touch()
    run = execute(plan, run_workers.moody, tmp_path / "r", workers=workers)
    assert sorted(map(int, calls(tmp_path))) == list(range(6))
    assert len(run.metrics()) == 6
    assert "failures" not in listing(run.path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_that_diverges_fails_alone_and_is_not_said_to_be_worth_a_retry(tmp_path, workers):
    with pytest.raises(
        RunIncomplete, match="2 of 6 cells failed.*the same command would fail again.*Lower the"
    ) as found:
        execute(make_plan(6, notes=str(tmp_path)), run_workers.diverging, tmp_path / "r", workers=workers)
    assert "to retry" not in str(found.value)
    assert sorted(map(int, calls(tmp_path))) == [1, 2, 4, 5]
    with pytest.raises(NonFiniteLoss, match=r"^the loss is nan. Lower the learning rate$"):
        execute(make_plan(1, notes=str(tmp_path)), run_workers.diverging, tmp_path / "one", workers=workers)
    assert listing(tmp_path / "one" / "failures") == ["000000.txt"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_user_has_to_mend_ends_the_run_at_once(tmp_path, workers):
    plan = make_plan(40, notes=str(tmp_path))
    with pytest.raises(InvalidValue, match="^the key is not accepted: set another one$"):
        execute(plan, run_workers.refusing, tmp_path / "r", workers=workers)
    assert calls(tmp_path).count("refused") <= workers  # it was not asked forty times
    assert "failures" not in listing(tmp_path / "r")
    (tmp_path / "mended").touch()
    run = execute(plan, run_workers.refusing, tmp_path / "r", workers=workers)
    assert len(run.metrics()) == 40
    played = [call for call in calls(tmp_path) if call != "refused"]
    assert sorted(map(int, played)) == list(range(40))


def test_a_row_that_is_not_plain_data_fails_its_cell(tmp_path):
    with pytest.raises(RunIncomplete, match="column 'score' holds nan, which is not plain data"):
        execute(make_plan(1), run_workers.nan, tmp_path / "r")


def test_ctrl_c_stops_and_resumes(tmp_path):
    plan = make_plan(6, notes=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        execute(plan, run_workers.interrupted, tmp_path / "r")
    assert journaled(tmp_path / "r") == {"0", "1", "2"}
    execute(plan, run_workers.interrupted, tmp_path / "r")
    assert sorted(map(int, calls(tmp_path))) == list(range(6))


def test_ctrl_c_with_processes_stops_at_once_and_quietly(tmp_path):
    command = [sys.executable, run_workers.__file__, str(tmp_path), "9999", "2", "0.05"]
    victim = subprocess.Popen(command, env=ENV, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while len(journaled(tmp_path / "run")) < 3:
        time.sleep(0.002)
    os.killpg(victim.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    _, stderr = victim.communicate(timeout=60)
    assert stderr.count("KeyboardInterrupt") == 1
    assert_no_process_left(victim.pid)


def test_ctrl_c_is_not_for_the_worker_processes(tmp_path):
    command = [sys.executable, run_workers.__file__, str(tmp_path), "24", "2", "0.05"]
    parent = subprocess.Popen(command, env=ENV, start_new_session=True)
    while len(journaled(tmp_path / "run")) < 3:
        time.sleep(0.002)
    for member in members(parent.pid):
        if member != parent.pid:
            os.kill(member, signal.SIGINT)
    assert parent.wait(timeout=60) == 0
    assert sorted(map(int, calls(tmp_path))) == list(range(24))


def test_tables_of_an_interrupted_attempt_are_removed(tmp_path, reference):
    plan = make_plan(12)
    stale = tmp_path / "r" / "episodes" / "part-0001.jsonl"
    with open_store(tmp_path / "r", plan):
        stale.parent.mkdir()
        stale.write_text("{}\n")
    assert tables(execute(plan, run_workers.play, tmp_path / "r").path) == reference


def test_setup_runs_once_in_each_process(tmp_path):
    run = execute(
        make_plan(10, notes=str(tmp_path)), run_workers.shared, tmp_path / "r", workers=2, setup=run_workers.load_shared
    )
    assert {row["loads"] for row in run.episodes()} == {"1"}
    assert {str(row["pid"]) for row in run.episodes()} == set(calls(tmp_path))
    assert str(os.getpid()) not in calls(tmp_path)


def test_one_process_writes_a_run(tmp_path):
    out = tmp_path / "r"
    out.mkdir()
    with only_writer(out), pytest.raises(RunConflict, match=r"^another process is writing .*choose another --out"):
        execute(make_plan(), run_workers.play, out)
    execute(make_plan(), run_workers.play, out)


def test_a_directory_of_another_run_is_refused(tmp_path):
    execute(make_plan(), run_workers.play, tmp_path / "r")
    before = tables(tmp_path / "r")
    for plan, words in [
        (make_plan(seed=8), "its seed is 7, not 8"),
        (make_plan(more="x"), "its more is None, not 'x'"),
        (make_plan(5), "other cells"),
    ]:
        with pytest.raises(RunConflict, match=rf"{words}\): choose another --out, or delete that directory"):
            execute(plan, run_workers.play, tmp_path / "r")
    assert tables(tmp_path / "r") == before


def test_a_directory_or_file_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunConflict, match="holds other files and no run: choose another --out"):
        execute(make_plan(), run_workers.play, tmp_path)
    with pytest.raises(RunConflict, match="is a file, not a directory"):
        execute(make_plan(), run_workers.play, tmp_path / "thesis.txt")
    assert listing(tmp_path) == ["thesis.txt"]


def test_bad_arguments(tmp_path):
    with pytest.raises(InvalidValue, match="workers=0"):
        execute(make_plan(), run_workers.play, tmp_path / "r", workers=0)
    with pytest.raises(InvalidValue, match="use a module-level function"):
        execute(make_plan(), lambda config, spec: CellResult(), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_script_without_main_guard_gets_the_remedy(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(run_workers.__file__).parent)!r})\n"
        "import run_workers, envbench.runs\n"
        f"envbench.runs.execute(run_workers.make_plan(9), run_workers.play, {str(tmp_path / 'r')!r}, workers=2)\n"
    )
    result = subprocess.run(
        [sys.executable, str(script)], env=ENV, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "RunIncomplete: the worker processes end while they start" in result.stderr.splitlines()[-1]
