"""Each subcommand once on trials of a few seconds, and what it answers to arguments that cannot be.

Those that need more are run, by their command line too, in the tests of what they are about: `import-opensim`,
`import-table`, `import-recording`, `import-checkpoint`, `sweep`, `adapt`, `renew`, `report`, `robustness`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from made_up_trials import made_up_trial

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit.trial import read_trial, write_trial
from models import cli
from models.data import tasks

COMMANDS = next(action.choices for action in cli.parser()._actions if action.dest == "command") or {}
TINY = ["--batch", "2", "--outputs", "8", "--max-epochs", "1", "--epoch-steps", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data: five people; others: five more; run: of a fold, and its bundle, with intervals."""
    made = tmp_path_factory.mktemp("laboratory")
    for name, first, seconds in (("data", 0, 1.6), ("others", 10, 3.0)):
        (made / name).mkdir()
        for k in range(first, first + 5):
            write_trial(made / name / f"s{k}_W_0.parquet", made_up_trial(f"s{k}", k, seconds))
    data, run, bundle = (str(made / name) for name in ("data", "run", "bundle"))
    recipe = [*TINY, "--min-epochs", "1", "--folds", "5", "--processes", "2"]
    assert cli.main(["train", data, "--run", run, *recipe]) == 0
    others = ["--calibrate", str(made / "others"), "--processes", "2"]
    assert cli.main(["export", run, data, *others, "--out", bundle]) == 0
    return made


def _told(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> str:
    capsys.readouterr()
    assert cli.main([str(word) for word in words]) == status
    told = capsys.readouterr()
    return told.err if status == cli.BAD_INPUT else told.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_what_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"second-skin-lab {command}" in capsys.readouterr().out


def test_commands_stand_in_the_order_of_the_work() -> None:
    way = ("import-opensim", "virtual", "check", "train", "export", "card", "evaluate")
    assert sorted(way, key=list(COMMANDS).index) == list(way)


def test_what_is_made_goes_to_out_and_inputs_have_no_dash() -> None:
    for name, command in COMMANDS.items():
        taken = {word for action in command._actions for word in action.option_strings}
        positional = [action.dest for action in command._actions if not action.option_strings]
        assert not {"--bundle", "--folder"} & taken, name
        assert "out" not in positional, name
        assert not ({"data", "folder"} & {*positional}) or "--json" in taken or {"--out", "--run"} & taken, (
            name
        )


def test_trials_are_made_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "trials"
    virtual = ["virtual", "--out", out, "--subjects", 1000, "--tasks", "W1", "--seconds", 2]
    assert f"{out}: 2 of 2 trials" in _told(capsys, *virtual)
    assert "2 files: 0 errors" in _told(capsys, "check", out, "--processes", 2)
    assert "lasts 2 s, not 3" in _told(capsys, *virtual[:-1], 3, status=2)


def test_the_demo_s_trial_is_made_in_a_folder_that_was_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "demo.parquet"
    assert _told(capsys, "medley", "--subject", 1000, "--out", out).startswith(f"{out}: ")
    assert read_trial(out).duration_s > 50.0


def test_another_table_of_tasks_is_checked_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tasks.TABLE.read_text(encoding="utf-8").splitlines()
    own = tmp_path / "own.csv"
    own.write_text("\n".join([*lines[:3], *lines[-1:]]), encoding="utf-8")
    told = json.loads(_told(capsys, "tasks", "--table", own, "--json"))
    assert [one["code"] for one in told["conditions"]] == ["L1", "L2", "W6"]
    assert "2 kinds, 3 conditions" in _told(capsys, "tasks", "--table", own)
    own.write_text(lines[0] + "\nQ1,L,lift,7,,,none,,,,ours,\n", encoding="utf-8")
    assert "row 2, code: 'Q1' is not the kind" in _told(capsys, "tasks", "--table", own, status=2)


def test_a_bundle_is_told_of_and_measured(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, others = folder / "bundle", folder / "others"
    assert json.loads(_told(capsys, "card", bundle, "--json"))["card"]["confidence"]["people"] == 5
    told = json.loads(_told(capsys, "evaluate", bundle, others, "--json", "--way", "offline"))
    assert len(told["trials"]) == 5
    told = json.loads(_told(capsys, "confidence", bundle, others, "--json", "--processes", 2))
    assert told["coverage"]["people"] == 5
    out = tmp_path / "calibrated"
    _told(capsys, "calibrate", bundle, others, "--out", out, "--processes", 2)
    assert bundles.load(out).manifest.files.keys() >= {bundles.CONFIDENCE}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("virtual --out D --subjects a:b", "'a:b': write seeds from 0 on as FIRST:END"),
        ("virtual --out D --subjects 5:5", "'5:5': nobody, END is not among them"),
        ("virtual --out D --subjects=-5:-3", "'-5:-3': write seeds from 0 on"),
        ("virtual --out D --subjects 1000 --tasks W1,,W2", "'W1,,W2': write names with one comma"),
        ("virtual --out D --subjects 1000 --processes 0", "'0' is no whole number of 1 or more"),
        ("medley --subject -1 --out M", "'-1' is no whole number of 0 or more"),
        ("robustness B D --out O --only lost,", "'lost,': write names with one comma"),
        ("robustness B D --out O --seconds -1", "'-1' is no number of 1 or more"),
        ("robustness B D --out O --seconds nan", "'nan' is no number of 1 or more"),
        ("confidence B D --faults -1", "'-1' is no whole number of 0 or more"),
        ("sweep S D --run R --cpus-per-job nan", "'nan' is no number above 0"),
        ("adapt B D --test T --out O --seed -1", "'-1' is no whole number of 0 or more"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_with_what_can(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == cli.BAD_INPUT
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--folds 1", "1 folds for 5 subjects: 3 to 5 can be"),
        ("--folds 999", "999 folds for 5 subjects: 3 to 5 can be"),
        ("--folds 5 --fold -1", "no fold -1 among 5 folds for 5 subjects"),
        ("--folds 5 --withhold s0", "give one or the other"),
        ("--folds 5 --time-limit-s -3", "recipe: time_limit_s is -3.0, a number above 0 wanted"),
        (
            "--folds 5 --seed -1 --donning-deg nan",
            "donning_deg is nan, 0 or a number above it wanted; seed is -1",
        ),
    ],
)
def test_a_training_that_cannot_be_is_refused(
    folder: Path, tmp_path: Path, line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _told(capsys, "train", folder / "data", "--run", tmp_path / "run", *line.split(), status=2)
    assert words in told and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "line",
    ["evaluate nowhere D", "renew nowhere", "check nowhere", "import-checkpoint knee_angle=nowhere --out O"],
)
def test_what_is_not_there_is_named_with_what_to_do(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = _told(capsys, *line.split(), status=2)
    assert "nowhere" in told and told.count("\n") == 1 and "Errno" not in told
    assert not list(tmp_path.iterdir())


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    root = str(Path(cli.__file__).parents[1])
    command = [sys.executable, "-m", "models.cli", "tasks"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, cwd=root, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
