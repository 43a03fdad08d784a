#version 460
// Rotates queries in place and keys on their way into the KV cache, and copies values there: one workgroup a head and token.
// Rotary embedding with the halves of a head paired (i, i + headDim/2): https://arxiv.org/abs/2104.09864
#include "common.glsl"
#include "elements.glsl"

layout(constant_id = 1) const uint CACHE = F16;

layout(push_constant) uniform Arguments {
    uint64_t qkv;    // [tokens, qkvStride] float32: queries, keys, values
    uint64_t angles; // [positions, headDim] float32: cosines, then sines
    uint64_t keys;   // [kvHeads, slots, cacheStride] CACHE
    uint64_t values; // [kvHeads, slots, cacheStride] CACHE
    uint qkvStride;
    uint heads;
    uint kvHeads;
    uint headDim;
    uint cacheStride; // headDim rounded up to a multiple of 8; the rest is written as zero
    uint slots;       // position p lives in slot p % slots
    uint position;    // of the first token
} a;

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Words { uint at[]; };

void storePair(uint64_t row, uint pair, vec2 value) {
    if (CACHE == F32) {
        Words words = Words(row + uint64_t(pair) * 8);
        words.at[0] = floatBitsToUint(value.x);
        words.at[1] = floatBitsToUint(value.y);
    } else {
        Words(row + uint64_t(pair) * 4).at[0] = packHalf2x16(value);
    }
}

void main() {
    uint head = gl_WorkGroupID.x; // queries, then keys, then values
    uint token = gl_WorkGroupID.y;
    uint position = a.position + token;
    Floats x = Floats(a.qkv + (uint64_t(token) * a.qkvStride + head * a.headDim) * 4);
    Floats angles = Floats(a.angles + uint64_t(position) * a.headDim * 4);
    uint half_ = a.headDim / 2;

    if (head < a.heads) {
        for (uint i = gl_LocalInvocationID.x; i < half_; i += gl_WorkGroupSize.x) {
            float c = angles.at[i];
            float s = angles.at[half_ + i];
            vec2 pair = vec2(x.at[i], x.at[half_ + i]);
            x.at[i] = pair.x * c - pair.y * s;
            x.at[half_ + i] = pair.y * c + pair.x * s;
        }
        return;
    }

    bool isKey = head < a.heads + a.kvHeads;
    uint kvHead = head - a.heads - (isKey ? 0 : a.kvHeads);
    uint64_t slot = uint64_t(kvHead) * a.slots + position % a.slots;
    uint64_t row = (isKey ? a.keys : a.values) + slot * a.cacheStride * elementBytes(CACHE);
    for (uint pair = gl_LocalInvocationID.x; pair < a.cacheStride / 2; pair += gl_WorkGroupSize.x) {
        vec2 value = vec2(0.0);
        [[unroll]] for (uint j = 0; j < 2; j++) {
            uint i = pair * 2 + j;
            if (i >= a.headDim) continue;
            if (!isKey) {
                value[j] = x.at[i];
            } else if (i < half_) {
                value[j] = x.at[i] * angles.at[i] - x.at[i + half_] * angles.at[i + half_];
            } else {
                value[j] = x.at[i] * angles.at[i - half_] + x.at[i - half_] * angles.at[i];
            }
        }
        storePair(row, pair, value);
    }
}
