#version 460
// softmax(softcap(scale * Q K^T) + mask) V with a running softmax (https://arxiv.org/abs/2205.14135): one workgroup (one subgroup)
// a query head and token. Threads lie along keys for the scores and along the head for the sum of values. All sums are float32.
// The tiles of keys depend on the query's position alone, so a query's result does not depend on the chunk it came in.
#include "common.glsl"
#include "elements.glsl"
#include "activations.glsl"

layout(constant_id = 1) const uint CACHE = F16;
layout(constant_id = 2) const uint CACHE_STRIDE = 256;   // headDim rounded up to a multiple of 8
layout(constant_id = 3) const uint EIGHTS_PER_LANE = 4;  // CACHE_STRIDE / 8 shared out over the threads, rounded up

layout(push_constant) uniform Arguments {
    uint64_t qkv;    // [tokens, qkvStride] float32: rotated queries first
    uint64_t keys;   // [kvHeads, slots, CACHE_STRIDE] CACHE
    uint64_t values; // [kvHeads, slots, CACHE_STRIDE] CACHE
    uint64_t y;      // [tokens, yStride] float32
    uint qkvStride;
    uint yStride;
    uint headDim;
    uint group;    // query heads that share a key/value head
    uint slots;    // position p lives in slot p % slots
    uint position; // of the first token
    uint window;   // a query sees this many positions, itself included
    float scale;
    float cap;
} a;

shared float query[CACHE_STRIDE];

float score(uint64_t key) {
    float sum = 0.0;
    for (uint i = 0; i < CACHE_STRIDE; i += 8) {
        Eight k = loadEight(CACHE, key, i);
        sum += dot(vec4(query[i], query[i + 1], query[i + 2], query[i + 3]), k.low)
             + dot(vec4(query[i + 4], query[i + 5], query[i + 6], query[i + 7]), k.high);
    }
    return softcap(sum * a.scale, a.cap);
}

void main() {
    uint head = gl_WorkGroupID.x;
    uint token = gl_WorkGroupID.y;
    uint lane = gl_LocalInvocationID.x;
    uint width = gl_WorkGroupSize.x;
    uint last = a.position + token;
    uint first = last + 1 > a.window ? last + 1 - a.window : 0;

    Floats q = Floats(a.qkv + (uint64_t(token) * a.qkvStride + head * a.headDim) * 4);
    for (uint i = lane; i < CACHE_STRIDE; i += width) query[i] = i < a.headDim ? q.at[i] : 0.0;
    barrier();

    uint64_t rowBytes = uint64_t(CACHE_STRIDE) * elementBytes(CACHE);
    uint64_t headBytes = uint64_t(head / a.group) * a.slots * rowBytes;
    uint64_t keys = a.keys + headBytes;
    uint64_t values = a.values + headBytes;

    Eight sum[EIGHTS_PER_LANE];
    for (uint i = 0; i < EIGHTS_PER_LANE; i++) sum[i] = Eight(vec4(0.0), vec4(0.0));
    float highest = uintBitsToFloat(0xff800000u); // -infinity
    float total = 0.0;

    for (uint tile = first; tile <= last; tile += width) {
        uint key = tile + lane;
        float s = key <= last ? score(keys + (key % a.slots) * rowBytes) : uintBitsToFloat(0xff800000u);
        float newHighest = max(highest, subgroupMax(s));
        float shrink = exp(highest - newHighest);
        float p = exp(s - newHighest);
        highest = newHighest;
        total = total * shrink + subgroupAdd(p);

        for (uint i = 0; i < EIGHTS_PER_LANE; i++) {
            sum[i].low *= shrink;
            sum[i].high *= shrink;
        }
        uint count = min(width, last - tile + 1);
        for (uint j = 0; j < count; j++) {
            float weight = subgroupShuffle(p, j);
            uint64_t value = values + ((tile + j) % a.slots) * rowBytes;
            for (uint i = 0; i < EIGHTS_PER_LANE; i++) {
                uint element = (i * width + lane) * 8;
                if (element >= CACHE_STRIDE) break;
                Eight v = loadEight(CACHE, value, element);
                sum[i].low += weight * v.low;
                sum[i].high += weight * v.high;
            }
        }
    }

    Floats y = Floats(a.y + (uint64_t(token) * a.yStride + head * a.headDim) * 4);
    for (uint i = 0; i < EIGHTS_PER_LANE; i++) {
        uint element = (i * width + lane) * 8;
        [[unroll]] for (uint j = 0; j < 8; j++)
            if (element + j < a.headDim) y.at[element + j] = (j < 4 ? sum[i].low[j] : sum[i].high[j - 4]) / total;
    }
}
