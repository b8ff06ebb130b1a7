"""Our AttnLRP beside that of its authors' packages, lxt and zennit, on a transformer with the same weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import networks
import numpy as np
import pytest
from networks import picture
from oracles import assert_same_map
from peer_maps import Array, as_pixels

import live_gradcam as lg
from live_gradcam.explain.methods.pixels import CONVOLUTION_GAMMA, DENSE_GAMMA

pytestmark = pytest.mark.peers

HOW = "it is installed by `python3 scripts/peers.py test`"


@pytest.fixture(scope="module")
def rules() -> Any:
    """Return the rules of lxt, and zennit's γ-rule after lxt's change to it."""
    torch = pytest.importorskip("torch", reason=f"needs PyTorch: {HOW}")
    pytest.importorskip("zennit", reason=f"needs zennit: {HOW}")
    package = importlib.util.find_spec("lxt")
    if package is None or package.origin is None:
        pytest.skip(f"needs lxt: {HOW}")
    # The package itself imports language models of another package. Its modules do not need them.
    efficient = ModuleType("lxt.efficient")
    efficient.__path__ = [str(Path(package.origin).parent / "efficient")]
    sys.modules["lxt.efficient"] = efficient
    from lxt.efficient import (  # type: ignore[import-not-found] # not there where mypy runs
        patches,
        rules,
        zennit_patches,
    )
    from zennit.composites import LayerMapComposite  # type: ignore[import-not-found] # likewise
    from zennit.rules import Gamma  # type: ignore[import-not-found] # likewise

    zennit_patches.monkey_patch_zennit()
    composite = LayerMapComposite(
        [
            (torch.nn.Conv2d, Gamma(CONVOLUTION_GAMMA, stabilizer=1e-12)),
            (torch.nn.Linear, Gamma(DENSE_GAMMA, stabilizer=1e-12)),
        ]
    )
    return SimpleNamespace(torch=torch, patches=patches, rules=rules, composite=composite)


def twin(rules: Any, network: Any, blocks: int, extra: int) -> Any:
    """Return `networks.token_network` without a class token in PyTorch, in float64, with lxt's rules in place."""
    torch, halved = rules.torch, rules.rules.divide_gradient

    def weights(name: str) -> list[Any]:
        return [torch.tensor(each, dtype=torch.float64) for each in network.get_layer(name).get_weights()]

    def linear(kernel: Any, bias: Any) -> Any:
        made = torch.nn.Linear(*kernel.shape, dtype=torch.float64)
        made.weight.data, made.bias.data = kernel.T.contiguous(), bias
        return made

    def norm(name: str) -> Any:
        gain, offset = weights(name)
        made = torch.nn.LayerNorm(len(gain), eps=1e-3, dtype=torch.float64)
        made.weight.data, made.bias.data = gain, offset
        return made

    class Twin(torch.nn.Module):  # type: ignore[misc, name-defined] # PyTorch's types are not there
        def __init__(self) -> None:
            super().__init__()
            kernel, bias = weights("patches")
            self.patches = torch.nn.Conv2d(
                3, len(bias), kernel.shape[0], kernel.shape[0], dtype=torch.float64
            )
            self.patches.weight.data, self.patches.bias.data = kernel.permute(3, 2, 0, 1).contiguous(), bias
            self.leading, self.position = weights("tokens")
            self.layers = torch.nn.ModuleDict()
            for number in range(blocks):
                name = f"block{number}"
                parts = weights(f"{name}_attention")
                for each, kernel, bias in zip("qkv", parts[0:6:2], parts[1:6:2], strict=True):
                    self.layers[f"{name}{each}"] = linear(kernel.flatten(1), bias.flatten())
                self.layers[f"{name}o"] = linear(parts[6].flatten(0, 1), parts[7])
                for each in ("mlp1", "mlp2"):
                    self.layers[f"{name}_{each}"] = linear(*weights(f"{name}_{each}"))
                for each in ("norm1", "norm2"):
                    self.layers[f"{name}_{each}"] = norm(f"{name}_{each}")
            self.layers["norm"], self.layers["head"] = norm("norm"), linear(*weights("head"))

        def normed(self, x: Any, name: str) -> Any:
            return rules.patches.layer_norm_forward(self.layers[name], x)

        def attended(self, x: Any, name: str) -> Any:
            heads = network.get_layer(f"{name}_attention").num_heads
            queries, keys, values = (
                self.layers[f"{name}{each}"](x).unflatten(-1, (heads, -1)).transpose(1, 2) for each in "qkv"
            )
            scores = halved(queries @ keys.transpose(-1, -2), 2) / queries.shape[-1] ** 0.5
            mixed = halved(scores.softmax(-1) @ values, 2)
            return self.layers[f"{name}o"](mixed.transpose(1, 2).flatten(2))

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.leading, x], dim=1) + self.position
            for number in range(blocks):
                name = f"block{number}"
                x = x + self.attended(self.normed(x, f"{name}_norm1"), name)
                hidden = self.layers[f"{name}_mlp1"](self.normed(x, f"{name}_norm2"))
                hidden = rules.rules.identity_rule_implicit(torch.nn.functional.gelu, hidden)
                x = x + self.layers[f"{name}_mlp2"](hidden)
            return self.layers["head"](self.normed(x, "norm")[:, extra:].mean(dim=1))

    return Twin().eval()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("blocks", "registers"), [(1, 0), (3, 1)])
def test_attnlrp_agrees(rules: Any, blocks: int, registers: int, seed: int) -> None:
    network = networks.token_network(False, registers, grid=(3, 3), blocks=blocks, activation=None, seed=seed)
    random = np.random.default_rng(seed)
    for layer in network.layers:
        layer.set_weights([each + random.normal(0, 0.1, each.shape) for each in layer.get_weights()])
    image = picture(12, 12, seed)
    pixels = as_pixels(image).astype(np.float64)
    given = rules.torch.tensor(pixels.transpose(0, 3, 1, 2)).requires_grad_()
    other = twin(rules, network, blocks, registers)
    with rules.composite.context(other):
        logits = other(given)
        np.testing.assert_allclose(
            logits[0].detach().numpy(), np.asarray(network(as_pixels(image)))[0], rtol=0, atol=1e-5
        )
        logits[0, seed].backward()
    theirs: Array = (given * given.grad).detach().numpy()[0].sum(axis=0)
    model = lg.load_model(network, preprocess="unit")
    ours = lg.Explainer(model, "attnlrp", target=seed, fit="stretch").explain(image).raw_heatmap
    assert_same_map(ours, theirs)
