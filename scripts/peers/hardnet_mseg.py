"""HarDNet-MSEG (Huang, Wu and Lin, 2021): HarDNet-68 (Chao et al., ICCV 2019) and the partial decoder.

The authors' class also holds the layers of PraNet's reverse attention and a few others, which it never
calls: half of the parameters that papers report for it. They are left out here.
"""

import torch
from layers import conv_bn, enlarge
from partial_decoder import PartialDecoder, ReceptiveField
from torch import Tensor, nn

WIDTH = 32
GROWTH_FACTOR = 1.7
BLOCKS = (
    (14, 8, 128, True),
    (16, 16, 256, False),
    (20, 16, 320, True),
    (40, 16, 640, True),
    (160, 4, 1024, False),
)
"""Growth, layers, channels behind the block, whether a pooling follows."""
TAPPED = (2, 3, 4)
"""The blocks whose outputs the decoder reads, at strides 8, 16 and 32."""


class HarDNetMSEG(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = HarDNet68()
        self.receptive = nn.ModuleList(ReceptiveField(BLOCKS[index][2], WIDTH) for index in TAPPED)
        self.decoder = PartialDecoder(WIDTH)

    def forward(self, image: Tensor) -> Tensor:
        """Logits at stride 8, enlarged."""
        maps = self.encoder(image)
        levels = (block(level) for block, level in zip(self.receptive, maps, strict=True))
        return enlarge(self.decoder(*levels), 8)


class HarDNet68(nn.Module):
    """(b, 3, h, w) -> maps of 320, 640 and 1024 channels at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(3, 32, kernel=3, stride=2), _conv(32, 64, kernel=3), nn.MaxPool2d(3, stride=2, padding=1)
        )
        before = 64
        blocks: list[nn.Module] = []
        for growth, layers, after, _ in BLOCKS:
            block = HarmonicBlock(before, growth, layers)
            blocks.append(nn.Sequential(block, _conv(block.channels, after, kernel=1)))
            before = after
        self.blocks = nn.ModuleList(blocks)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The maps, finest first."""
        features = self.stem(image)  # b, 64, h/4, w/4
        maps: list[Tensor] = []
        for index, (block, (*_, pooled)) in enumerate(zip(self.blocks, BLOCKS, strict=True)):
            features = block(features)
            if index in TAPPED:
                maps.append(features)
            if pooled:
                features = self.pool(features)
        return maps


class HarmonicBlock(nn.Module):
    """Layer k reads layers k - 1, k - 2, k - 4 ... as far as powers of two divide k.

    What leaves the block are the odd layers and the last.
    """

    def __init__(self, before: int, growth: int, layers: int) -> None:
        super().__init__()
        widths = [before]
        self.links: list[list[int]] = []
        convs: list[nn.Module] = []
        for layer in range(1, layers + 1):
            links = [layer - 2**power for power in range(layer.bit_length()) if layer % 2**power == 0]
            width = growth
            for _ in links[1:]:
                width *= GROWTH_FACTOR
            after = int(width + 1) // 2 * 2  # the even number next to it
            convs.append(_conv(sum(widths[link] for link in links), after, kernel=3))
            widths.append(after)
            self.links.append(links)
        self.convs = nn.ModuleList(convs)
        self.leaving = [layer for layer in range(1, layers + 1) if layer % 2 == 1 or layer == layers]
        self.channels = sum(widths[layer] for layer in self.leaving)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, self.channels, h, w)."""
        layers = [features]
        for conv, links in zip(self.convs, self.links, strict=True):
            read = [layers[link] for link in links]
            layers.append(conv(torch.cat(read, dim=1) if len(read) > 1 else read[0]))
        return torch.cat([layers[layer] for layer in self.leaving], dim=1)


def _conv(before: int, after: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    return conv_bn(before, after, kernel=kernel, stride=stride).append(nn.ReLU6(inplace=True))
