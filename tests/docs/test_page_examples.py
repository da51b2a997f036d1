"""The examples of docs/client-examples.md and docs/biofeedback.md, run as they stand beside an emulated suit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typed_page import ROOT, Reader, blocks, reader

from jetson_runtime import client

PYTHON = [
    (page, number, block.code)
    for page in ("client-examples.md", "biofeedback.md")
    for number, block in enumerate(blocks(page))
    if block.language == "python"
]
CPP = next(block.code for block in blocks("client-examples.md") if block.language == "cpp")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody with the suit of the quick start before them, on its own addresses."""
    with reader(tmp_path_factory.mktemp("examples")) as one:
        one.begins("second-skin simulate --dir suit --trial jetson_runtime/demo/trial.parquet --loop")
        one.waits("test -e suit/simulation.json", 1)
        one.begins("second-skin run --config suit/suit.toml")
        one.waits("second-skin echo --count 1 --json | grep -q '\"valid\": *true'", 1, 2)
        yield one


def test_no_example_takes_a_moment_without_asking_for_its_validity() -> None:
    """Whoever sits has frames that are valid, and moments that are not."""
    texts = [path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    codes = [
        code for text in texts for code in re.findall(r"```(?:python|matlab|js)\n(.*?)```", text, re.DOTALL)
    ]
    codes.append(client.__doc__ or "")
    acting = [code for code in codes if re.search(r"\.moment\b|\"moment\"", code)]
    assert len(acting) >= 3
    assert [code for code in acting if "moment_valid" not in code] == []


def test_there_is_an_example_of_each() -> None:
    assert len(PYTHON) == 3
    languages = {block.language for block in blocks("client-examples.md")}
    assert languages == {"python", "cpp", "js", "matlab", "sh"}


@pytest.mark.parametrize(("page", "number", "code"), PYTHON)
def test_a_python_example_prints_numbers(user: Reader, page: str, number: int, code: str) -> None:
    name = f"{page}-{number}.py"
    (user.folder / name).write_text(code)
    printed = user.types(f"python {name}")
    assert any(word.strip("-").replace(".", "").isdigit() for word in printed.split()), printed


def test_the_shell_examples_print_frames(user: Reader) -> None:
    for block in blocks("client-examples.md"):
        if block.language == "sh" and block.note != "not in the test":
            for command in block.commands:
                assert '"valid"' in user.types(command)


def test_the_cpp_example_prints_numbers(user: Reader) -> None:
    if not (ROOT / "clients" / "cpp" / "second_skin.hpp").is_file():
        pytest.skip("the C++ client is not here")
    if shutil.which("g++") is None or not Path("/usr/include/zmq.h").exists():
        pytest.skip("needs g++ and libzmq3-dev")
    (user.folder / "first.cpp").write_text(CPP)
    compiled = [block for block in blocks("client-examples.md") if "g++" in block.code]
    assert len(compiled) == 1
    for command in compiled[0].commands:
        user.types(command)
    assert float(user.types("./first").split()[-1])
