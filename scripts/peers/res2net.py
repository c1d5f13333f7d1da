"""Res2Net-50 v1b, 26w x 4s (Gao et al., TPAMI 2021): PraNet's encoder, without its classifier."""

import torch
from layers import conv_bn, conv_bn_relu
from torch import Tensor, nn

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Inner width, blocks, stride of the first."""
EXPANSION = 4
BASE_WIDTH = 26
SCALE = 4


class Res2Net50(nn.Module):
    """(b, 3, h, w) -> maps of 512, 1024 and 2048 channels at strides 8, 16 and 32."""

    channels = (512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn_relu(3, 32, stride=2),
            conv_bn_relu(32, 32),
            conv_bn_relu(32, 64),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        before = 64
        stages: list[nn.Module] = []
        for inner, count, stride in STAGES:
            blocks: list[nn.Module] = [FirstBlock(before, inner, stride=stride)]
            before = inner * EXPANSION
            blocks += [NextBlock(before, inner) for _ in range(count - 1)]
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The maps, finest first; that at stride 4 is of no use to PraNet."""
        features = self.stem(image)  # b, 64, h/4, w/4
        maps: list[Tensor] = []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps[1:]


class _Block(nn.Module):
    """Narrow, 3x3 convolutions on three of four groups of channels, widen."""

    def __init__(self, before: int, inner: int, *, stride: int) -> None:
        super().__init__()
        self.width = inner * BASE_WIDTH // 64
        self.narrow = conv_bn_relu(before, self.width * SCALE, kernel=1)
        self.convs = nn.ModuleList(
            conv_bn_relu(self.width, self.width, stride=stride) for _ in range(SCALE - 1)
        )
        self.widen = conv_bn(self.width * SCALE, inner * EXPANSION)


class FirstBlock(_Block):
    """The first of a stage: groups do not see each other, means make the picture smaller."""

    def __init__(self, before: int, inner: int, *, stride: int) -> None:
        super().__init__(before, inner, stride=stride)
        self.pool = nn.AvgPool2d(3, stride=stride, padding=1)
        average = nn.AvgPool2d(stride, stride=stride) if stride > 1 else nn.Identity()
        self.shortcut = nn.Sequential(average, conv_bn(before, inner * EXPANSION))

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, 4 inner, h / stride, w / stride)."""
        *groups, last = self.narrow(features).split(self.width, dim=1)
        parts = [conv(group) for conv, group in zip(self.convs, groups, strict=True)]
        parts.append(self.pool(last))
        return (self.widen(torch.cat(parts, dim=1)) + self.shortcut(features)).relu()


class NextBlock(_Block):
    """Any other: each group also sees what became of the one before."""

    def __init__(self, before: int, inner: int) -> None:
        super().__init__(before, inner, stride=1)

    def forward(self, features: Tensor) -> Tensor:
        """(b, 4 inner, h, w) -> the same shape."""
        *groups, last = self.narrow(features).split(self.width, dim=1)
        parts: list[Tensor] = []
        for conv, group in zip(self.convs, groups, strict=True):
            parts.append(conv(parts[-1] + group if parts else group))
        parts.append(last)
        return (self.widen(torch.cat(parts, dim=1)) + features).relu()
