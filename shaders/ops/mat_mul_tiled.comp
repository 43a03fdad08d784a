#version 460
// Matrix product for GPUs in float32: each number of a tile is read from memory once, a thread makes 4 * QUADS x 8 results.
// x is [tokens, xStride] float32, zero past the row's width.
#include "common.glsl"
#include "matrix_tile.glsl"

layout(constant_id = 6) const uint QUADS = 1; // tokens of a thread, in fours

const uint ROW_QUADS = ROWS / 4;
const uint TOKEN_QUADS = TOKENS / 4;
const uint THREAD_COLUMNS = ROWS / 8;

// [32 columns][ROWS / 4] and [32 columns][TOKENS / 4]
shared vec4 wTile[CHUNK_COLUMNS * ROW_QUADS];
shared vec4 xTile[CHUNK_COLUMNS * TOKEN_QUADS];

// Four threads at a time store columns 8 apart: swapping quads keeps them in different banks.
uint slot(uint column, uint quad, uint quads) {
    return column * quads + (quad ^ (column / 8 * 2));
}

void fillTiles(uint chunk) {
    for (uint i = gl_LocalInvocationID.x; i < ROWS * 4; i += gl_WorkGroupSize.x) {
        uint r = i / 4, eighth = i % 4;
        Eight w = loadWeights(matrixOf(r), unitOf(r, chunk), eighth);
        [[unroll]] for (uint j = 0; j < 4; j++) {
            wTile[slot(8 * eighth + j, r / 4, ROW_QUADS)][r % 4] = w.low[j];
            wTile[slot(8 * eighth + 4 + j, r / 4, ROW_QUADS)][r % 4] = w.high[j];
        }
    }
    for (uint i = gl_LocalInvocationID.x; i < TOKENS * 4; i += gl_WorkGroupSize.x) {
        uint t = i / 4, eighth = i % 4;
        Words128 token = Words128(a.x + uint64_t(tokenOf(t)) * a.xStride * 4);
        u64vec2 low = token.at[chunk * 8 + eighth * 2];
        u64vec2 high = token.at[chunk * 8 + eighth * 2 + 1];
        Eight x = Eight(vec4(floatPair(low.x), floatPair(low.y)), vec4(floatPair(high.x), floatPair(high.y)));
        [[unroll]] for (uint j = 0; j < 4; j++) {
            xTile[slot(8 * eighth + j, t / 4, TOKEN_QUADS)][t % 4] = x.low[j];
            xTile[slot(8 * eighth + 4 + j, t / 4, TOKEN_QUADS)][t % 4] = x.high[j];
        }
    }
}

void main() {
    // This thread's rows: four from either half of the tile. Its tokens: the quads from tokenQuad on.
    uint rowQuad = gl_LocalInvocationID.x % THREAD_COLUMNS;
    uint tokenQuad = gl_LocalInvocationID.x / THREAD_COLUMNS * QUADS;

    vec4 sum[4 * QUADS][2];
    [[unroll]] for (uint t = 0; t < 4 * QUADS; t++) sum[t][0] = sum[t][1] = vec4(0.0);

    for (uint chunk = 0; chunk < a.chunks; chunk++) {
        fillTiles(chunk);
        barrier();
        for (uint k = 0; k < CHUNK_COLUMNS; k++) {
            vec4 w0 = wTile[slot(k, rowQuad, ROW_QUADS)];
            vec4 w1 = wTile[slot(k, rowQuad + THREAD_COLUMNS, ROW_QUADS)];
            [[unroll]] for (uint q = 0; q < QUADS; q++) {
                vec4 x = xTile[slot(k, tokenQuad + q, TOKEN_QUADS)];
                [[unroll]] for (uint t = 0; t < 4; t++) {
                    sum[4 * q + t][0] = fma(vec4(x[t]), w0, sum[4 * q + t][0]);
                    sum[4 * q + t][1] = fma(vec4(x[t]), w1, sum[4 * q + t][1]);
                }
            }
        }
        barrier();
    }

    [[unroll]] for (uint t = 0; t < 4 * QUADS; t++) {
        uint token = firstToken() + 4 * tokenQuad + t;
        if (token >= a.tokens) break;
        [[unroll]] for (uint i = 0; i < 4; i++) storeResults(token, 4 * rowQuad + i, sum[t][0][i], sum[t][1][i]);
    }
}
