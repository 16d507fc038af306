"""What may be missing for a test, and what must not: `$ENVBENCH_REQUIRE`."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def required(*names: str) -> bool:
    """Tell whether `$ENVBENCH_REQUIRE` has one of these: extras, programs, `family/dataset`; by commas or blanks."""
    return not {*os.environ.get("ENVBENCH_REQUIRE", "").replace(",", " ").split()}.isdisjoint(names)


def missing(reason: str, *names: str) -> NoReturn:
    """Skip the test, or fail it where one of these names is required."""
    if required(*names):
        pytest.fail(f"$ENVBENCH_REQUIRE names {' or '.join(names)}, but: {reason}")
    pytest.skip(reason)


__all__ = ["missing", "required"]
