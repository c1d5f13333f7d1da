"""The peers, and what is reported of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from attention_unet import AttentionUNet
from colonsegnet import ColonSegNet
from hardnet_mseg import HarDNetMSEG
from nanonet import NanoNetC
from pranet import PraNet
from pspnet import PSPNet
from resunet_plus_plus import ResUNetPlusPlus
from torch import nn
from unet import UNet


@dataclass(frozen=True, slots=True)
class Peer:
    """A network, and the figures that papers give of it."""

    build: Callable[[], nn.Module]
    title: str
    paper_size: int
    """Side of the square its paper computes on."""
    parameters_m: float
    """Millions, as reported."""


PEERS: Final[Mapping[str, Peer]] = {
    "unet": Peer(UNet, "U-Net (2015)", 512, 31.04),
    "attention-unet": Peer(AttentionUNet, "Attention U-Net (2018)", 512, 34.88),
    "pspnet": Peer(PSPNet, "PSPNet, ResNet-50 (2017)", 473, 48.98),
    "resunet-plus-plus": Peer(ResUNetPlusPlus, "ResUNet++ (2019)", 256, 4.06),
    "pranet": Peer(PraNet, "PraNet (2020)", 352, 32.55),
    "colonsegnet": Peer(ColonSegNet, "ColonSegNet (2021)", 512, 5.01),
    "hardnet-mseg": Peer(HarDNetMSEG, "HarDNet-MSEG (2021)", 352, 33.34),
    "nanonet-c": Peer(NanoNetC, "NanoNet-C (2021)", 256, 0.0366),
}
