#version 460
// Caps logits in place, masks them and sums blocks of them up: one thread a block.
#include "common.glsl"
#include "activations.glsl"
#include "candidates.glsl"

const float FORBIDDEN = -3.4028234663852886e38; // the lowest finite number, TokenMask.Forbidden

float sumExp(Floats logits, uint count, float highest, float inverseTemperature) {
    float sum = 0.0;
    for (uint i = 0; i < count; i++) sum += exp((logits.at[i] - highest) * inverseTemperature);
    return sum;
}

void main() {
    uint block = gl_GlobalInvocationID.x;
    uint row = gl_WorkGroupID.y;
    if (block >= blockCount()) return;
    uint first = block * BLOCK;
    uint count = min(BLOCK, a.width - first);
    Floats logits = Floats(a.logits + (uint64_t(row) * a.stride + first) * 4);

    ResultRow wanted = ResultRows(a.wanted).at[row];
    float inverseTemperature = abs(wanted.inverseTemperature);

    // What stands for no token is no part of the distribution, whatever its row of the embedding holds.
    bool isWhole = a.tokens == 0 || wanted.inverseTemperature < 0.0;
    uint tokens = isWhole ? 0xffffffffu : Uints(a.tokens).at[block];
    float ownHighest = uintBitsToFloat(0xff800000u); // -infinity
    bool finite = true;
    for (uint i = 0; i < count; i++) {
        float logit = (tokens >> i & 1u) == 0u ? FORBIDDEN : softcap(logits.at[i], a.cap);
        logits.at[i] = logit;
        finite = finite && isFinite(logit);
        ownHighest = max(ownHighest, logit);
    }
    float ownSum = sumExp(logits, count, ownHighest, 1.0);

    float highest = ownHighest;
    if (wanted.mask != 0) {
        uint allowed = Uints(wanted.mask).at[block];
        highest = FORBIDDEN;
        for (uint i = 0; i < count; i++) {
            // What is not finite stays, for the host to find.
            if ((allowed >> i & 1u) == 0u && isFinite(logits.at[i])) logits.at[i] = FORBIDDEN;
            highest = max(highest, logits.at[i]);
        }
    }
    float sum = ownSum;
    if (wanted.mask != 0 || inverseTemperature != 1.0) sum = sumExp(logits, count, highest, inverseTemperature);

    BlockSummaries(a.blocks).at[row * blockCount() + block] = BlockSummary(highest, sum, ownHighest, finite ? ownSum : uintBitsToFloat(0x7fc00000u));
}
