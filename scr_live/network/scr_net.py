"""SCR-Net: semantic calibration encoder, semantic refinement decoder (AAAI 2021)."""

from torch import Tensor, nn
from torch.nn import functional

from scr_live.network.blocks import (
    PyramidPooling,
    SemanticCalibration,
    SemanticRefinement,
    conv_bn_relu,
    enlarge,
    resize_like,
)
from scr_live.network.config import LITE0, NetworkConfig
from scr_live.network.encoders import build_encoder


class ScrNet(nn.Module):
    """(b, 3, h, w) RGB in 0..255, any real dtype -> (b, 1, h, w) logits. h and w: multiples of 32."""

    def __init__(self, config: NetworkConfig = LITE0) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config.encoder)
        maps = self.encoder.channels
        levels = maps if config.width is None else (config.width,) * len(maps)
        self.lateral = nn.ModuleList(
            nn.Identity() if before == after else conv_bn_relu(before, after, kernel=1)
            for before, after in zip(maps[:-1], levels[:-1], strict=True)
        )
        self.pyramid = PyramidPooling(maps[-1], levels[-1])
        pairs = list(zip(levels[1:], levels[:-1], strict=True))  # (deeper, shallower) neighbours
        self.calibrate = nn.ModuleList(SemanticCalibration(*pair, enabled=config.scm) for pair in pairs)
        self.refine = nn.ModuleList(SemanticRefinement(*pair, enabled=config.srm) for pair in pairs)
        self.reduce = nn.ModuleList(nn.Conv2d(high, low, 1) for high, low in pairs)
        self.fuse = nn.ModuleList(conv_bn_relu(low, low) for _, low in pairs)
        self.side = nn.ModuleList(nn.Conv2d(channels, 1, 1) for channels in levels)
        self._initialise()

    def forward(self, image: Tensor) -> Tensor:
        """Logits at the picture's size: the side outputs, upsampled and summed."""
        return self.summed(self.side_outputs(image), image)

    @staticmethod
    def summed(sides: list[Tensor], image: Tensor) -> Tensor:
        """The side outputs, upsampled and summed, at the picture's size."""
        total = sides[-1]
        for side in reversed(sides[:-1]):
            total = side + resize_like(total, side)
        return enlarge(total, image)

    def side_outputs(self, image: Tensor) -> list[Tensor]:
        """One (b, 1, h_i, w_i) map of logits a level, finest first."""
        encoder = self.encoder
        maps = encoder((image - encoder.mean) * (1.0 / encoder.std))
        features = [lateral(level) for lateral, level in zip(self.lateral, maps[:-1], strict=True)]
        calibrated = self._calibrated([*features, self.pyramid(maps[-1])])
        decoded = self._decoded(calibrated)
        return [side(level) for side, level in zip(self.side, decoded, strict=True)]

    def _calibrated(self, levels: list[Tensor]) -> list[Tensor]:
        """I_i of equation 3, from the top down: each level is calibrated by its calibrated neighbour."""
        result = [levels[-1]]
        for level, calibrate in zip(reversed(levels[:-1]), reversed(self.calibrate), strict=True):
            result.insert(0, calibrate(result[0], level))
        return result

    def _decoded(self, levels: list[Tensor]) -> list[Tensor]:
        """Refine each level by its neighbour's context (equation 7), then fuse it with what is above."""
        result = [levels[-1]]
        for i in reversed(range(len(levels) - 1)):
            refined = self.refine[i](levels[i + 1], levels[i])
            above = resize_like(self.reduce[i](result[0]), refined)
            result.insert(0, self.fuse[i](refined + above))
        return result

    def _initialise(self) -> None:
        """Kaiming, as in the paper. Flow starts at zero: SCM begins as the plain FPN and departs from it."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for calibrate in self.calibrate:
            if isinstance(calibrate, SemanticCalibration) and calibrate.offset is not None:
                nn.init.zeros_(calibrate.offset.weight)
        for side in self.side:
            if isinstance(side, nn.Conv2d):
                nn.init.normal_(side.weight, std=0.01)


class Segmenter(nn.Module):
    """What is exported: (1, s, s, 3) uint8 RGB in, (1, s, s) probability out."""

    def __init__(self, network: ScrNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """(b, s, s, 3) uint8 -> (b, s, s)."""
        # The cast comes first: TensorRT takes uint8 between an input and a cast alone.
        logits = self.network(image.float().permute(0, 3, 1, 2))
        return functional.sigmoid(logits)[:, 0]
