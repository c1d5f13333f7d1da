"""UltraSeg-130K (Gao et al., 2026): wide below, with group shuffling, dilation and gates between levels.

The maps of its side outputs are computed where the gates read them; that they are also enlarged to the
picture's size is of training alone, and left out.
"""

import torch
from layers import Normalise, enlarge, resize
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (8, 16, 48, 64, 96)
GROUPS = 4


class UltraSeg130K(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.encode = nn.ModuleList(
            (
                nn.Conv2d(3, a, 3, padding=1),
                nn.Conv2d(a, b, 3, padding=1),
                nn.Sequential(nn.Conv2d(b, c, 3, padding=1), Dilated(c), Dilated(c)),
                GroupShuffle(c, d),
            )
        )
        self.encode_norm = nn.ModuleList(nn.GroupNorm(GROUPS, width) for width in (a, b, c, d))
        self.down = nn.ModuleList(
            nn.Sequential(Normalise(width), nn.Conv2d(width, width, 2, stride=2)) for width in (a, b, c)
        )
        self.fusion = AttentionFusion(c, d)
        self.bottleneck = nn.Conv2d(d, e, 3, padding=1)
        self.attention_share = nn.Parameter(torch.tensor(0.3))
        self.decode = nn.ModuleList(
            (GroupShuffle(e, d), GroupShuffle(d, c), GroupShuffle(c, b), nn.Conv2d(b, a, 3, padding=1))
        )
        self.decode_norm = nn.ModuleList(nn.GroupNorm(GROUPS, width) for width in (d, c, b, a))
        self.gate = nn.ModuleList(Gate(width, boundary=width != d) for width in (d, c, b, a))
        self.classify = nn.Conv2d(a, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Four levels down to stride 16, four up."""
        levels: list[Tensor] = []
        features = image
        for encode, norm, down in zip(self.encode[:3], self.encode_norm[:3], self.down, strict=True):
            features = functional.gelu(down(norm(encode(features))))
            levels.append(features)
        features = self.encode_norm[3](self.encode[3](features))
        levels.append(functional.gelu(functional.max_pool2d(features, 2)))  # b, 64, h/16, w/16
        features = self.bottleneck(self.fusion(levels[2], levels[3]))
        attended = features * features.mean(dim=1, keepdim=True).sigmoid()
        features = (1 - self.attention_share) * features + self.attention_share * attended
        for decode, norm, gate in zip(self.decode, self.decode_norm, self.gate, strict=True):
            level = levels.pop()
            features = norm(decode(features))
            if features.shape[-1] != level.shape[-1]:
                features = enlarge(features, 2, align_corners=True)
            features = gate(functional.gelu(features), level)
        return enlarge(self.classify(features), 2, align_corners=True)  # from b, 8, h/2, w/2


class Dilated(nn.Module):
    """Three dilations in groups of three channels, mixed and added with a learnt weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        third = channels // 3
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, third, 3, padding=rate, dilation=rate, groups=third) for rate in (1, 2, 3)
        )
        self.mix = nn.Conv2d(channels, channels, 1)
        self.share = nn.Parameter(torch.tensor(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> the same shape."""
        return features + self.mix(torch.cat([conv(features) for conv in self.convs], dim=1)) * self.share


class GroupShuffle(nn.Module):
    """Each quarter of the channels is weighted by a learnt map, 8 x 8 and enlarged; then all are mixed."""

    ORDER = (1, 3, 0, 2)

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        quarter = before // GROUPS
        self.maps = nn.ParameterList(torch.ones(1, quarter, 8, 8) for _ in range(GROUPS))
        self.refine = nn.ModuleList(_separable(quarter, quarter) for _ in range(GROUPS))
        self.norm_before = ChannelNorm(before)
        self.norm_after = ChannelNorm(before)
        self.mix = _separable(before, after)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h, w)."""
        size = features.shape[-2:]
        quarters = self.norm_before(features).chunk(GROUPS, dim=1)
        weighted = [
            quarter * refine(resize(learnt, size, align_corners=True))
            for quarter, learnt, refine in zip(quarters, self.maps, self.refine, strict=True)
        ]
        return self.mix(self.norm_after(torch.cat([weighted[index] for index in self.ORDER], dim=1)))


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> the same shape."""
        centred = features - features.mean(dim=1, keepdim=True)
        variance = centred.square().mean(dim=1, keepdim=True)
        return centred / torch.sqrt(variance + 1e-6) * self.weight + self.bias


class AttentionFusion(nn.Module):
    """Stride 8 brought to stride 16, and both weighed against each other at each pixel."""

    def __init__(self, fine: int, coarse: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(fine, coarse, 1)
        self.weigh = nn.Sequential(
            nn.Conv2d(2 * coarse, coarse // 4, 3, padding=1),
            nn.BatchNorm2d(coarse // 4),
            nn.GELU(),
            nn.Conv2d(coarse // 4, 2, 1),
            nn.Softmax(dim=1),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine: (b, c, 2h, 2w); coarse: (b, d, h, w) -> (b, d, h, w)."""
        fine = self.project(resize(fine, coarse.shape[-2:], align_corners=True))
        weights = self.weigh(torch.cat((fine, coarse), dim=1))  # b, 2, h, w
        return weights[:, :1] * fine + weights[:, 1:] * coarse


class Gate(nn.Module):
    """A side output of region (and boundary) strengthens what it sees, in the decoder and in the shortcut."""

    def __init__(self, channels: int, *, boundary: bool) -> None:
        super().__init__()
        self.region = nn.Conv2d(channels, 1, 1)
        self.boundary = nn.Conv2d(channels, 1, 1) if boundary else None
        self.region_share = nn.Parameter(torch.tensor(0.3))
        self.boundary_share = nn.Parameter(torch.tensor(0.1)) if boundary else None
        squeezed = max(channels // 8, 4)
        self.adapt = (
            nn.Sequential(nn.Conv2d(channels, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, channels, 1))
            if channels > 16  # noqa: PLR2004 - as in the authors' code
            else nn.Identity()
        )

    def forward(self, features: Tensor, level: Tensor) -> Tensor:
        """Both (b, c, h, w) -> (b, c, h, w)."""
        region = self.region(features).sigmoid()  # b, 1, h, w
        strengthened = features + features * region
        passed = level + region * level * self.region_share
        if self.boundary is not None:
            boundary = self.boundary(features).sigmoid()
            strengthened = strengthened + features * boundary
            passed = passed + boundary * level * self.boundary_share
        return self.adapt(strengthened) + passed


def _separable(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, before, 3, padding=1, groups=before), nn.GELU(), nn.Conv2d(before, after, 1)
    )
