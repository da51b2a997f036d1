"""Rows 22 and 51: a model that is damaged, and a service that is started twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from broken_suit import BrokenSuit, frames_of, until
from worn_suit import BUNDLE, ServiceProcess, run_service

from drivers.emulator.bench import Bench
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.service import last_good
from jetson_runtime.suit.errors import BundleError

MODEL_COPY, PORT_BUSY = 23, 2


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _with_own_bundle(suit: BrokenSuit, cache: Path) -> Path:
    """The suit's config names a copy of the model, and a cache."""
    bundle = suit.folder / "bundle"
    shutil.copytree(BUNDLE, bundle)
    text = suit.write_config().read_text()
    text = text.replace(f'bundle = "{BUNDLE}"', f'bundle = "{bundle}"\ncache = "{cache}"')
    suit.config.write_text(text)
    return bundle


@pytest.mark.parametrize(
    ("damage", "file"), [(_cut, "weights.bin"), (_flip, "stream.onnx"), (os.unlink, "manifest.json")]
)
def test_row_22_the_last_good_copy_of_a_damaged_model_runs_and_the_status_says_so(
    tmp_path: Path, damage: object, file: str
) -> None:
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench, ("imu_back",))
        cache = tmp_path / "cache"
        cache.mkdir()
        bundle = _with_own_bundle(suit, cache)
        service = ServiceProcess(suit.config, suit.endpoint)
        assert until(lambda: service.state() == "degraded"), service.log
        assert until(lambda: list((cache / "last-good").glob("[!.]*"))), service.log
        assert service.stop() == 0
        damage(bundle / file)  # type: ignore[operator]
        service = ServiceProcess(suit.config, suit.endpoint)
        try:
            assert until(lambda: service.status.get("faults")), service.log
            (told,) = (f for f in service.status["faults"] if f["number"] == MODEL_COPY)
            assert file in told["text"]
            assert "last good copy" in told["text"]
            assert service.client.hello is not None
            assert service.client.hello["model"]["sha256"] == bundles.load(BUNDLE).manifest.sha256
        finally:
            assert service.stop() == 0


def test_row_22_without_a_copy_a_damaged_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench, ())
        bundle = _with_own_bundle(suit, tmp_path / "no-cache")
        _cut(bundle / "weights.bin")
        refused = run_service(suit.config, subprocess.PIPE)
        _, errors = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert "weights.bin" in errors
    assert "Traceback" not in errors


def test_row_22_a_copy_cut_off_half_way_is_none_and_one_path_s_copy_is_no_other_s(tmp_path: Path) -> None:
    bundle, cache = tmp_path / "bundle", tmp_path / "cache"
    shutil.copytree(BUNDLE, bundle)
    cache.mkdir()
    last_good.keep(bundles.load(bundle), bundle, cache)
    last_good.keep(bundles.load(bundle), bundle, cache)
    (copy,) = (cache / "last-good").iterdir()
    shutil.copytree(bundle, tmp_path / "other")
    _cut(tmp_path / "other" / "weights.bin")
    with pytest.raises(BundleError, match="other/weights"):
        last_good.load(tmp_path / "other", cache)
    _cut(bundle / "weights.bin")
    assert last_good.load(bundle, cache)[0].path == copy
    copy.rename(copy.with_name(f".{copy.name}"))
    with pytest.raises(BundleError, match="bundle/weights"):
        last_good.load(bundle, cache)


def test_row_51_the_second_service_is_refused_by_name_and_the_first_goes_on(tmp_path: Path) -> None:
    """Started again and again, as fast as somebody can press Enter."""
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench, ("imu_back",))
        suit.write_config()
        first = ServiceProcess(suit.config, suit.endpoint)
        try:
            assert until(lambda: first.stream("imu_back").get("valid")), first.log
            session, before = first.client.session, frames_of(first, 1)[-1].seq
            others = [run_service(suit.config, subprocess.PIPE) for _ in range(3)]
            for other in others:
                _, errors = other.communicate(timeout=30)
                assert other.returncode == 2
                assert f"another service is running on this suit (process {first.process.pid})" in errors
                assert len(errors.splitlines()) == 1
            frames = frames_of(first, 50)
            assert frames[-1].seq > before
            assert (frames[-1].session, "imu_back" in frames[-1].missing) == (session, False)
        finally:
            first.stop()


def test_row_51_of_two_started_at_once_one_runs(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench, ())
        suit.write_config()
        both = [run_service(suit.config, subprocess.DEVNULL) for _ in range(2)]
        try:
            assert until(lambda: [p for p in both if p.poll() == 2], 30.0)
            time.sleep(1.0)
            assert [p.poll() for p in both].count(None) == 1
        finally:
            for process in both:
                process.terminate()
                process.wait(10)


def test_row_51_one_with_other_addresses_gets_no_device_and_says_who_has_it(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = BrokenSuit(tmp_path, bench, ("imu_back",))
        first = ServiceProcess(suit.write_config(), suit.endpoint)
        assert until(lambda: first.stream("imu_back").get("valid")), first.log
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        config = elsewhere / "suit.toml"
        config.write_text(suit.config.read_text().replace(f"ipc://{tmp_path}/", f"ipc://{elsewhere}/"))
        second = ServiceProcess(config, f"ipc://{elsewhere}/public")
        try:
            assert until(lambda: PORT_BUSY in [f["number"] for f in second.status.get("faults", [])]), (
                second.log
            )
            assert f"process {first.process.pid}" in second.stream("imu_back")["detail"]
            assert first.stream("imu_back")["valid"]
        finally:
            second.stop()
            first.stop()
