#version 460
// Matrix product by dot products of packed 8-bit integers: quantized weights as they are, activations as pairs of bytes. x is [tokens, chunks] QuantizedChunk
// from quantize_rows. Sums of a chunk are exact, chunks are added in float32. A thread makes 4 x 4 results: two rows from either half of the tile.
#include "common.glsl"
#include "matrix_tile.glsl"
#include "quantized_row.glsl"
#extension GL_EXT_integer_dot_product : require

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Uints128 { uvec4 at[]; };

const uint THREAD_COLUMNS = ROWS / 4;
const uint WEIGHT_WORDS128 = 3; // 32 quants; scales of either half, minimums of either half

shared uvec4 wTile[ROWS * WEIGHT_WORDS128];
shared uvec4 xTile[TOKENS * QUANTIZED_WORDS128];

int dot16(uvec4 u, uvec4 v) {
    return dotPacked4x8EXT(int(u.x), int(v.x)) + dotPacked4x8EXT(int(u.y), int(v.y)) + dotPacked4x8EXT(int(u.z), int(v.z)) + dotPacked4x8EXT(int(u.w), int(v.w));
}

void fillTiles(uint chunk) {
    for (uint i = gl_LocalInvocationID.x; i < ROWS * 2; i += gl_WorkGroupSize.x) {
        uint r = i / 2, half_ = i % 2;
        vec2 scale = loadScale(matrixOf(r), unitOf(r, chunk), half_);
        wTile[r * WEIGHT_WORDS128 + half_] = loadQuants16(matrixOf(r), unitOf(r, chunk), half_);
        wTile[r * WEIGHT_WORDS128 + 2][half_] = floatBitsToUint(scale.x);
        wTile[r * WEIGHT_WORDS128 + 2][2 + half_] = floatBitsToUint(scale.y);
    }
    for (uint i = gl_LocalInvocationID.x; i < TOKENS * QUANTIZED_WORDS128; i += gl_WorkGroupSize.x) {
        uint unit = tokenOf(i / QUANTIZED_WORDS128) * a.chunks + chunk;
        xTile[i] = Uints128(a.x).at[unit * QUANTIZED_WORDS128 + i % QUANTIZED_WORDS128];
    }
}

void main() {
    uint column = gl_LocalInvocationID.x % THREAD_COLUMNS;
    uint tokenInTile = gl_LocalInvocationID.x / THREAD_COLUMNS * 4;

    vec4 sum[4]; // [rows][tokens]
    [[unroll]] for (uint r = 0; r < 4; r++) sum[r] = vec4(0.0);

    for (uint chunk = 0; chunk < a.chunks; chunk++) {
        fillTiles(chunk);
        barrier();
        [[unroll]] for (uint t = 0; t < 4; t++) {
            uint token = (tokenInTile + t) * QUANTIZED_WORDS128;
            uvec4 high0 = xTile[token], high1 = xTile[token + 1], low0 = xTile[token + 2], low1 = xTile[token + 3], rest = xTile[token + 4];
            float scale = uintBitsToFloat(rest.x);
            vec2 xSums = vec2(ivec2(rest.yz));
            [[unroll]] for (uint r = 0; r < 4; r++) {
                uint row = (column + r * THREAD_COLUMNS) * WEIGHT_WORDS128;
                uvec4 w0 = wTile[row], w1 = wTile[row + 1];
                vec4 scales = uintBitsToFloat(wTile[row + 2]);
                ivec2 products = ivec2(256 * dot16(w0, high0) + dot16(w0, low0), 256 * dot16(w1, high1) + dot16(w1, low1));
                float value = dot(scales.xy, vec2(products));
                if (hasMinimum()) value -= dot(scales.zw, xSums);
                sum[r][t] = fma(scale, value, sum[r][t]);
            }
        }
        barrier();
    }

    [[unroll]] for (uint t = 0; t < 4; t++) {
        uint token = firstToken() + tokenInTile + t;
        if (token >= a.tokens) break;
        storeResults(token, column, sum[0][t], sum[2][t]);
        storeResults(token, column + THREAD_COLUMNS, sum[1][t], sum[3][t]);
    }
}
