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
from ultraseg import UltraSeg130K
from unet import UNet


@dataclass(frozen=True, slots=True)
class Peer:
    """A network, and the size that papers give of it."""

    build: Callable[[], nn.Module]
    title: str
    paper_size: int
    """Side of the square its paper computes on."""
    reported: float
    """Parameters, in millions."""
    not_here: float = 0.0
    """Of the reported ones, those that this network lacks, in millions; below zero: it has more."""
    because: str = ""
    """Why there are any."""


PEERS: Final[Mapping[str, Peer]] = {
    "unet": Peer(UNet, "U-Net (2015)", 572, 31.03),
    "attention-unet": Peer(AttentionUNet, "Attention U-Net (2018), 2-D", 256, 34.88),
    "pspnet": Peer(PSPNet, "PSPNet, ResNet-50 (2017)", 473, 46.72, 0.009, "one class instead of 19"),
    "resunet-plus-plus": Peer(ResUNetPlusPlus, "ResUNet++ (2019)", 256, 4.06),
    "pranet": Peer(
        PraNet, "PraNet (2020)", 352, 32.55, 2.049, "the encoder's ImageNet classifier, which it never calls"
    ),
    "colonsegnet": Peer(ColonSegNet, "ColonSegNet (2021)", 512, 5.01),
    "hardnet-mseg": Peer(
        HarDNetMSEG,
        "HarDNet-MSEG (2021)",
        352,
        33.34,
        15.919,
        "layers of PraNet and an ImageNet classifier that the authors' class holds and never calls",
    ),
    "nanonet-c": Peer(
        NanoNetC,
        "NanoNet-C (2021)",
        256,
        0.036561,
        -0.006784,
        "the authors' first code did not use its shortcuts' convolutions (9,272), and Keras counts "
        "the 2,488 statistics of batch normalisation",
    ),
    "ultraseg-130k": Peer(
        UltraSeg130K,
        "UltraSeg-130K (2026)",
        256,
        0.130,
        -0.017418,
        "the tool that its authors count with knows layers alone: it leaves out learnt maps (16,384 "
        "values), a layer normalisation of their own and single weights",
    ),
}
