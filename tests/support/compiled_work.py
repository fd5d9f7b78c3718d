"""Compiles an encoder and says what came of it: `python -m support.compiled_work`.

A process of its own, because the checks of shapes in which tests run cannot be compiled.
"""

import copy
import json
import sys

import torch

from pahcl_core.models.encoder import Encoder, encoder_config
from pahcl_core.training.machine import EncoderPass, MachineConfig, compile_in_place
from pahcl_core.training.windows import Windows

CPU = torch.device("cpu")


def windows(count):
    samples = torch.randn(count, 1024, generator=torch.Generator().manual_seed(count))
    return Windows(samples, torch.tensor([[0, 100, 350, 450, 900]]).repeat(count, 1))


def main(backend_name):
    graphs = []

    def counting(graph, examples):
        graphs.append(graph)
        return graph.forward

    config = encoder_config("cnn_mamba", "tiny", width=16, num_blocks=1, state_size=4, dropout=0.0)
    encoder = Encoder(config, sample_rate=1000)
    plain = copy.deepcopy(encoder)
    compile_in_place(encoder, CPU, backend=backend_name or counting)
    graphs.clear()
    passes = EncoderPass(MachineConfig(compile=True), CPU)
    errors = []
    for count in (16, 11, 16, 7):
        found, wanted = passes(encoder, windows(count)), plain(*windows(count))
        for one, other in zip(found[:2], wanted[:2], strict=True):
            errors.append(((one - other).norm() / other.norm()).item())
        for model, made in ((encoder, found), (plain, wanted)):
            model.zero_grad()
            made.cycle.square().sum().backward()
        one, other = (
            torch.cat([p.grad.flatten() for p in model.parameters()]) for model in (encoder, plain)
        )
        errors.append(((one - other).norm() / other.norm()).item())
    found = {
        "graphs": len(graphs),
        "error": max(errors),
        "names": list(encoder.state_dict()) == list(plain.state_dict()),
        "copied": copy.deepcopy(encoder)._compiled_call_impl is None,
    }
    sys.stdout.write(json.dumps(found))


main(sys.argv[1] if len(sys.argv) > 1 else "")
