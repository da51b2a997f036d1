"""The network: causal, 248 rows of history, and the thinned pass of the training equal to the dense one."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jetson_runtime.suit import signals  # noqa: E402
from models.network import tcn  # noqa: E402


@pytest.fixture(scope="module")
def network() -> tcn.Tcn:
    torch.manual_seed(1)
    network = tcn.Tcn().double().eval()
    network.set_normalisation(np.full(54, 0.5), np.linspace(0.5, 3.0, 54), 20.0, 15.0)
    return network


def _rows(count: int, legs: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(legs, count, 54, generator=generator, dtype=torch.float64)


def test_it_is_the_paper_s_network(network: tcn.Tcn) -> None:
    assert tcn.HISTORY == 248
    sizes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    convolutions = [shape for name, shape in sizes.items() if name.endswith("original1")]
    assert convolutions == [(80, 54, 5)] + [(80, 80, 5)] * 9
    assert [block.dilation for block in network.blocks] == [1, 2, 4, 8, 16]
    # five of ten convolutions, a matching one for the 54 inputs, the head: 2.5 million for eight.
    folded = sum(np.prod(shape) for shape in convolutions) + 10 * 80 + (54 * 80 + 80) + 81
    assert 8 * folded == pytest.approx(2.52e6, rel=0.01)


def test_an_output_looks_at_its_own_row_and_248_before(network: tcn.Tcn) -> None:
    rows = _rows(600).requires_grad_()
    network(rows)[0, 500].backward()
    assert rows.grad is not None
    touched = rows.grad[0].abs().sum(dim=1).nonzero().flatten()
    assert touched.max() == 500
    assert touched.min() >= 252
    assert rows.grad[0, 252].abs().sum() > 0


def test_the_thinned_pass_equals_the_dense_one(network: tcn.Tcn) -> None:
    rows = _rows(249 + 8 * 12, legs=2)
    with torch.no_grad():
        dense = network(rows)[:, 248::8]
        thinned = network.output_mean + network.output_sd * network.sparse(rows)
    assert thinned.shape == (2, 13)
    torch.testing.assert_close(thinned, dense, rtol=0, atol=1e-11)


def test_dropout_works_in_training_only(network: tcn.Tcn) -> None:
    rows = _rows(249)
    with torch.no_grad():
        assert torch.equal(network.sparse(rows), network.sparse(rows))
        network.train()
        assert not torch.equal(network.sparse(rows), network.sparse(rows))
        network.eval()


def test_the_set_answers_in_the_order_of_the_outcomes() -> None:
    networks = tcn.TcnSet().eval()
    assert tuple(networks) == signals.OUTCOME_NAMES
    rows = _rows(10).float()
    with torch.no_grad():
        answer = networks(rows)
        assert answer.shape == (1, 10, 8)
        torch.testing.assert_close(answer[..., 5], networks["knee_angle_moment"](rows))
