// SCM, equation 3: out = low + warp(up, flow), fused; what one thread does, for a GPU and for the CPU's tests.
//
// up, low, out: (batch, channels, height, width). flow: (batch, 2, height, width), (dx, dy) in pixels of the
// output. The sample of pixel (x, y) is taken at (x + dx, y + dy), pixel centres on whole numbers
// (align_corners=False), bilinear, zero outside. Coordinates, weights and sums are float32 whatever T is, and
// there is one rounding to T at the end. A flow that is NaN or infinite samples nothing: out = low.
//
// The position is split into whole and fraction before x is added: floor(x + dx) = x + floor(dx). So no bit of
// the fraction is lost at large x, and the weights are right to 2^-25 for every size of picture.
//
// Compiled by nvcc for the GPU, and by any C++17 compiler: float32 needs no header of CUDA, half precision takes
// __half where cuda_fp16.h was included before, else _Float16.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#define SCR_BOTH __host__ __device__ __forceinline__
#else
#include <cmath>
#define SCR_BOTH inline
#endif

// The tests count every store; elsewhere this is nothing.
#ifndef SCR_ON_STORE
#define SCR_ON_STORE(index)
#endif

namespace scr {

// launch.py has the same three numbers: a test compares them.
constexpr int kThreadsPerBlock = 128;
constexpr int kPixelsPerThread = 2;    // neighbours in memory: half2 or float2 for low, flow and out
constexpr int kChannelsPerThread = 4;  // share the coordinates and weights of their pixels

// On a multiprocessor. It lets a thread have 128 registers: all its reads are under way at once, nothing spills.
constexpr int kBlocksAtOnce = 4;

#if defined(__CUDACC__) || defined(__CUDA_FP16_TYPES_EXIST__)
using Half = __half;
SCR_BOTH float to_float(Half value) { return __half2float(value); }
SCR_BOTH void assign(Half& target, float value) { target = __float2half_rn(value); }
#elif defined(__FLT16_MANT_DIG__)
using Half = _Float16;
SCR_BOTH float to_float(Half value) { return static_cast<float>(value); }
SCR_BOTH void assign(Half& target, float value) { target = static_cast<Half>(value); }
#endif
SCR_BOTH float to_float(float value) { return value; }
SCR_BOTH void assign(float& target, float value) { target = value; }

// Which thread this is: blockIdx, threadIdx, gridDim, blockDim, without their types.
struct Place {
    int block_x, block_y, block_z;
    int thread_x;
    int grid_y, grid_z;
    int threads;  // of a block
};

template <typename T>
struct alignas(2 * sizeof(T)) Pair {
    T values[2];
};

// Where one output pixel takes its value from: top left, top right, bottom left, bottom right.
struct Sample {
    float weights[4];
    int taps[4];      // places in the plane; a tap outside has the nearest one inside, so that it can be read
    unsigned inside;  // bit i: tap i is inside
};

// Whole part and fraction of a flow. Not finite or beyond any picture becomes 1e9: outside, and no overflow.
SCR_BOTH int split(float flow, float& fraction) {
    constexpr float kFar = 1e9F;
    const float finite = fminf(fmaxf(flow, -kFar), kFar);  // fmaxf drops a NaN
    const float whole = floorf(finite);
    fraction = finite - whole;
    return static_cast<int>(whole);
}

SCR_BOTH bool within(int place, int size) { return static_cast<unsigned>(place) < static_cast<unsigned>(size); }

SCR_BOTH int nearest(int place, int size) { return place < 0 ? 0 : (place < size ? place : size - 1); }

SCR_BOTH Sample locate(int pixel, int height, int width, float dx, float dy) {
    float right, lower;
    const int row = pixel / width;
    const int x = pixel - row * width + split(dx, right);
    const int y = row + split(dy, lower);
    const float left = 1.0F - right;
    const float upper = 1.0F - lower;
    const int upper_row = nearest(y, height) * width;
    const int lower_row = nearest(y + 1, height) * width;
    const int left_column = nearest(x, width);
    const int right_column = nearest(x + 1, width);
    const unsigned columns = (within(x, width) ? 1U : 0U) | (within(x + 1, width) ? 2U : 0U);
    Sample sample;
    sample.weights[0] = upper * left;
    sample.weights[1] = upper * right;
    sample.weights[2] = lower * left;
    sample.weights[3] = lower * right;
    sample.taps[0] = upper_row + left_column;
    sample.taps[1] = upper_row + right_column;
    sample.taps[2] = lower_row + left_column;
    sample.taps[3] = lower_row + right_column;
    sample.inside = (within(y, height) ? columns : 0U) | (within(y + 1, height) ? columns << 2 : 0U);
    return sample;
}

// low + the four taps: what becomes of one element. All taps are read, so that many reads are under way at once;
// what is outside counts as zero even where the tap read in its place is not finite.
template <typename T>
SCR_BOTH float warped(const T* __restrict__ plane, const Sample& sample, float low) {
    float sum = 0.0F;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float tap = to_float(plane[sample.taps[i]]);
        sum = fmaf(sample.weights[i], (sample.inside >> i & 1U) != 0U ? tap : 0.0F, sum);
    }
    return low + sum;
}

// The two pixels of one thread.
struct Pixels {
    int first, second;
    bool has_second;  // else `second` is `first`
};

template <typename T, bool kPaired>
SCR_BOTH void load(const T* __restrict__ plane, const Pixels& pixels, float (&values)[2]) {
    if (kPaired) {
        const Pair<T> pair = *reinterpret_cast<const Pair<T>*>(plane + pixels.first);
        values[0] = to_float(pair.values[0]);
        values[1] = to_float(pair.values[1]);
    } else {
        values[0] = to_float(plane[pixels.first]);
        values[1] = to_float(plane[pixels.second]);
    }
}

template <typename T, bool kPaired>
SCR_BOTH void store(T* __restrict__ out, std::int64_t plane, const Pixels& pixels, const float (&values)[2]) {
    Pair<T> pair;
    assign(pair.values[0], values[0]);
    assign(pair.values[1], values[1]);
    if (kPaired) {
        *reinterpret_cast<Pair<T>*>(out + plane + pixels.first) = pair;
    } else {
        out[plane + pixels.first] = pair.values[0];
        if (pixels.has_second) out[plane + pixels.second] = pair.values[1];
    }
    SCR_ON_STORE(plane + pixels.first);
    if (pixels.has_second) SCR_ON_STORE(plane + pixels.second);
}

// Two pixels in all images and channels that are this thread's.
template <typename T, bool kPaired>
SCR_BOTH void warp_pixels(const Place& place, const Pixels& pixels, const T* __restrict__ up,
                          const T* __restrict__ low, const T* __restrict__ flow, int batch, int channels, int height,
                          int width, T* __restrict__ out) {
    const std::int64_t plane = static_cast<std::int64_t>(height) * width;
    for (int image = place.block_z; image < batch; image += place.grid_z) {
        float dx[2], dy[2];
        load<T, kPaired>(flow + 2 * image * plane, pixels, dx);
        load<T, kPaired>(flow + (2 * image + 1) * plane, pixels, dy);
        const Sample samples[2] = {locate(pixels.first, height, width, dx[0], dy[0]),
                                   locate(pixels.second, height, width, dx[1], dy[1])};
        for (int start = place.block_y * kChannelsPerThread; start < channels;
             start += place.grid_y * kChannelsPerThread) {
            float values[kChannelsPerThread][2];
#pragma unroll
            for (int i = 0; i < kChannelsPerThread; ++i) {  // beyond the last channel: the last one once more
                const int channel = start + i < channels ? start + i : channels - 1;
                const std::int64_t base = (static_cast<std::int64_t>(image) * channels + channel) * plane;
                load<T, kPaired>(low + base, pixels, values[i]);
                values[i][0] = warped(up + base, samples[0], values[i][0]);
                values[i][1] = warped(up + base, samples[1], values[i][1]);
            }
#pragma unroll
            for (int i = 0; i < kChannelsPerThread; ++i) {
                const std::int64_t base = (static_cast<std::int64_t>(image) * channels + start + i) * plane;
                if (start + i < channels) store<T, kPaired>(out, base, pixels, values[i]);
            }
        }
    }
}

template <typename T>
SCR_BOTH bool pair_aligned(const T* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % sizeof(Pair<T>) == 0;
}

// What one thread does. Two neighbouring pixels at once where every plane starts on an even element, else two
// pixels a block apart: in both ways neighbouring threads touch neighbouring memory.
template <typename T>
SCR_BOTH void semantic_warp(const Place& place, const T* __restrict__ up, const T* __restrict__ low,
                            const T* __restrict__ flow, int batch, int channels, int height, int width,
                            T* __restrict__ out) {
    const int plane = height * width;
    const int block = place.block_x * (kPixelsPerThread * place.threads);
    if (plane % 2 == 0 && pair_aligned(low) && pair_aligned(flow) && pair_aligned(out)) {
        const int first = block + kPixelsPerThread * place.thread_x;
        const Pixels pixels{first, first + 1, true};
        if (first < plane)
            warp_pixels<T, true>(place, pixels, up, low, flow, batch, channels, height, width, out);
    } else {
        const int first = block + place.thread_x;
        const bool has_second = first + place.threads < plane;
        const Pixels pixels{first, has_second ? first + place.threads : first, has_second};
        if (first < plane)
            warp_pixels<T, false>(place, pixels, up, low, flow, batch, channels, height, width, out);
    }
}

}  // namespace scr
