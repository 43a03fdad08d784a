#version 460
// Caps logits in place and sums blocks of them up: one thread a block.
#include "common.glsl"
#include "activations.glsl"
#include "candidates.glsl"

void main() {
    uint block = gl_GlobalInvocationID.x;
    uint row = gl_WorkGroupID.y;
    if (block >= blockCount()) return;
    uint first = block * BLOCK;
    uint count = min(BLOCK, a.width - first);
    Floats logits = Floats(a.logits + (uint64_t(row) * a.stride + first) * 4);

    float highest = uintBitsToFloat(0xff800000u); // -infinity
    bool finite = true;
    for (uint i = 0; i < count; i++) {
        float logit = softcap(logits.at[i], a.cap);
        logits.at[i] = logit;
        finite = finite && isFinite(logit);
        highest = max(highest, logit);
    }

    float inverseTemperature = Floats(a.inverseTemperatures).at[row];
    float sum = 0.0;
    for (uint i = 0; i < count; i++) sum += exp((logits.at[i] - highest) * inverseTemperature);
    BlockSummaries(a.blocks).at[row * blockCount() + block] = BlockSummary(highest, finite ? sum : uintBitsToFloat(0x7fc00000u));
}
