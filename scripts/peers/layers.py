"""What several of the peers are built from. Tensors are (batch, channels, height, width)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

Sides = int | tuple[int, int]


def conv_bn(  # noqa: PLR0913 - what a convolution has
    before: int, after: int, *, kernel: Sides = 1, stride: int = 1, dilation: int = 1, bias: bool = False
) -> nn.Sequential:
    """Convolution padded to keep the size (at stride 1), and batch normalisation."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (dilation * (height // 2), dilation * (width // 2))
    return nn.Sequential(
        nn.Conv2d(before, after, (height, width), stride, padding, dilation, bias=bias),
        nn.BatchNorm2d(after),
    )


def conv_bn_relu(  # noqa: PLR0913 - what a convolution has
    before: int, after: int, *, kernel: Sides = 3, stride: int = 1, dilation: int = 1, bias: bool = False
) -> nn.Sequential:
    """The same, with a ReLU behind it."""
    return conv_bn(before, after, kernel=kernel, stride=stride, dilation=dilation, bias=bias).append(
        nn.ReLU(inplace=True)
    )


class Normalise(nn.BatchNorm2d):
    """Batch normalisation that no convolution comes before: at inference one product and one sum.

    Where a convolution does, the exporter folds it in; here it would stay as an operator of its own.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> the same shape."""
        if self.training:
            return super().forward(features)
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return features * scale[:, None, None] + shift[:, None, None]


class SqueezeExcitation(nn.Module):
    """Hu et al. 2018, without biases: channels are weighted by what their means tell."""

    def __init__(self, channels: int, *, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.excite = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> the same shape."""
        means = features.mean(dim=(2, 3), keepdim=True)  # b, c, 1, 1
        return features * self.excite(self.squeeze(means).relu()).sigmoid()


def enlarge(features: Tensor, factor: float, *, align_corners: bool = False) -> Tensor:
    """Bilinear, by a factor; below 1 it makes smaller."""
    return functional.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=align_corners)


def resize(features: Tensor, size: Sequence[int], *, align_corners: bool) -> Tensor:
    """Bilinear, to a height and a width."""
    return functional.interpolate(features, size=tuple(size), mode="bilinear", align_corners=align_corners)
