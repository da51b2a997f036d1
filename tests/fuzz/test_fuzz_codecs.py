"""Codecs and control socket under any bytes: by Hypothesis, and guided by coverage for some seconds (`run_fuzz.py`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from codec_targets import TARGETS as CODECS
from control_target import request
from hypothesis import given, settings
from hypothesis import strategies as st

TARGETS = CODECS | {"control": request}


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=1500))
def test_any_bytes_keep_what_is_promised(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_search_guided_by_coverage_finds_nothing(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Python 3.11 and later on x86-64 alone")
    program = Path(__file__).with_name("run_fuzz.py")
    done = subprocess.run(
        [sys.executable, str(program), name, "--minutes", "0.15", "--corpus", str(tmp_path / "corpus")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "stat::number_of_executed_units" in done.stderr
