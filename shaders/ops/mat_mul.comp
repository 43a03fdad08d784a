#version 460
// Y = X W^T for a chunk of tokens, or Y = gelu(X G^T) * (X U^T). Threads lie along the rows of W; a workgroup is one subgroup that makes
// TOKENS x (ROWS * its width) results. Each thread loads one element of X for each token and hands it round by broadcast,
// so X is read once a subgroup and needs no shared memory and no barriers.
#include "common.glsl"
#include "activations.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TILE = 1;
layout(constant_id = 3) const uint MATRICES = 1; // 2: gate and up
#include "weights.glsl"

const uint TOKENS = 16;
const uint ROWS = 2; // of all matrices, side by side in a thread

layout(push_constant) uniform Arguments {
    Weights w;  // [rows, chunks * 32]: the matrix, or gate
    Weights up; // [rows, chunks * 32]
    uint64_t x; // [tokens, xStride] float32, zero past the row's width
    uint64_t y; // [tokens, yStride] float32
    uint rows;
    uint chunks; // of 32 columns
    uint xStride;
    uint yStride;
    uint tokens;
} a;

const uint ROWS_A_MATRIX = ROWS / MATRICES;

Weights matrixOf(uint r) {
    if (r < ROWS_A_MATRIX) return a.w;
    return a.up;
}

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint width = gl_WorkGroupSize.x;
    uint firstRow = gl_WorkGroupID.x * width * ROWS_A_MATRIX;
    uint firstToken = gl_WorkGroupID.y * TOKENS;

    uint unit[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) unit[r] = firstUnit(min(firstRow + r % ROWS_A_MATRIX * width + lane, a.rows - 1), a.chunks);
    uint64_t token[TOKENS];
    [[unroll]] for (uint t = 0; t < TOKENS; t++) token[t] = a.x + uint64_t(min(firstToken + t, a.tokens - 1)) * a.xStride * 4;

    float sum[TOKENS][ROWS];
    [[unroll]] for (uint t = 0; t < TOKENS; t++) [[unroll]] for (uint r = 0; r < ROWS; r++) sum[t][r] = 0.0;

    uint columns = a.chunks * CHUNK_COLUMNS;
    for (uint k = 0; k < columns; k += width) {
        float x[TOKENS];
        bool inside = k + lane < columns;
        [[unroll]] for (uint t = 0; t < TOKENS; t++) x[t] = inside ? Floats(token[t]).at[k + lane] : 0.0;

        for (uint part = 0; part < width && k + part < columns; part += 8) {
            uint column = k + part;
            Eight w[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                w[r] = loadWeights(matrixOf(r), unit[r] + column / CHUNK_COLUMNS * TILE, column % CHUNK_COLUMNS / 8);
            [[unroll]] for (uint j = 0; j < 8; j++) {
                [[unroll]] for (uint t = 0; t < TOKENS; t++) {
                    float shared_x = subgroupBroadcast(x[t], part + j);
                    [[unroll]] for (uint r = 0; r < ROWS; r++) sum[t][r] = fma(shared_x, j < 4 ? w[r].low[j] : w[r].high[j - 4], sum[t][r]);
                }
            }
        }
    }

    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        if (firstToken + t >= a.tokens) break;
        [[unroll]] for (uint r = 0; r < ROWS_A_MATRIX; r++) {
            uint row = firstRow + r * width + lane;
            float result = MATRICES == 2 ? geluTanh(sum[t][0]) * sum[t][1] : sum[t][r];
            if (row < a.rows) Floats(a.y + uint64_t(firstToken + t) * a.yStride * 4).at[row] = result;
        }
    }
}
