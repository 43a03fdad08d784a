#version 460
// Y = X W^T for a chunk of tokens. Threads lie along the rows of W; a workgroup is one subgroup that makes
// TOKENS x (2 * its width) results. Each thread loads one element of X for each token and hands it round by broadcast,
// so X is read once a subgroup and needs no shared memory and no barriers.
#include "common.glsl"
#include "elements.glsl"

layout(constant_id = 1) const uint TYPE = F32;
const uint TOKENS = 16;
const uint COLUMNS = 2;

layout(push_constant) uniform Arguments {
    uint64_t w; // [rows, stride] TYPE, zero past the row's width
    uint64_t x; // [tokens, stride] float32, zero past the row's width
    uint64_t y; // [tokens, yStride] float32
    uint rows;
    uint stride; // a multiple of 8
    uint tokens;
    uint yStride;
} a;

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint width = gl_WorkGroupSize.x;
    uint firstRow = gl_WorkGroupID.x * width * COLUMNS;
    uint firstToken = gl_WorkGroupID.y * TOKENS;

    uint64_t rowBytes = uint64_t(a.stride) * elementBytes(TYPE);
    uint64_t row[COLUMNS];
    [[unroll]] for (uint c = 0; c < COLUMNS; c++) row[c] = a.w + min(firstRow + c * width + lane, a.rows - 1) * rowBytes;
    uint64_t token[TOKENS];
    [[unroll]] for (uint t = 0; t < TOKENS; t++) token[t] = a.x + uint64_t(min(firstToken + t, a.tokens - 1)) * a.stride * 4;

    float sum[TOKENS][COLUMNS];
    [[unroll]] for (uint t = 0; t < TOKENS; t++) [[unroll]] for (uint c = 0; c < COLUMNS; c++) sum[t][c] = 0.0;

    for (uint k = 0; k < a.stride; k += width) {
        float x[TOKENS];
        bool inside = k + lane < a.stride;
        [[unroll]] for (uint t = 0; t < TOKENS; t++) x[t] = inside ? Floats(token[t]).at[k + lane] : 0.0;

        for (uint part = 0; part < width && k + part < a.stride; part += 8) {
            Eight w[COLUMNS];
            [[unroll]] for (uint c = 0; c < COLUMNS; c++) w[c] = loadEight(TYPE, row[c], k + part);
            [[unroll]] for (uint j = 0; j < 8; j++) {
                [[unroll]] for (uint t = 0; t < TOKENS; t++) {
                    float shared_x = subgroupBroadcast(x[t], part + j);
                    [[unroll]] for (uint c = 0; c < COLUMNS; c++) sum[t][c] += shared_x * (j < 4 ? w[c].low[j] : w[c].high[j - 4]);
                }
            }
        }
    }

    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        if (firstToken + t >= a.tokens) break;
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
            uint r = firstRow + c * width + lane;
            if (r < a.rows) Floats(a.y + uint64_t(firstToken + t) * a.yStride * 4).at[r] = sum[t][c];
        }
    }
}
