// Candidates for sampling: a row's highest logits, as keys that rank as the logits do and differ from each other.
const uint BLOCK = 32;   // logits that one thread looks at
const uint ID_BITS = 20;

layout(push_constant) uniform Arguments {
    uint64_t logits;              // [rows, stride] float32: capped in place
    uint64_t inverseTemperatures; // [rows] float32
    uint64_t blocks;              // [rows, blocks] of maximum and sum
    uint64_t keys;                // [rows, keyStride] uint64
    uint64_t candidates;          // [rows] of CandidateRow
    uint width;
    uint stride;                  // a multiple of BLOCK
    uint keyStride;
    float cap;                    // 0 means none
} a;

// The highest logit of a block, and the block's sum of exp((logit - highest) / temperature): NaN where a logit is not finite.
struct BlockSummary {
    float highest;
    float sum;
};

layout(buffer_reference, std430, buffer_reference_align = 8) buffer BlockSummaries { BlockSummary at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Keys { uint64_t at[]; };

bool isFinite(float value) {
    return (floatBitsToUint(value) & 0x7f800000u) != 0x7f800000u;
}

uint blockCount() {
    return (a.width + BLOCK - 1) / BLOCK;
}

// Orders by value, falling, and of equal values by index, rising; 0 and -0 are alike.
uint64_t rankKey(float value, uint index) {
    uint bits = value == 0.0 ? 0u : floatBitsToUint(value);
    uint sorted = (bits & 0x80000000u) == 0u ? bits | 0x80000000u : ~bits;
    return pack64(uvec2((1u << ID_BITS) - 1u - index, sorted));
}
