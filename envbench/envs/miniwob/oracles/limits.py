"""What the scripts cannot reach, and why: pages without a script, and pages whose best score lies below 1."""

from __future__ import annotations

WITHOUT: dict[str, str] = {
    "click-pie-nodelay": "the slice selected at the start moves in the document whenever the mouse meets it, so that "
    "Chromium gives its clicks to the drawing: seeds that ask for this slice cannot be won",
    "hover-shape": "the page never ends an episode itself and so never pays",
}
"""Pages that have no oracle."""

BELOW_ONE: dict[str, tuple[float, str]] = {
    "bisect-angle": (0.99, "the exact point lies between pixels"),
    "chase-circle": (0.998, "20 ms of 10 s pass before the first action"),
    "circle-center": (0.97, "the page measures from half a pixel beside the centre"),
    "find-midpoint": (0.97, "the exact point may lie between pixels"),
    "right-angle": (0.99, "the exact point may lie between pixels"),
}
"""Pages whose oracle reaches the best score there is, at least the number given; they are in no panel for training."""

__all__ = ["BELOW_ONE", "WITHOUT"]
