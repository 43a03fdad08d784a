#version 460
// x[t] = embedding[token of row t] * sqrt(hidden), for tokens whose row lies in this part of the embedding: one workgroup a row.
#include "common.glsl"
#include "step_rows.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TILE = 1;
#include "weights.glsl"

layout(push_constant) uniform Arguments {
    Weights embedding; // [rows, chunks * 32]
    uint64_t stepRows; // [count]
    uint64_t x;        // [count, xStride] float32
    uint firstRow;     // the part's first token
    uint rows;
    uint chunks; // of 32 columns
    uint width;  // the hidden size
    uint xStride;
    float scale;
} a;

void main() {
    uint token = StepRows(a.stepRows).at[gl_WorkGroupID.x].token - a.firstRow;
    if (token >= a.rows) return; // Of another part: less than its first row wraps around.
    uint unit = firstUnit(token, a.chunks);
    Floats x = Floats(a.x + uint64_t(gl_WorkGroupID.x) * a.xStride * 4);
    for (uint i = gl_LocalInvocationID.x * 8; i < a.width; i += gl_WorkGroupSize.x * 8) {
        Eight e = loadWeights(a.embedding, unit + i / CHUNK_COLUMNS * TILE, i % CHUNK_COLUMNS / 8);
        uint count = min(8, a.width - i);
        for (uint j = 0; j < count; j++) x.at[i + j] = (j < 4 ? e.low[j] : e.high[j - 4]) * a.scale;
    }
}
