"""A run that is killed at any moment ends, taken up again, in the bits of one that was not."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import pytest
import torch

from envbench.train import checkpoint as checkpoints

PROGRAM = """
import sys, json
from pathlib import Path
import envbench.train.loop as loop
from envbench.train.read import config_from
loop._CHECKPOINT_SECONDS = loop._CHECKPOINT_TIMES = 0.0
config = config_from(json.loads(sys.argv[1]))
print("ready", flush=True)
loop.train(config, checkpoint=Path(sys.argv[2]))
"""


def start(config, file):
    values = {name: value for name, value in config.plain().items() if value is not None}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(values), str(file)], stdout=subprocess.PIPE, text=True
    )


def finish(config, file):
    with start(config, file) as process:
        assert process.wait(timeout=300) == 0
    return checkpoints.read(file, config.resolved().plain())


@pytest.mark.slow
def test_killed_at_20_random_moments(lake, tmp_path):
    config = dataclasses.replace(lake, method="gae", tasks=8, iterations=80)
    state, tensors = finish(config, tmp_path / "whole.safetensors")
    file = tmp_path / "killed.safetensors"
    moments = torch.rand(20, generator=torch.Generator().manual_seed(5)).tolist()
    killed = 0
    for moment in moments:
        with start(config, file) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5 + 2.0 * moment)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed >= 10  # the others had finished before
    again, found = finish(config, file)
    assert again["iteration"] == state["iteration"] == 80
    assert found.keys() == tensors.keys()
    for name, one in tensors.items():
        assert torch.equal(one, found[name]), name
