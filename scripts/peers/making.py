"""From a network to a file: seeded weights, what it costs, its ONNX graph. Needs torch and onnx."""

import onnx
import torch
from torch import Tensor, nn

import scr_live
from scr_live.convert.to_onnx import check, trace

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""ImageNet's, of the 0..255 range, which nearly all of the papers use."""

UNTRAINED = "untrained, speed only: never for marking"


class Prepared(nn.Module):
    """A network with its preprocessing: (b, 3, h, w) RGB in 0..255 -> (b, 1, h, w) logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", 1 / torch.tensor(STD).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise, then run."""
        return self.network((image - self.mean) * self.scale)


def with_seeded_weights(network: nn.Module, *, seed: int = 0) -> Prepared:
    """The network in evaluation mode, with weights that keep all values in an ordinary range.

    No value may be special: an engine drops a sum with zeros, and slows down on numbers near nothing. So
    convolutions are drawn after Kaiming, and BatchNorm has the statistics of a random batch.
    """
    generator = torch.Generator().manual_seed(seed)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=generator)
        for norm in norms:
            norm.momentum = 1.0  # the statistics of the last batch, instead of a running mean
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.1, generator=generator)
        prepared = Prepared(network).train()
        if norms:
            prepared(255 * torch.rand((4, 3, 64, 64), generator=generator))
    return prepared.eval()


def parameters(network: nn.Module) -> int:
    """How many weights there are to learn."""
    return sum(weight.numel() for weight in network.parameters())


def multiplications(network: nn.Module, size: int) -> int:
    """Multiplications with weights for one (size, size) picture: those of convolutions and nothing else.

    The network is left on the device `meta`, where only shapes are computed: it is of no other use after.
    """
    total = 0

    def count(module: nn.Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
        nonlocal total
        height, width = module.kernel_size
        sums = (
            given[0] if isinstance(module, nn.ConvTranspose2d) else answer
        )  # one product with all weights each
        others = answer.shape[1] if isinstance(module, nn.ConvTranspose2d) else given[0].shape[1]
        total += sums.numel() * others // module.groups * height * width

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(count)
    network.to("meta").eval()(torch.zeros((1, 3, size, size), device="meta"))
    return total


def onnx_bytes(network: Prepared, *, name: str, size: int) -> bytes:
    """The file: (1, size, size, 3) uint8 RGB in, (1, size, size) probability out, as an export of SCR-Net."""
    model = trace(network, size=size)
    check(model)
    onnx.helper.set_model_props(model, {"name": name, "scr-live": scr_live.__version__, "weights": UNTRAINED})
    model.graph.name = name
    model.producer_name, model.producer_version = "scr-live", scr_live.__version__
    model.doc_string = f"{name}: {UNTRAINED}."
    return model.SerializeToString(deterministic=True)
