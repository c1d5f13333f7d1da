"""The equations of the SCR-Net paper as plain float64 loops: slow, obvious, and independent of torch.

Arrays are (channels, height, width). A pixel's centre lies at its whole-numbered index. Modules are read
through `parameters_of`, nothing of their code is used.
"""

import math

import numpy as np


def parameters_of(module):
    """Name -> float64 array, of parameters and buffers."""
    return {name: value.detach().double().numpy() for name, value in module.state_dict().items()}


def sample(image, x, y):
    """Bilinear value of every channel at (x, y), zero outside."""
    _, height, width = image.shape
    left, top = math.floor(x), math.floor(y)
    total = np.zeros(image.shape[0])
    for row, weight_y in ((top, top + 1 - y), (top + 1, y - top)):
        for column, weight_x in ((left, left + 1 - x), (left + 1, x - left)):
            if 0 <= row < height and 0 <= column < width:
                total += weight_y * weight_x * image[:, row, column]
    return total


def warp(image, flow):
    """Map(X, S) of equation 3: out(p) = X(p + S(p)); flow is (dx, dy)."""
    out = np.zeros_like(image)
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            out[:, y, x] = sample(image, x + flow[0, y, x], y + flow[1, y, x])
    return out


def resize(image, height, width):
    """Bilinear; the corners of the pictures, not of their corner pixels' centres, coincide."""
    channels, old_height, old_width = image.shape
    out = np.zeros((channels, height, width))
    for y in range(height):
        for x in range(width):
            source_y = min(max((y + 0.5) * old_height / height - 0.5, 0), old_height - 1)
            source_x = min(max((x + 0.5) * old_width / width - 0.5, 0), old_width - 1)
            out[:, y, x] = sample(image, source_x, source_y)
    return out


def convolve(image, weight, bias=None):
    """Size-keeping convolution with zero padding; weight: (out, in, k, k)."""
    count, _, kernel, _ = weight.shape
    reach = kernel // 2
    padded = np.pad(image, ((0, 0), (reach, reach), (reach, reach)))
    out = np.zeros((count, *image.shape[1:]))
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            patch = padded[:, y : y + kernel, x : x + kernel]
            for channel in range(count):
                out[channel, y, x] = (patch * weight[channel]).sum()
    return out if bias is None else out + bias[:, None, None]


def normalise(image, parameters, prefix, *, eps=1e-5):
    """Batch normalisation with the running statistics."""
    mean, variance, scale, shift = (
        parameters[f"{prefix}.{name}"][:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (image - mean) / np.sqrt(variance + eps) * scale + shift


def adaptive_average(image, bins):
    """Mean over the regions floor(k n / bins) .. ceil((k + 1) n / bins)."""
    channels, height, width = image.shape
    out = np.zeros((channels, bins, bins))
    for i in range(bins):
        for j in range(bins):
            rows = slice(math.floor(i * height / bins), math.ceil((i + 1) * height / bins))
            columns = slice(math.floor(j * width / bins), math.ceil((j + 1) * width / bins))
            out[:, i, j] = image[:, rows, columns].mean(axis=(1, 2))
    return out


def relu(values):
    return np.maximum(values, 0)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def calibrate(high, low, parameters):
    """SCM: equations 1, 2 and 3."""
    projected = convolve(high, parameters["project.weight"], parameters["project.bias"])
    up = resize(projected, *low.shape[1:])
    flow = convolve(np.concatenate((up, low)), parameters["offset.weight"], parameters["offset.bias"])
    return low + warp(up, flow)


def fpn(high, low, parameters):
    """The paper's baseline in place of SCM: bilinear upsampling and addition."""
    projected = convolve(high, parameters["project.weight"], parameters["project.bias"])
    return low + resize(projected, *low.shape[1:])


def refine(high, low, parameters):
    """SRM: equations 4 to 7."""
    context = high.mean(axis=(1, 2))  # 4
    unified = relu(parameters["rescale.weight"][:, :, 0, 0] @ context + parameters["rescale.bias"])  # 5
    gate = sigmoid(unified[:, None, None] + low)  # 6
    return low * gate  # 7


def pool_pyramid(top, parameters, bins=(1, 2, 3, 6)):
    """PPM of PSPNet: pool, 1x1 convolution, ReLU, upsample, concatenate, fuse."""
    parts = [top]
    for index, count in enumerate(bins):
        weight, bias = (parameters[f"branches.{index}.{name}"] for name in ("weight", "bias"))
        pooled = relu(convolve(adaptive_average(top, count), weight, bias))
        parts.append(resize(pooled, *top.shape[1:]))
    fused = convolve(np.concatenate(parts), parameters["fuse.0.weight"])
    return relu(normalise(fused, parameters, "fuse.1"))
