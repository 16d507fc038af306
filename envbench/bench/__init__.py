"""How fast and how large the environments are: `envbench bench`.

    plan = make_plan(subjects(), Settings())
    run = execute(plan, measure, out)
    rows = summary(run.metrics())

Every subject is measured in fresh processes: the workload is recorded in one, timed in a second and its memory taken
in a third, so that no cache is warm from having been written down. How long the credit methods take is measured in
this process: `make_credit_plan`, `measure_credit`, `credit_summary`. The leaderboard's commands are `bench.board`.
"""

from envbench.bench.credit import CreditSettings, credit_summary, make_credit_plan, measure_credit
from envbench.bench.plan import Settings, absent, make_plan, make_vector_plan, measure, subjects
from envbench.bench.summary import Row, summary, write_table

__all__ = [
    "CreditSettings",
    "Row",
    "Settings",
    "absent",
    "credit_summary",
    "make_credit_plan",
    "make_plan",
    "make_vector_plan",
    "measure",
    "measure_credit",
    "subjects",
    "summary",
    "write_table",
]
