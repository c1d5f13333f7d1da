"""The building blocks of SCR-Net: SCM, SRM and PPM, after the AAAI 2021 paper.

Tensors are (batch, channels, height, width). Level i + 1 is the deeper neighbour of level i, with half its
resolution.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv_bn_relu(channels_in: int, channels_out: int, *, kernel: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def resize_like(features: Tensor, like: Tensor) -> Tensor:
    """Bilinear, pixel centres aligned (align_corners=False)."""
    return functional.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)


def enlarge(features: Tensor, like: Tensor) -> Tensor:
    """resize_like as two products with constant matrices, for maps of one channel that grow.

    Engines on CPUs share the channels of a resize among the cores, and take one pixel after another: one
    channel of 352x352 cost a tenth of the whole network there.
    """
    if features.shape[-2:] == like.shape[-2:]:
        return features
    rows = _bilinear_matrix(features.shape[-2], like.shape[-2], like=features)
    columns = _bilinear_matrix(features.shape[-1], like.shape[-1], like=features)
    return rows @ features @ columns.T


def _bilinear_matrix(size: int, larger: int, *, like: Tensor) -> Tensor:
    """(larger, size); each row has the shares of the two samples beside it, or all of the outermost."""
    places = torch.arange(larger, device=like.device, dtype=torch.float32)
    places = ((places + 0.5) * (size / larger) - 0.5).clamp(0, size - 1)
    samples = torch.arange(size, device=like.device, dtype=torch.float32)
    return (1 - (places[:, None] - samples).abs()).clamp(min=0).to(like)


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Map(X, S) of equation 3: out(p) = X(p + S(p)), bilinear, zero outside.

    features: (b, c, h, w). flow: (b, 2, h, w), (dx, dy) in pixels of the output, at pixel centres.
    Coordinates are computed in float32 whatever the features are: half precision loses up to 0.06 px at 512.
    """
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    y = torch.arange(height, device=flow.device, dtype=torch.float32)
    offset = flow.float()
    grid_x = (x[None, None, :] + offset[:, 0] + 0.5) * (2.0 / width) - 1.0  # b, h, w
    grid_y = (y[None, :, None] + offset[:, 1] + 0.5) * (2.0 / height) - 1.0
    grid = torch.stack((grid_x, grid_y), dim=-1)  # b, h, w, 2
    sampled = functional.grid_sample(
        features.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return sampled.to(features.dtype)


class SemanticCalibration(nn.Module):
    """SCM, equations 1 to 3: brings the meaning of level i + 1 to level i, where it belongs.

    Switched off (`enabled=False`) it is plain bilinear upsampling and addition: the paper's baseline FPN.
    """

    def __init__(self, channels_high: int, channels_low: int, *, enabled: bool = True) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_high, channels_low, 1)
        self.offset = nn.Conv2d(2 * channels_low, 2, 3, padding=1) if enabled else None

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """high: (b, c_high, h/2, w/2); low: (b, c_low, h, w). Returns (b, c_low, h, w)."""
        up = resize_like(self.project(high), low)  # X'_{i+1}, equation 1
        if self.offset is None:
            return low + up
        flow = self.offset(torch.cat((up, low), dim=1))  # S_{i+1}, equation 2
        return low + warp(up, flow)  # equation 3


class SemanticRefinement(nn.Module):
    """SRM, equations 4 to 7: re-weights level i by the global context of level i + 1.

    Switched off it is the identity on level i.
    """

    def __init__(self, channels_high: int, channels_low: int, *, enabled: bool = True) -> None:
        super().__init__()
        self.rescale = nn.Conv2d(channels_high, channels_low, 1) if enabled else None

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """high: (b, c_high, h/2, w/2); low: (b, c_low, h, w). Returns (b, c_low, h, w)."""
        if self.rescale is None:
            return low
        context = high.mean(dim=(2, 3), keepdim=True)  # U_v, equation 4
        unified = functional.relu(self.rescale(context))  # equation 5
        gate = torch.sigmoid(unified + low)  # U_g, equation 6
        return low * gate  # equation 7


class PyramidPooling(nn.Module):
    """PPM (Zhao et al. 2017): context of the top level over 1x1, 2x2, 3x3 and 6x6 regions."""

    BINS = (1, 2, 3, 6)

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        branch = max(channels_out // len(self.BINS), 1)
        self.branches = nn.ModuleList(nn.Conv2d(channels_in, branch, 1) for _ in self.BINS)
        self.fuse = conv_bn_relu(channels_in + branch * len(self.BINS), channels_out)

    def forward(self, top: Tensor) -> Tensor:
        """top: (b, channels_in, h, w). Returns (b, channels_out, h, w)."""
        parts = [top]
        for bins, branch in zip(self.BINS, self.branches, strict=True):
            pooled = functional.relu(branch(adaptive_average(top, bins)))
            parts.append(resize_like(pooled, top))
        fused: Tensor = self.fuse(torch.cat(parts, dim=1))
        return fused


def adaptive_average(features: Tensor, bins: int) -> Tensor:
    """adaptive_avg_pool2d as two products with constant matrices.

    ONNX has no adaptive pooling, and exporters refuse it where the bins do not divide the size (11 / 6).
    """
    height, width = features.shape[-2:]
    rows = _averaging_matrix(height, bins, like=features)
    columns = _averaging_matrix(width, bins, like=features)
    return rows @ features @ columns.T


def _averaging_matrix(size: int, bins: int, *, like: Tensor) -> Tensor:
    """(bins, size); row k averages the samples floor(k * size / bins) .. ceil((k + 1) * size / bins) - 1.

    Made on the device of `like`: a copy from the host waits for the GPU, and no CUDA graph can hold it.
    """
    edges = torch.arange(bins + 1, device=like.device) * size
    start = torch.div(edges[:-1], bins, rounding_mode="floor")
    end = torch.div(edges[1:] + bins - 1, bins, rounding_mode="floor")
    samples = torch.arange(size, device=like.device)
    inside = (samples >= start[:, None]) & (samples < end[:, None])
    return (inside.float() / (end - start)[:, None]).to(like)
