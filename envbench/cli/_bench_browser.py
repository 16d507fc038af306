"""`envbench bench browser`: its output."""

from __future__ import annotations

from pathlib import Path

from envbench.bench import write_table
from envbench.bench.browser import BrowserSettings, browser_summary, make_browser_plan, measure_browser
from envbench.cli import common
from envbench.runs import execute


def bench_browser(seed: int, repeats: int, out: Path | None, as_json: bool) -> None:
    """Measure pages beside the package's driver and BrowserGym, and print the table."""
    plan = make_browser_plan(BrowserSettings(seed=seed, repeats=repeats))
    folder = out if out is not None else Path("runs") / plan.run_id
    common.say(
        f"bench browser: {repeats} repetitions with {plan.config['chromium']}; two minutes in all, into {folder}"
    )
    if (folder / "DONE").exists():
        common.say(f"{folder} holds this measurement already; give another --out to measure anew")
    with common.progress("bench browser") as on_progress:
        run = execute(plan, measure_browser, folder, on_progress=on_progress)
    rows = browser_summary(run.metrics())
    write_table(folder / "table.json", rows)
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "sessions": run.sessions, "rows": rows})
    else:
        body = []
        for row in rows:
            if "missing" in row:
                common.say(f"not measured: {row['what']}: {row['missing']}")
                continue
            figures = (f"{row['figure'][part]:.3g}" for part in ("median", "low", "high"))
            target = "" if row["target"] is None else f"{row['target']:g}"
            body.append([row["what"], *figures, str(row["figure"]["n"]), target])
        columns = ("what", "median", "lowest", "highest", "repetitions", "target")
        common.table("MiniWoB++ in a real browser", columns, body)
    common.next_command(f"envbench bench browser --json --out {folder}")
