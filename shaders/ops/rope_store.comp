#version 460
// Rotates queries in place and keys on their way into the KV cache, and copies values there: one workgroup a head and row.
// Rotary embedding with the halves of a head paired (i, i + headDim/2): https://arxiv.org/abs/2104.09864
#extension GL_EXT_shader_16bit_storage : require
#include "common.glsl"
#include "elements.glsl"
#include "cache.glsl"
#include "step_rows.glsl"

layout(push_constant) uniform Arguments {
    uint64_t stepRows; // [rows] StepRow
    uint64_t qkv;      // [rows, qkvStride] float32: queries, keys, values
    uint64_t angles;   // [positions, HEAD_DIM] float32: cosines, then sines
    uint64_t table;    // [slots, tableStride] addresses of blocks
    uint tableStride;
    uint layerOffset;
    uint qkvStride;
    uint heads;
    uint kvHeads;
} a;

const uint HALF_DIM = HEAD_DIM / 2;
const float LARGEST_HALF = 65504.0;

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) writeonly buffer Shorts { uint16_t at[]; };

void rotateInPlace(Floats x, Floats angles) {
    for (uint i = gl_LocalInvocationID.x; i < HALF_DIM; i += gl_WorkGroupSize.x) {
        float c = angles.at[i];
        float s = angles.at[HALF_DIM + i];
        vec2 pair = vec2(x.at[i], x.at[HALF_DIM + i]);
        x.at[i] = pair.x * c - pair.y * s;
        x.at[HALF_DIM + i] = pair.y * c + pair.x * s;
    }
}

float rotated(Floats x, Floats angles, uint i) {
    bool isLower = i < HALF_DIM;
    uint angle = isLower ? i : i - HALF_DIM;
    float turned = x.at[isLower ? i + HALF_DIM : i - HALF_DIM] * angles.at[HALF_DIM + angle];
    return x.at[i] * angles.at[angle] + (isLower ? -turned : turned);
}

// Elements 4 * quad .. 4 * quad + 3 of a key or value, zero past its end.
vec4 quadOf(Floats x, Floats angles, bool isKey, uint quad) {
    vec4 value = vec4(0.0);
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint i = quad * 4 + j;
        if (i < HEAD_DIM) value[j] = isKey ? rotated(x, angles, i) : x.at[i];
    }
    return value;
}

// The nearest numbers that 16 bits hold: drivers differ in how packHalf2x16 rounds, and in what it makes of numbers that are too large.
uint packHalves(vec2 value) {
    uvec2 bits = floatBitsToUint(clamp(value, -LARGEST_HALF, LARGEST_HALF));
    bits += 0xfffu + ((bits >> 13) & 1u);
    return packHalf2x16(uintBitsToFloat(bits & 0xffffe000u));
}

// A block lies in eight neighbouring threads; all eight come here together.
void storeQuantized(uint64_t row, uint quad, vec4 value) {
    vec4 magnitude = abs(value);
    float largest = max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w));
    [[unroll]] for (uint step = 1; step < SCALE_BLOCK / 4; step *= 2) largest = max(largest, subgroupShuffleXor(largest, step));
    uint scaleBits = packHalves(vec2(largest / 127.0, 0.0));
    float scale = unpackHalf2x16(scaleBits).x;
    vec4 inverse = vec4(scale > 0.0 ? 1.0 / scale : 0.0);
    uvec4 quants = uvec4(ivec4(clamp(roundEven(value * inverse), -127.0, 127.0))) & 0xffu;
    Words(row).at[quad] = quants.x | quants.y << 8 | quants.z << 16 | quants.w << 24;
    if (quad % (SCALE_BLOCK / 4) == 0) Shorts(row + ROW_ELEMENTS).at[quad / (SCALE_BLOCK / 4)] = uint16_t(scaleBits);
}

void storeQuad(uint64_t row, uint quad, vec4 value) {
    if (CACHE == F32) {
        Words words = Words(row + uint64_t(quad) * 16);
        [[unroll]] for (uint j = 0; j < 4; j++) words.at[j] = floatBitsToUint(value[j]);
    } else if (CACHE == F16) {
        Words words = Words(row + uint64_t(quad) * 8);
        words.at[0] = packHalves(value.xy);
        words.at[1] = packHalves(value.zw);
    } else {
        storeQuantized(row, quad, value);
    }
}

void main() {
    uint head = gl_WorkGroupID.x; // queries, then keys, then values
    StepRow stepRow = StepRows(a.stepRows).at[gl_WorkGroupID.y];
    Floats x = Floats(a.qkv + (uint64_t(gl_WorkGroupID.y) * a.qkvStride + head * HEAD_DIM) * 4);
    Floats angles = Floats(a.angles + uint64_t(stepRow.position) * HEAD_DIM * 4);
    if (head < a.heads) {
        rotateInPlace(x, angles);
        return;
    }

    // Heads of values follow those of keys here and in the cache.
    uint64_t block = blockOf(tableRow(a.table, a.tableStride, stepRow.slot), stepRow.position);
    uint64_t row = block + headOffset(a.layerOffset, head - a.heads) + rowOffset(stepRow.position);
    bool isKey = head < a.heads + a.kvHeads;
    for (uint quad = gl_LocalInvocationID.x; quad < ROW_ELEMENTS / 4; quad += gl_WorkGroupSize.x)
        storeQuad(row, quad, quadOf(x, angles, isKey, quad));
}
