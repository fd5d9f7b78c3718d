"""Models moved away from where they start, and their parameters as the oracles name them."""

import pytest
import torch

from pahcl_core.models.front_end import FrontEnd


@pytest.fixture
def shaken():
    """Move every parameter and running statistic of a model by chance; double precision."""

    def shake(module, seed=0):
        generator = torch.Generator().manual_seed(seed)
        module.double().eval()
        with torch.no_grad():
            for parameter in module.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.add_(0.3 * noise)
            for name, buffer in module.named_buffers():
                if name.endswith("running_mean"):
                    buffer.copy_(torch.randn(buffer.shape, generator=generator))
                if name.endswith("running_var"):
                    buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
        return module

    return shake


@pytest.fixture
def deaf_to_the_window():
    """A front-end without the norms through which a token hears a little of the whole window."""

    def deaf(front_end):
        if isinstance(front_end, FrontEnd):
            front_end.bands.norm = front_end.second_norm = torch.nn.Identity()
        return front_end

    return deaf


@pytest.fixture
def block_weights():
    """The parameters of an `SSDBlock` as `oracles.ssd.block` names them."""

    def named(block):
        config = block.config
        inner, state = config.width * config.expand, config.state_size
        heads = inner // config.channels_of_head
        names = ("gate", "x", "b", "c", "step")
        rows = block.into.weight.split([inner, inner, state, state, heads])
        weights = dict(zip(names, rows, strict=True))
        kernels = block.conv.weight[:, 0, 0].split([inner, state, state])
        biases = block.conv.bias.split([inner, state, state])
        for name, kernel, bias in zip("xbc", kernels, biases, strict=True):
            weights |= {f"conv_{name}": kernel, f"bias_{name}": bias}
        weights |= {
            "norm": block.norm.weight,
            "out_norm": block.out_norm.weight,
            "step_bias": block.step_bias,
            "skip": block.skip,
            "rates": block.log_rate.exp(),
            "out": block.out.weight,
        }
        return {name: tensor.tolist() for name, tensor in weights.items()}

    return named
