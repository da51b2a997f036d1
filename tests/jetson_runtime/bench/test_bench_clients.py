"""`second-skin bench clients` on the smallest size: every client hears the stream, and ratios are to the bare one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("tomli_w")

from jetson_runtime.bench import client_ways, clients


def test_each_client_is_measured_beside_the_bare_one() -> None:
    words = ["clients", "--rounds", "1", "--seconds", "1", "--engine", "numpy", "--json"]
    command = [sys.executable, "-m", "jetson_runtime.cli", "bench", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    told = result["clients"]
    assert set(client_ways.WAYS) <= set(told) <= {*client_ways.WAYS, clients.CPLUSPLUS}
    assert (clients.CPLUSPLUS in told) != bool(result["without_cplusplus"])
    for name, one in told.items():
        assert 20 < one["frames"] <= 260, name
        assert 0.0 < one["latency_us"]["p50"] <= one["latency_us"]["p99"] <= one["latency_us"]["max"]
    assert told[clients.BARE]["ratio"] == {"p50": 1.0, "p99": 1.0, "p99_median_round": 1.0}
