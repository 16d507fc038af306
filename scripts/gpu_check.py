"""Run every check of the trainer that needs a GPU and print a table; some minutes on one card.

    python scripts/gpu_check.py

Exits 0 when all targets are reached, 1 when one is missed, and 2 without CUDA. TRL is compared where it is installed:
pip install "envbench[trl]".
"""

import sys

import torch

from envbench.bench.gpu_checks import checks

WORDS = {True: "reached", False: "MISSED", None: "not measured"}


def main() -> int:
    if not torch.cuda.is_available():
        print("gpu_check: torch sees no CUDA device here, so nothing was checked", file=sys.stderr)
        return 2
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    missed = False
    for check in checks("cuda"):
        missed |= check.passed is False
        print(f"{WORDS[check.passed]:<13} {check.name}: {check.found} (target {check.target})", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
