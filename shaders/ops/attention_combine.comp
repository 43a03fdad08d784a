#version 460
// The second half of attention_decode.comp: puts the splits of a query together. One workgroup a query head and row.
#include "common.glsl"
#include "elements.glsl"
#include "cache.glsl"
#include "activations.glsl"
#include "attention.glsl"
#include "attention_splits.glsl"
#include "step_rows.glsl"

layout(push_constant) uniform Arguments {
    uint64_t stepRows; // [rows] StepRow
    uint64_t scratch;  // [rows, heads, splits] partial results
    uint64_t y;        // [rows, yStride] float32
    uint yStride;
    uint window;
    uint splits;
} a;

void main() {
    uint head = gl_WorkGroupID.x;
    uint heads = gl_NumWorkGroups.x;
    uint row = gl_WorkGroupID.y;
    uint position = StepRows(a.stepRows).at[row].position;
    uint blocks = blocksSeen(firstVisible(position, a.window), position);
    uint length = splitBlocks(blocks, a.splits);
    uint used = (blocks + length - 1) / length;

    uint64_t partials = partialOf(a.scratch, row, heads, head, a.splits, 0);
    float highest = NO_SCORE;
    for (uint split = 0; split < used; split++)
        highest = max(highest, Floats(partials + split * PARTIAL_BYTES).at[PARTIAL_ELEMENTS]);

    Floats y = Floats(a.y + (uint64_t(row) * a.yStride + head * HEAD_DIM) * 4);
    for (uint element = gl_SubgroupInvocationID * 8; element < PARTIAL_ELEMENTS; element += gl_WorkGroupSize.x * 8) {
        Eight sum = Eight(vec4(0.0), vec4(0.0));
        float total = 0.0;
        for (uint split = 0; split < used; split++) {
            uint64_t partial = partials + split * PARTIAL_BYTES;
            Floats of = Floats(partial + PARTIAL_ELEMENTS * 4);
            float weight = exp(of.at[0] - highest);
            total = fma(weight, of.at[1], total);
            Eight values = loadEight(F32, partial, element);
            sum.low = fma(vec4(weight), values.low, sum.low);
            sum.high = fma(vec4(weight), values.high, sum.high);
        }
        [[unroll]] for (uint j = 0; j < 8; j++)
            if (element + j < HEAD_DIM) y.at[element + j] = (j < 4 ? sum.low[j] : sum.high[j - 4]) / total;
    }
}
