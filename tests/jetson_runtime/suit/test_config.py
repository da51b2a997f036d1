"""suit.toml: what a technician writes, and what the mistakes in it are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, load
from jetson_runtime.suit.errors import ConfigError
from jetson_runtime.suit.links import delay_ns
from jetson_runtime.suit.signals import STREAMS

GOOD = """
[suit]
sides = "right"
[wearer]
mass_kg = 70.0
foot_length_m = 0.27
foot_width_m = 0.10
[model]
bundle = "bundle"
[streams.imu_back]
port = "/dev/imu_back"
mounting = "x_up_z_back"
[streams.insole_r]
serial = "X4-17"
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "suit.toml"
    path.write_text(text)
    return path


def _mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(_write(tmp_path, text))
    return str(caught.value)


def test_a_good_file(tmp_path: Path) -> None:
    config = load(_write(tmp_path, GOOD))
    assert config.sides == ("r",)
    assert config.wearer is not None
    assert config.wearer.mass_kg == 70.0
    assert config.model.bundle == tmp_path / "bundle"
    assert config.streams["imu_back"].mounting == "x_up_z_back"
    assert config.limits.max_wait_ms is None and config.limits.policy == "low_latency"


def test_three_mistakes_are_told_in_one_message(tmp_path: Path) -> None:
    text = GOOD.replace("mass_kg = 70.0", "mass_kg = 7.0").replace("x_up_z_back", "sideways")
    message = _mistakes(tmp_path, text + '[streams.imu_foot]\nport = "/dev/a"\n')
    assert "3 mistakes" in message
    assert "suit.toml" in message
    for key in ("wearer.mass_kg", "streams.imu_back.mounting", "streams.imu_foot"):
        assert key in message


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        (GOOD.replace("[wearer]", "[waerer]"), "waerer", "spelling"),
        (GOOD.replace('bundle = "bundle"', ""), "model.bundle", "add it"),
        (GOOD.replace('port = "/dev/imu_back"', ""), "streams.imu_back", "give port, serial, or both"),
        (GOOD.replace("70.0", '"70"'), "wearer.mass_kg", "number"),
        (GOOD + 'mounting = "x_up_z_back"\n', "streams.insole_r.mounting", "remove"),
        (GOOD + 'port = "/dev/imu_back"\n', "streams.insole_r.port", "its own"),
        (GOOD + "[limits]\nload_on_bodyweights = 0.01\n", "limits.load_off_bodyweights", "lower it"),
        (GOOD + "[limits]\nload_off_bodyweights = 0.0\n", "limits.load_off_bodyweights", "greater than 0"),
        (GOOD + "[output]\npublic = []\n", "output.public", "name an address"),
        (
            GOOD + '[output]\nlatest = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:1"]\n',
            "output.latest",
            "its own",
        ),
        (GOOD + '[output]\npublic = ["tcp://0.0.0.0:5555"]\n', "output.public", "CURVE"),
        (GOOD + '[output]\nudp = ["192.168.1.9:9000"]\n', "output.udp", "udp_unencrypted = true"),
        (GOOD + '[output]\nudp = ["suit.local:9000"]\n', "output.udp", "an IP address and a port"),
        (GOOD + '[output]\nudp = ["127.0.0.1:70000"]\n', "output.udp", "from 1 to 65535"),
        (
            GOOD + '[output]\nudp_unencrypted = true\nudp = ["239.0.0.1:9"]\n',
            "output.udp",
            "name each by its own",
        ),
        (GOOD + f'[output]\npublic = ["ipc:///{"x" * 120}"]\n', "output.public", "shorten"),
        (GOOD + '[dashboard]\nlisten = "0.0.0.0"\n', "dashboard", "password_file"),
        (GOOD + '[dashboard]\nlisten = "suit.local"\n', "dashboard.listen", "write 127.0.0.1"),
    ],
)
def test_each_mistake_names_its_key_and_remedy(tmp_path: Path, text: str, key: str, remedy: str) -> None:
    message = _mistakes(tmp_path, text)
    assert key in message
    assert remedy in message


def test_rules_between_keys_are_told_beside_mistakes_of_keys(tmp_path: Path) -> None:
    text = GOOD.replace('port = "/dev/imu_back"\nmounting = "x_up_z_back"', 'mounting = "sideways"')
    message = _mistakes(
        tmp_path,
        text + "[limits]\nmax_wait_ms = 99.0\nload_on_bodyweights = 0.1\nload_off_bodyweights = 0.2\n",
    )
    for key in (
        "streams.imu_back.mounting",
        "streams.imu_back: names",
        "limits.max_wait_ms",
        "load_off_bodyweights",
    ):
        assert key in message


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml")
    assert "not valid TOML" in _mistakes(tmp_path, "suit = [")


def test_the_delay_of_a_link_comes_from_the_suit_the_link_or_the_kind_of_device(tmp_path: Path) -> None:
    imu, insole = STREAMS[0], STREAMS[-1]
    streams = {
        "imu_back": StreamConfig(port="/dev/a", link="uart_115200", delay_ms=3.5),
        "imu_pelvis": StreamConfig(port="/dev/b", link="uart_115200"),
    }
    config = SuitConfig(model=ModelTable(bundle=tmp_path), streams=streams)
    assert config.link_delay_ns(imu) == 3_500_000
    assert config.link_delay_ns(STREAMS[1]) == delay_ns("imu", "uart_115200") > delay_ns("imu")
    assert config.link_delay_ns(STREAMS[2]) == delay_ns("imu")
    assert config.link_delay_ns(insole) == delay_ns("insole")


def test_what_the_engine_would_not_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suit.toml"
    for lines, key in (
        ('engine = "auto"\nprovider = "cuda"', "model.provider"),
        ('engine = "native"\nprovider = "tensorrt"', "model.provider"),
        ('engine = "numpy"\nprecision = "fp16"', "model.precision"),
    ):
        path.write_text(GOOD.replace('bundle = "bundle"', f'bundle = "bundle"\n{lines}'))
        with pytest.raises(ConfigError, match=f"1 mistake;(.|\n)*{key}: "):
            load(path)
    path.write_text(GOOD.replace('bundle = "bundle"', 'bundle = "bundle"\nprecision = "fp16"'))
    assert load(path).model.precision == "fp16"


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "suit.toml"
    path.write_text(GOOD.replace('bundle = "bundle"', 'bundle = "bundle"\ncache = "built"'))
    model = load(path).model
    assert (model.bundle, model.cache) == (tmp_path.resolve() / "bundle", tmp_path.resolve() / "built")
