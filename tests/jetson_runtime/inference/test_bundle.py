"""A bundle that disagrees with the suit or with itself is refused, with file, key and remedy."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import Bundle, Manifest, load
from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import BundleError


@pytest.fixture
def copied(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


def _rewrite(folder: Path, change: Callable[[dict[str, Any]], None], *, sign: bool = True) -> None:
    """Changes the manifest, with its hash made right again unless `sign` is off."""
    path = folder / bundles.MANIFEST
    content = json.loads(path.read_text())
    change(content)
    if sign:
        content["sha256"] = Manifest.model_validate_json(json.dumps(content)).digest()
    path.write_text(json.dumps(content))


def test_a_good_bundle_says_what_the_suit_needs_to_know(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.channels == signals.MODEL_CHANNEL_NAMES
    assert manifest.outcomes == signals.OUTCOME_NAMES
    assert (manifest.rate_hz, manifest.history) == (200, 248)
    assert manifest.fill == signals.CHANNEL_FILL
    assert len(manifest.outcome_sd) == 8
    assert len(manifest.sha256) == 64
    assert set(manifest.files) == {path.name for path in bundle.path.iterdir()} - {bundles.MANIFEST}


def test_the_weights_lie_on_disk_once(bundle: Bundle) -> None:
    parameters = sum(tensor.size for tensor in bundle.tensors.values())
    total = sum(path.stat().st_size for path in bundle.path.iterdir())
    assert 4 * parameters < total < 1.1 * 4 * parameters
    assert not bundle.tensors["head.weight"].flags.writeable


@pytest.mark.parametrize("file", bundles.FILES)
def test_a_flipped_bit_in_any_file_is_found(copied: Path, file: str) -> None:
    content = bytearray((copied / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / file).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{file}: sha256 is .* damaged; copy the bundle again"):
        load(copied)


@pytest.mark.parametrize("file", bundles.FILES)
def test_a_missing_file_is_named(copied: Path, file: str) -> None:
    (copied / file).unlink()
    with pytest.raises(BundleError, match=rf"{file}: cannot be read \(No such file"):
        load(copied)


def test_a_flipped_bit_in_the_manifest_is_found(copied: Path) -> None:
    path = copied / bundles.MANIFEST
    path.write_text(path.read_text().replace('"untrained"', '"untraimed"'))
    with pytest.raises(BundleError, match=r"manifest\.json: sha256: the manifest was changed"):
        load(copied)


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json: no such file; a bundle is a folder made by"):
        load(tmp_path)


def test_a_manifest_that_is_no_json(copied: Path) -> None:
    (copied / bundles.MANIFEST).write_text("{")
    with pytest.raises(BundleError, match=r"manifest\.json: cannot be read"):
        load(copied)


def test_other_channels_rate_and_fill_are_all_named_at_once(copied: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["channels"][2] = "back_accel_w"
        content["rate_hz"] = 100
        content["fill"][53] = 0.0
        content["outcomes"] = content["outcomes"][:7]

    _rewrite(copied, change)
    with pytest.raises(BundleError) as refused:
        load(copied)
    message = str(refused.value)
    assert "channels[2]: is 'back_accel_w', the suit has 'back_accel_z'" in message
    assert "rate_hz: is 100, the suit runs at 200" in message
    assert "fill[53]: is 0.0, the suit has 0.5" in message
    assert "outcomes: has 7 entries, the suit has 8" in message
    assert message.endswith("export a bundle for this suit")


@pytest.mark.parametrize("found", [0, 3, None, "2"])
def test_another_format_is_refused_before_anything_else(copied: Path, found: object) -> None:
    _rewrite(copied, lambda content: content.update(format=found), sign=False)
    with pytest.raises(BundleError, match=r"format: is .*, this program reads 2; export the bundle again"):
        load(copied)


def test_the_format_before_is_refused_with_the_command_that_renews_it(copied: Path) -> None:
    _rewrite(copied, lambda content: content.update(format=1), sign=False)
    with pytest.raises(BundleError, match=rf"`second-skin-lab renew {copied}`: the weights stay"):
        load(copied)


def test_an_unknown_key_is_named(copied: Path) -> None:
    _rewrite(copied, lambda content: content.update(colour="red"), sign=False)
    with pytest.raises(BundleError, match=r"manifest\.json: colour: Extra inputs"):
        load(copied)


def test_weights_that_are_not_finite_are_refused(copied: Path) -> None:
    path = copied / bundles.WEIGHTS
    weights = np.fromfile(path, np.float32)
    weights[1000] = np.nan
    weights.tofile(path)
    _rewrite(copied, lambda content: content["files"].update({path.name: bundles.file_sha256(path)}))
    with pytest.raises(BundleError, match=r"weights\.bin: weights are not all finite; train"):
        load(copied)


def test_a_tensor_outside_the_weights_is_refused(copied: Path) -> None:
    _rewrite(copied, lambda content: content["tensors"]["head.weight"].update(offset=10_500_000))
    with pytest.raises(
        BundleError, match=r"manifest\.json: tensors\.head\.weight: lies outside weights\.bin"
    ):
        load(copied)


def _drop_a_tensor(content: dict[str, Any]) -> None:
    del content["tensors"]["head.bias"]


def _add_a_tensor(content: dict[str, Any]) -> None:
    content["tensors"]["tail.bias"] = {"offset": 0, "shape": [1]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(history=100), "history: is 100, the network looks at 248 ticks"),
        (lambda c: c["network"].update(dilations=[1, 2]), "history: is 248, the network looks at 24 ticks"),
        (
            lambda c: c["network"].update(filters=81),
            r"block0.first.bias: shape is (8, 1, 80), the network's is (8, 1, 81)",
        ),
        (lambda c: c["network"].update(kernel=0), "network.kernel: Input should be greater than 0"),
        (_drop_a_tensor, "tensors.head.bias: is missing"),
        (_add_a_tensor, "tensors.tail.bias: is no part of the network"),
        (
            lambda c: c["tensors"]["output_mean"].update(shape=[9]),
            "output_mean: shape is (9,), the network's is (8,)",
        ),
        (
            lambda c: c["tensors"]["output_mean"].update(offset=0),
            "tensors.output_mean, tensors.input_mean: overlap",
        ),
        (lambda c: c["tensors"]["output_mean"].update(offset=2), "tensors.output_mean: lies outside"),
        (lambda c: c["tensors"]["input_mean"].update(offset=-4), "tensors.input_mean: lies outside"),
        (
            lambda c: c.update(outcome_sd=[2 * sd for sd in c["outcome_sd"]]),
            "outcome_sd: is not what the tensor",
        ),
    ],
)
def test_a_manifest_at_odds_with_its_network_is_refused(
    copied: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    _rewrite(copied, change, sign=told != "network.kernel: Input should be greater than 0")
    with pytest.raises(BundleError, match=rf"manifest\.json: .*{re.escape(told)}.*; export .* (suit|again)$"):
        load(copied)


def test_everything_wrong_is_told_at_once(copied: Path) -> None:
    _rewrite(copied, lambda content: content.update(history=100, rate_hz=100))
    (copied / bundles.GOLDEN).unlink()
    (copied / bundles.STREAM_GRAPH).write_bytes(b"garbage")
    with pytest.raises(BundleError) as refused:
        load(copied)
    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert "rate_hz: is 100" in lines[0] and "history: is 100" in lines[0]
    assert lines[1].startswith(f"{copied / bundles.STREAM_GRAPH}: sha256 is ")
    assert lines[2].startswith(f"{copied / bundles.GOLDEN}: cannot be read (No such file")


def test_the_ridge_of_a_bundle_is_a_sum_over_lags(bundle: Bundle) -> None:
    ridge = bundle.baselines()
    rows = np.random.default_rng(0).standard_normal((40, 54))
    got = ridge.ridge(rows)
    now, before = ridge.coefficients[:54], ridge.coefficients[54:]
    np.testing.assert_allclose(got[25], ridge.intercept + rows[25] @ now + rows[15] @ before)
    np.testing.assert_allclose(got[4], ridge.intercept + rows[4] @ now + rows[0] @ before)
