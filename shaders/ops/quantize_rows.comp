#version 460
// Rows of activations as integers of 16 bits with a scale for each 32 columns, for mat_mul_int8. A thread makes one chunk.
#include "common.glsl"
#include "quantized_row.glsl"

layout(push_constant) uniform Arguments {
    uint64_t x;         // [rows, xStride] float32, zero past the row's width
    uint64_t quantized; // [rows, chunks] QuantizedChunk
    uint xStride;
    uint chunks; // of 32 columns
} a;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Quads { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer QuantizedChunks { QuantizedChunk at[]; };

const float LARGEST = 32512.0; // 127 * 256: the high byte stays within a signed byte, and so does the low one
const float SMALLEST = 1e-30;  // less than this is 0: its scale would have no inverse
const uint INFINITY_BITS = 0x7f800000u;

uint packBytes(ivec4 bytes) {
    uvec4 b = uvec4(bytes) & 255u;
    return b.x | b.y << 8 | b.z << 16 | b.w << 24;
}

void main() {
    uint chunk = gl_GlobalInvocationID.x;
    uint row = gl_WorkGroupID.y;
    if (chunk >= a.chunks) return;
    Quads x = Quads(a.x + (uint64_t(row) * a.xStride + chunk * 32) * 4);

    // As bits, so that NaN is larger than all numbers.
    uvec4 bits = uvec4(0);
    for (uint i = 0; i < 8; i++) bits = max(bits, floatBitsToUint(abs(x.at[i])));
    uint largest = max(max(bits.x, bits.y), max(bits.z, bits.w));
    bool finite = largest < INFINITY_BITS;
    float size = uintBitsToFloat(largest);
    float inverse = finite && size >= SMALLEST ? LARGEST / size : 0.0;

    QuantizedChunk result;
    [[unroll]] for (uint half_ = 0; half_ < 2; half_++) {
        int sum = 0;
        [[unroll]] for (uint i = 0; i < 4; i++) {
            ivec4 q = finite ? ivec4(roundEven(x.at[half_ * 4 + i] * inverse)) : ivec4(0);
            ivec4 high = (q + 128) >> 8;
            result.high[half_][i] = packBytes(high);
            result.low[half_][i] = packBytes(q - (high << 8));
            sum += q.x + q.y + q.z + q.w;
        }
        result.sums[half_] = sum;
    }
    // A row with NaN or infinity shall come out as NaN.
    result.scale = finite ? (inverse > 0.0 ? size / LARGEST : 0.0) : uintBitsToFloat(0x7fc00000u);
    result.unused = 0;
    QuantizedChunks(a.quantized).at[row * a.chunks + chunk] = result;
}
