"""`second-skin bench dashboard` at its smallest: a page that becomes live, and a pair with browsers and without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("playwright")
pytest.importorskip("nicegui")


def test_it_tells_first_paint_and_what_open_pages_cost() -> None:
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("needs a browser (apt install chromium)")
    sizes = ["--opened", "1", "--browsers", "2", "--pairs", "1", "--seconds", "1"]
    command = [sys.executable, "-m", "jetson_runtime.cli", "bench", "dashboard", *sizes, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result["first_paint_ms"]) == {"laptop", "phone"}
    for told in result["first_paint_ms"].values():
        assert told["opened"] == 1
        assert 0.0 < told["first"] == told["median"] == told["max"]
    off, on = (result["sides"][side] for side in ("off", "on"))
    assert off["frames"] > 20 and on["frames"] > 20
    assert on["page_cpu_percent"] > off["page_cpu_percent"], "while nobody looks it is connected to nothing"
    assert (result["browsers"], result["pairs"]) == (2, 1)
