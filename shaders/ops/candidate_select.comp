#version 460
// The highest logits of a row, in any order, and the sums over all of it: one workgroup a row. Each of the COUNT highest logits lies in one of the COUNT
// blocks whose own highest rank first, so blocks are selected by their highest, then logits among those of the selected blocks.
#include "common.glsl"
#include "candidates.glsl"

layout(constant_id = 1) const uint SUBGROUPS = 1; // in a workgroup
layout(constant_id = 2) const uint COUNT = 256;   // CandidatesKernel.Count
#include "workgroup.glsl"

struct CandidateRow {
    uint64_t keys[COUNT];
    float sum;
    float ownHighest;
    float ownSum;
    float wantedLogit;
    uint count;
    uint notFinite;
};

layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer CandidateRows { CandidateRow at[]; };

shared uint selectedBlocks[COUNT];
shared uint selected;

uint lane = gl_LocalInvocationID.x;
uint width = gl_WorkGroupSize.x;

// A number that just `wanted` of the keys reach, found bit by bit from the top. Each thread reads only keys that it wrote.
uint64_t thresholdOf(Keys keys, uint count, uint wanted) {
    uint64_t threshold = 0;
    for (uint bit = 64; bit-- > 0;) {
        if (bit < 32 && bit >= ID_BITS) continue; // zero in all keys
        uint64_t higher = threshold | (uint64_t(1) << bit);
        uint mine = 0;
        for (uint i = lane; i < count; i += width) mine += keys.at[i] >= higher ? 1 : 0;
        uint reaching = addAll(mine);
        if (reaching >= wanted) threshold = higher;
        if (reaching == wanted) break;
    }
    return threshold;
}

void main() {
    uint row = gl_WorkGroupID.x;
    uint blocks = blockCount();
    BlockSummaries summaries = BlockSummaries(a.blocks + uint64_t(row) * blocks * 16);
    Floats logits = Floats(a.logits + uint64_t(row) * a.stride * 4);
    Keys keys = Keys(a.keys + uint64_t(row) * a.keyStride * 8);
    CandidateRows result = CandidateRows(a.candidates);

    ResultRow wanted = ResultRows(a.wanted).at[row];

    float highest = uintBitsToFloat(0xff800000u); // -infinity
    float ownHighest = highest;
    uint notFinite = 0;
    for (uint i = lane; i < blocks; i += width) {
        BlockSummary block = summaries.at[i];
        highest = max(highest, block.highest);
        ownHighest = max(ownHighest, block.ownHighest);
        notFinite += isFinite(block.ownSum) ? 0 : 1;
        keys.at[i] = rankKey(block.highest, i);
    }
    highest = maxAll(highest);
    notFinite = addAll(notFinite);
    ownHighest = maxAll(ownHighest);
    float sum = 0.0;
    float ownSum = 0.0;
    for (uint i = lane; i < blocks; i += width) {
        BlockSummary block = summaries.at[i];
        sum += block.sum * exp((block.highest - highest) * abs(wanted.inverseTemperature));
        ownSum += block.ownSum * exp(block.ownHighest - ownHighest);
    }
    sum = addAll(sum);
    ownSum = addAll(ownSum);

    // First the blocks, then the logits in them.
    uint selecting = min(COUNT, blocks);
    uint count = blocks;
    for (uint round = 0; round < 2; round++) {
        uint64_t threshold = thresholdOf(keys, count, selecting);
        if (lane == 0) selected = 0;
        synchronize();
        for (uint i = lane; i < count; i += width) {
            if (keys.at[i] < threshold) continue;
            uint place = atomicAdd(selected, 1);
            if (round == 0) selectedBlocks[place] = i;
            else result.at[row].keys[place] = keys.at[i];
        }
        synchronize();
        if (round == 1) break;
        count = selecting * BLOCK;
        selecting = min(COUNT, a.width);
        for (uint i = lane; i < count; i += width) {
            uint id = selectedBlocks[i / BLOCK] * BLOCK + i % BLOCK;
            keys.at[i] = id < a.width ? rankKey(logits.at[id], id) : 0;
        }
    }
    if (lane == 0) {
        result.at[row].sum = sum;
        result.at[row].ownHighest = ownHighest;
        result.at[row].ownSum = ownSum;
        result.at[row].wantedLogit = logits.at[wanted.token];
        result.at[row].count = selecting;
        result.at[row].notFinite = notFinite;
    }
}
