// Candidates for sampling: a row's highest logits, as keys that rank as the logits do and differ from each other.
const uint BLOCK = 32;   // logits that one thread looks at
const uint ID_BITS = 20;

layout(push_constant) uniform Arguments {
    uint64_t logits;     // [rows, stride] float32: capped and masked in place
    uint64_t wanted;     // [rows] of ResultRow
    uint64_t blocks;     // [rows, blocks] of BlockSummary
    uint64_t keys;       // [rows, keyStride] uint64
    uint64_t candidates; // [rows] of CandidateRow
    uint64_t tokens;     // [blocks] uint32, a bit set for each row of the embedding that stands for a token; 0 where all do
    uint width;
    uint stride;         // a multiple of BLOCK
    uint keyStride;
    float cap;           // 0 means none
} a;

// What is wanted of a row.
struct ResultRow {
    float inverseTemperature; // below 0: its absolute value, and logits of rows that stand for no token are wanted too
    uint token;    // its logit is told
    uint64_t mask; // [blocks] uint32, a bit set for each token of the block that is allowed; 0 where all are
};

// The highest logit of a block, and the block's sum of exp((logit - highest) / temperature). Beside them the model's own, before the mask and at temperature 1:
// ownSum is NaN where a logit is not finite.
struct BlockSummary {
    float highest;
    float sum;
    float ownHighest;
    float ownSum;
};

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer ResultRows { ResultRow at[]; };
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
