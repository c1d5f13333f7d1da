// The kernel's source as a CPU program: every block and thread of a launch, one after another.
//
// Built as a shared library it is called by ctypes; built with -DSCR_FUZZ as a program with the sanitizers it runs
// random launches on memory of the exact size and reports any read or write beyond it, any misaligned access, and
// any conversion that C++ does not define.
#include <cstdint>

#ifdef SCR_CUDA_HALF
#include <cuda_fp16.h>
#endif

namespace {
thread_local int* stores = nullptr;
}
#define SCR_ON_STORE(index) (stores != nullptr ? static_cast<void>(++stores[index]) : static_cast<void>(0))
#include "semantic_warp.cuh"

namespace {

// counts: nullptr, or for each element of out how often it was written.
template <typename T>
void launch(const int* grid, int threads, const T* up, const T* low, const T* flow, int batch, int channels,
            int height, int width, T* out, int* counts) {
    stores = counts;
    scr::Place place{};
    place.grid_y = grid[1];
    place.grid_z = grid[2];
    place.threads = threads;
    for (place.block_z = 0; place.block_z < grid[2]; ++place.block_z)
        for (place.block_y = 0; place.block_y < grid[1]; ++place.block_y)
            for (place.block_x = 0; place.block_x < grid[0]; ++place.block_x)
                for (place.thread_x = 0; place.thread_x < threads; ++place.thread_x)
                    scr::semantic_warp(place, up, low, flow, batch, channels, height, width, out);
    stores = nullptr;
}

}  // namespace

extern "C" {

void run_fp32(const int* grid, int threads, const float* up, const float* low, const float* flow, int batch,
              int channels, int height, int width, float* out, int* counts) {
    launch(grid, threads, up, low, flow, batch, channels, height, width, out, counts);
}

#if defined(SCR_CUDA_HALF) || defined(__FLT16_MANT_DIG__)
void run_fp16(const int* grid, int threads, const void* up, const void* low, const void* flow, int batch,
              int channels, int height, int width, void* out, int* counts) {
    using scr::Half;
    launch(grid, threads, static_cast<const Half*>(up), static_cast<const Half*>(low), static_cast<const Half*>(flow),
           batch, channels, height, width, static_cast<Half*>(out), counts);
}
#endif

int threads_per_block() { return scr::kThreadsPerBlock; }
int pixels_per_thread() { return scr::kPixelsPerThread; }
int channels_per_thread() { return scr::kChannelsPerThread; }

}  // extern "C"

#ifdef SCR_FUZZ
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>

namespace {

// Exactly `count` elements, `shift` elements off the alignment of a pair.
template <typename T>
struct Block {
    std::unique_ptr<char[]> memory;
    T* data;
    Block(std::int64_t count, int shift) : memory(new char[(count + shift) * sizeof(T)]) {
        data = reinterpret_cast<T*>(memory.get()) + shift;
    }
};

template <typename T>
void fuzz(std::mt19937& random) {
    const float strange[] = {0.0F,   -0.0F,   0.5F,   -1.0F,  1e-8F,  -1e-8F, 3e4F,
                             -3e4F,  2.2e9F,  -2.2e9F, 3e38F, -3e38F, std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
    const auto pick = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
    const int batch = pick(1, 3), channels = pick(1, 9), height = pick(1, 19), width = pick(1, 19);
    const std::int64_t plane = static_cast<std::int64_t>(height) * width;
    const int shift = pick(0, 3) == 0 ? 1 : 0;
    Block<T> up(batch * channels * plane, 0), low(batch * channels * plane, shift), flow(batch * 2 * plane, shift),
        out(batch * channels * plane, shift);
    std::normal_distribution<float> normal(0.0F, 3.0F);
    for (std::int64_t i = 0; i < batch * channels * plane; ++i) {
        scr::assign(up.data[i], normal(random));
        scr::assign(low.data[i], normal(random));
    }
    for (std::int64_t i = 0; i < batch * 2 * plane; ++i)
        scr::assign(flow.data[i], pick(0, 3) == 0 ? strange[pick(0, 14)] : normal(random));
    const int threads = pick(1, 2) * 32;
    const int blocks = static_cast<int>((plane + 2 * threads - 1) / (2 * threads));
    const int grid[3] = {blocks, pick(1, 3), pick(1, 2)};
    launch(grid, threads, up.data, low.data, flow.data, batch, channels, height, width, out.data, nullptr);
    for (std::int64_t i = 0; i < batch * channels * plane; ++i) {
        const float value = scr::to_float(out.data[i]);
        if (!(value > -1e3F && value < 1e3F)) {
            std::fprintf(stderr, "element %lld of (%d, %d, %d, %d) is %g\n", static_cast<long long>(i), batch, channels,
                         height, width, static_cast<double>(value));
            std::abort();
        }
    }
}

}  // namespace

int main() {
    std::mt19937 random(0);
    for (int round = 0; round < 400; ++round) {
        fuzz<float>(random);
#if defined(SCR_CUDA_HALF) || defined(__FLT16_MANT_DIG__)
        fuzz<scr::Half>(random);
#endif
    }
    std::puts("clean");
}
#endif
