"""SCM's warp and add as one CUDA kernel, a TensorRT plugin, and the ONNX node that stands for it.

Standard library and numpy alone at import: engines use this without torch.
"""

from scr_live.convert.semantic_warp.ptx import KERNEL_NAMES, PTX

__all__ = ["KERNEL_NAMES", "PTX"]
