"""PSPNet (Zhao et al., CVPR 2017) with ResNet-50, dilated to stride 8.

The first layers are three 3x3 convolutions, as in the authors' code. The auxiliary loss is of training alone,
so its branch is left out.
"""

import torch
from layers import conv_bn, conv_bn_relu, resize
from torch import Tensor, nn
from torch.nn import functional

from scr_live.network.blocks import adaptive_average

STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))
"""Inner width, blocks, stride of the first, dilation."""
EXPANSION = 4
BINS = (1, 2, 3, 6)


class PSPNet(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn_relu(3, 64, stride=2),
            conv_bn_relu(64, 64),
            conv_bn_relu(64, 128),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        blocks: list[nn.Module] = []
        before = 128
        for inner, count, stride, dilation in STAGES:
            for index in range(count):
                blocks.append(
                    Bottleneck(before, inner, stride=stride if index == 0 else 1, dilation=dilation)
                )
                before = inner * EXPANSION
        self.stages = nn.Sequential(*blocks)
        self.pyramid = PyramidPooling(before)
        self.head = nn.Sequential(conv_bn_relu(2 * before, 512), nn.Conv2d(512, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits at stride 8, enlarged."""
        features = self.stages(self.stem(image))  # b, 2048, h/8, w/8
        return resize(self.head(self.pyramid(features)), image.shape[-2:], align_corners=True)


class Bottleneck(nn.Module):
    """ResNet's block: narrow, 3x3, widen; the shortcut is projected where the shape changes."""

    def __init__(self, before: int, inner: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        after = inner * EXPANSION
        self.residual = nn.Sequential(
            conv_bn_relu(before, inner, kernel=1),
            conv_bn_relu(inner, inner, stride=stride, dilation=dilation),
            conv_bn(inner, after),
        )
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else conv_bn(before, after, stride=stride)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, 4 inner, h / stride, w / stride)."""
        return (self.residual(features) + self.shortcut(features)).relu()


class PyramidPooling(nn.Module):
    """Means over 1x1, 2x2, 3x3 and 6x6 regions, joined to the features they are of: twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_bn_relu(channels, channels // len(BINS), kernel=1) for _ in BINS)

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, 2c, h, w)."""
        parts = [features]
        for bins, branch in zip(BINS, self.branches, strict=True):
            parts.append(resize(branch(_pooled(features, bins)), features.shape[-2:], align_corners=True))
        return torch.cat(parts, dim=1)


def _pooled(features: Tensor, bins: int) -> Tensor:
    """adaptive_avg_pool2d, in the form that is quickest and that ONNX has."""
    height, width = features.shape[-2:]
    if height % bins or width % bins:
        return adaptive_average(features, bins)
    return functional.avg_pool2d(features, (height // bins, width // bins))
