"""Write the table and figures of `leaderboards/credit-fidelity` again from the rows that are committed there.

python scripts/credit_fidelity.py            # table.md and the figures
python scripts/credit_fidelity.py --check    # exit code 1 where table.md is not what the rows come to
"""

import sys

from envbench.report.fidelity_board import board_table, committed, folder, write_board

if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        table = (folder() / "table.md").read_text("utf-8")
        sys.exit(0 if table == board_table(committed()) else "table.md is not what the rows come to")
    for path in write_board(folder(), folder() / "study.toml"):
        print(path)
