#version 460
// Matrix product by cooperative matrices: products of float16, sums in float32. x is [tokens, chunks * 32] float16 from half_rows with a scale a token, weights
// are dequantized to float16. A workgroup is 2 x 2 subgroups; a subgroup makes half of the tokens and half of the rows of either half of the tile.
#include "common.glsl"
#include "matrix_tile.glsl"
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

// The shape that the device multiplies.
layout(constant_id = 6) const uint M = 16;
layout(constant_id = 7) const uint N = 16;
layout(constant_id = 8) const uint K = 16;

const uint SUBGROUPS = 4;
const uint DOWN = TOKENS / 2 / M; // matrices of a subgroup along the tokens
const uint ACROSS = ROWS / 4 / N; // along the rows of either half
const uint PITCH = CHUNK_COLUMNS / 4 + 2; // columns in fours; two more keep neighbouring rows in different banks

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer HalfQuads { f16vec4 at[]; };

shared f16vec4 wTile[ROWS * PITCH];
shared f16vec4 xTile[TOKENS * PITCH];
shared float results[SUBGROUPS * 2 * M * N];

void fillTiles(uint chunk) {
    for (uint i = gl_LocalInvocationID.x; i < ROWS * 4; i += gl_WorkGroupSize.x) {
        uint r = i / 4, eighth = i % 4;
        Eight w = loadWeights(matrixOf(r), unitOf(r, chunk), eighth);
        wTile[r * PITCH + eighth * 2] = f16vec4(w.low);
        wTile[r * PITCH + eighth * 2 + 1] = f16vec4(w.high);
    }
    for (uint i = gl_LocalInvocationID.x; i < TOKENS * 4; i += gl_WorkGroupSize.x) {
        uint t = i / 4, eighth = i % 4;
        HalfQuads x = HalfQuads(a.x + (uint64_t(tokenOf(t)) * a.chunks + chunk) * (CHUNK_COLUMNS * 2));
        xTile[t * PITCH + eighth * 2] = x.at[eighth * 2];
        xTile[t * PITCH + eighth * 2 + 1] = x.at[eighth * 2 + 1];
    }
}

void main() {
    uint tokenInTile = gl_SubgroupID / 2 * (TOKENS / 2);
    uint rowInHalf = gl_SubgroupID % 2 * (ROWS / 4);

    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum[DOWN * ACROSS * 2];
    [[unroll]] for (uint i = 0; i < DOWN * ACROSS * 2; i++) sum[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);

    for (uint chunk = 0; chunk < a.chunks; chunk++) {
        fillTiles(chunk);
        barrier();
        [[unroll]] for (uint k = 0; k < CHUNK_COLUMNS; k += K) {
            coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> x[DOWN];
            [[unroll]] for (uint d = 0; d < DOWN; d++)
                coopMatLoad(x[d], xTile, (tokenInTile + d * M) * PITCH + k / 4, PITCH, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint c = 0; c < ACROSS * 2; c++) {
                uint row = c / ACROSS * (ROWS / 2) + rowInHalf + c % ACROSS * N;
                coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> w;
                coopMatLoad(w, wTile, row * PITCH + k / 4, PITCH, gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint d = 0; d < DOWN; d++) sum[d * ACROSS * 2 + c] = coopMatMulAdd(x[d], w, sum[d * ACROSS * 2 + c]);
            }
        }
        barrier();
    }

    // Only through memory does a thread learn which results it holds: two matrices at a time, of the same rows of either half of the tile.
    uint own = gl_SubgroupID * 2 * M * N;
    [[unroll]] for (uint d = 0; d < DOWN; d++) {
        [[unroll]] for (uint c = 0; c < ACROSS; c++) {
            coopMatStore(sum[d * ACROSS * 2 + c], results, own, N, gl_CooperativeMatrixLayoutRowMajor);
            coopMatStore(sum[d * ACROSS * 2 + ACROSS + c], results, own + M * N, N, gl_CooperativeMatrixLayoutRowMajor);
            subgroupBarrier();
            for (uint i = gl_SubgroupInvocationID; i < M * N; i += gl_SubgroupSize) {
                uint token = firstToken() + tokenInTile + d * M + i / N;
                if (token >= a.tokens) continue;
                float scale = Floats(a.scales).at[token];
                storeResults(token, rowInHalf + c * N + i % N, results[own + i] * scale, results[own + M * N + i] * scale);
            }
            subgroupBarrier();
        }
    }
}
