"""The task set as it is shown."""

from __future__ import annotations

import json

import pytest

from models import cli
from models.data.tasks import KINDS, conditions


def test_the_table_shows_every_condition_and_its_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert cli.main(["tasks"]) == 0
    shown = capsys.readouterr().out
    rows = {
        cells[1]: cells for line in shown.splitlines() if len(cells := line.replace("│", " | ").split()) > 3
    }
    assert {one.code for one in conditions()} <= set(rows)
    assert all(kind.name in shown for kind in KINDS.values())
    assert "paper" in rows["SH1"] and "ours" in rows["L1"] and "10" in rows["SH1"]


def test_the_json_holds_what_the_table_and_the_paper_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tasks", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in told["conditions"]] == [one.code for one in conditions()]
    assert [one["code"] for one in told["kinds"]] == list(KINDS)
    by_code = {one["code"]: one for one in told["conditions"]}
    assert by_code["W1"]["cyclic"] and not by_code["L1"]["cyclic"]
    assert by_code["SH1"]["source"] == "paper" and by_code["SH1"]["paper"]["description"]
