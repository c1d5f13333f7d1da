// The entry points. Order of the parameters: TensorRT passes the inputs, the integers, the outputs.
#include "semantic_warp.cuh"

namespace {

__device__ __forceinline__ scr::Place here() {
    return {static_cast<int>(blockIdx.x),  static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.z),
            static_cast<int>(threadIdx.x), static_cast<int>(gridDim.y),  static_cast<int>(gridDim.z),
            static_cast<int>(blockDim.x)};
}

}  // namespace

extern "C" __global__ void __launch_bounds__(scr::kThreadsPerBlock, scr::kBlocksAtOnce)
    scr_semantic_warp_fp32(const float* __restrict__ up, const float* __restrict__ low, const float* __restrict__ flow,
                           int batch, int channels, int height, int width, float* __restrict__ out) {
    scr::semantic_warp(here(), up, low, flow, batch, channels, height, width, out);
}

extern "C" __global__ void __launch_bounds__(scr::kThreadsPerBlock, scr::kBlocksAtOnce)
    scr_semantic_warp_fp16(const __half* __restrict__ up, const __half* __restrict__ low,
                           const __half* __restrict__ flow, int batch, int channels, int height, int width,
                           __half* __restrict__ out) {
    scr::semantic_warp(here(), up, low, flow, batch, channels, height, width, out);
}
