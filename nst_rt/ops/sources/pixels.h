// What both builds share: half precision, and where a pixel of a padded picture comes from.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#include <cuda_fp16.h>
using Half = __half;
#define ANYWHERE __host__ __device__ inline
ANYWHERE float real(Half value) { return __half2float(value); }
ANYWHERE Half rounded(float value) { return __float2half_rn(value); }
#else
#include <algorithm>
#include <cmath>
using Half = _Float16;
#define ANYWHERE inline
using std::max;
using std::min;
ANYWHERE float real(Half value) { return static_cast<float>(value); }
ANYWHERE Half rounded(float value) { return static_cast<Half>(value); }
#endif

constexpr int VECTOR = 8;  // channels that are read and written at once: 16 bytes

struct alignas(16) Vector {
    Half values[VECTOR];
};

enum class Edge : int64_t { reflect = 0, repeat = 1 };

// The place in 0…size-1 that place -pad…size+pad-1 shows.
ANYWHERE int within(int place, int size, Edge edge) {
    if (edge == Edge::repeat) return min(max(place, 0), size - 1);
    if (place < 0) place = -place;
    return place < size ? place : 2 * (size - 1) - place;
}

// uint8 N×H×W×3 → half N×(H'+2p)×(W'+2p)×8 in 0…1, five channels of zeros: H' and W' are what the
// network takes, the last row and column repeated up to there, and p pixels more are reflected.
struct Begin {
    const uint8_t* image;
    Vector* out;
    int height, width;    // of the image
    int inside_h, inside_w;  // H', W'
    int pad;

    ANYWHERE int out_h() const { return inside_h + 2 * pad; }
    ANYWHERE int out_w() const { return inside_w + 2 * pad; }
    ANYWHERE void pixel(int64_t n, int y, int x) const {
        int from_y = min(within(y - pad, inside_h, Edge::reflect), height - 1);
        int from_x = min(within(x - pad, inside_w, Edge::reflect), width - 1);
        const uint8_t* rgb = image + ((n * height + from_y) * width + from_x) * 3;
        Vector result = {};
        for (int c = 0; c < 3; ++c) result.values[c] = rounded(rgb[c] / 255.0f);
        out[(n * out_h() + y) * out_w() + x] = result;
    }
};

// What a convolution gave, N×h×w×(s²·C), s 1 or 2, is taken as s·h × s·w pixels of C channels (a
// pixel shuffle), without `crop` pixels at each edge; normalized over these, channel by channel; then come
// ReLU, a sum, and an edge of `pad` pixels for the next convolution.
struct Normalize {
    const Vector* in;
    const float *scale, *bias;
    const Vector* residual;  // N×(H+2r)×(W+2r)×C of an earlier layer, or none
    Vector* out;             // N×(H+2p)×(W+2p)×C
    float* partial;          // N×parts×2×C: sums of differences to the first pixel, and squares
    float* affine;           // N×2×C: what every value is multiplied by, and what is added
    int height, width;       // h, w
    int channels, shuffle, crop, pad, residual_pad, parts;
    Edge edge;
    bool relu;
    float epsilon;

    ANYWHERE int inside_h() const { return height * shuffle - 2 * crop; }
    ANYWHERE int inside_w() const { return width * shuffle - 2 * crop; }
    ANYWHERE int out_h() const { return inside_h() + 2 * pad; }
    ANYWHERE int out_w() const { return inside_w() + 2 * pad; }
    ANYWHERE int vectors() const { return channels / VECTOR; }

    // Pixel (y, x) inside, its channels 8v…8v+7.
    ANYWHERE const Vector& at(int64_t n, int y, int x, int v) const {
        y += crop, x += crop;
        const int bit = shuffle - 1;  // what a place in a block has, and what a block's has not
        int phase = (y & bit) * shuffle + (x & bit);
        int64_t pixel = (n * height + (y >> bit)) * width + (x >> bit);
        return in[(pixel * shuffle * shuffle + phase) * vectors() + v];
    }

    // From the sums over all pixels to the affine map of channel c.
    ANYWHERE void settle(int64_t n, int c, float sum, float squares) const {
        float count = static_cast<float>(inside_h()) * inside_w();
        float offset = sum / count;  // of the mean from the first pixel
        float variance = max(squares / count - offset * offset, 0.0f);
        float factor = scale[c] / sqrtf(variance + epsilon);
        float mean = real(at(n, 0, 0, c / VECTOR).values[c % VECTOR]) + offset;
        affine[2 * n * channels + c] = factor;
        affine[(2 * n + 1) * channels + c] = bias[c] - mean * factor;
    }

    // Pixel (y, x) of the output, its channels 8v…8v+7.
    ANYWHERE void pixel(int64_t n, int y, int x, int v) const {
        int from_y = within(y - pad, inside_h(), edge), from_x = within(x - pad, inside_w(), edge);
        const float* map = affine + 2 * n * channels + v * VECTOR;
        Vector result = at(n, from_y, from_x, v), added = {};
        if (residual) {
            int64_t row = n * (inside_h() + 2 * residual_pad) + from_y + residual_pad;
            int64_t place = row * (inside_w() + 2 * residual_pad) + from_x + residual_pad;
            added = residual[place * vectors() + v];
        }
        for (int k = 0; k < VECTOR; ++k) {
            float value = real(result.values[k]) * map[k] + map[channels + k];
            if (relu) value = max(value, 0.0f);
            result.values[k] = rounded(value + real(added.values[k]));
        }
        out[((n * out_h() + y) * out_w() + x) * vectors() + v] = result;
    }
};

// half N×h×w×16, of which 12 channels are 2×2 pixels of 3 → uint8 N×H×W×3, which may be smaller.
struct Finish {
    static constexpr int SHUFFLE = 2, STRIDE = 16;
    const Half* in;
    const float* bias;
    uint8_t* image;
    int in_h, in_w, height, width;

    ANYWHERE void pixel(int64_t n, int y, int x) const {
        int64_t place = (n * in_h + y / SHUFFLE) * in_w + x / SHUFFLE;
        const Half* values = in + place * STRIDE + ((y % SHUFFLE) * SHUFFLE + x % SHUFFLE) * 3;
        uint8_t* rgb = image + ((n * height + y) * width + x) * 3;
        for (int c = 0; c < 3; ++c) {
            float painted = 1.0f / (1.0f + expf(-(real(values[c]) + bias[c])));
            rgb[c] = static_cast<uint8_t>(rintf(255.0f * painted));
        }
    }
};
