#version 460
// Rows of activations as float16, for mat_mul_coopmat. Each row is multiplied by the power of two that brings its largest number to between 2^13 and 2^14:
// nothing overflows, whatever the numbers are, and what is 2^27 times smaller than the largest keeps all bits of a float16. A workgroup, one subgroup, a row.
#include "common.glsl"
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

layout(push_constant) uniform Arguments {
    uint64_t x;      // [rows, xStride] float32, zero past the row's width
    uint64_t halves; // [rows, columns] float16
    uint64_t scales; // [rows] float32: x = scale * half
    uint xStride;
    uint columns; // a multiple of 32
} a;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Quads { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer HalfQuads { f16vec4 at[]; };

float powerOfTwo(int exponent) {
    return uintBitsToFloat(uint(exponent + 127) << 23);
}

void main() {
    uint row = gl_WorkGroupID.x;
    uint lane = gl_LocalInvocationID.x;
    Quads x = Quads(a.x + uint64_t(row) * a.xStride * 4);
    HalfQuads halves = HalfQuads(a.halves + uint64_t(row) * a.columns * 2);

    float largest = 0.0;
    for (uint i = lane; i < a.columns / 4; i += gl_WorkGroupSize.x) {
        vec4 sizes = abs(x.at[i]);
        largest = max(largest, max(max(sizes.x, sizes.y), max(sizes.z, sizes.w)));
    }
    // Clamped so that both powers are normal numbers.
    int exponent = clamp(int(floatBitsToUint(subgroupMax(largest)) >> 23) - 127, -100, 127);
    float down = powerOfTwo(13 - exponent);
    for (uint i = lane; i < a.columns / 4; i += gl_WorkGroupSize.x) halves.at[i] = f16vec4(x.at[i] * down);
    if (lane == 0) Floats(a.scales).at[row] = powerOfTwo(exponent - 13);
}
