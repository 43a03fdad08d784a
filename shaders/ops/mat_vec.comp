#version 460
// y = W x for columns of x, COLUMNS at a time, or y = gelu(G x) * (U x). A workgroup makes ROWS results a column: its threads lie along the
// row's columns, 16 each, so that neighbours read neighbouring addresses, and every load of x serves ROWS rows. Workgroups that read the same weights follow each other.
// The sum for one row and column has the same bits however many columns there are: the same products in the same order, by explicit fma.
#include "common.glsl"
#include "activations.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TILE = 1;
layout(constant_id = 3) const uint COLUMNS = 1;
layout(constant_id = 4) const uint MATRICES = 1; // 2: gate and up
layout(constant_id = 5) const uint ROWS = 4;
layout(constant_id = 6) const uint SUBGROUPS = 1;
#include "weights.glsl"

layout(push_constant) uniform Arguments {
    Weights w;  // [rows, chunks * 32]: the matrix, or gate
    Weights up; // [rows, chunks * 32]
    uint64_t x; // [count, xStride] float32, zero past the row's width
    uint64_t y; // [count, yStride] float32
    uint rows;
    uint chunks; // of 32 columns
    uint xStride;
    uint yStride;
    uint count; // of columns
} a;

const uint SUMS = MATRICES * ROWS * COLUMNS;
shared float shares[SUBGROUPS][SUMS];

Weights matrixAt(uint m) {
    if (m == 0) return a.w;
    return a.up;
}

struct Sixteen {
    vec4 quad[4];
};

// Half a chunk, without its scale.
Sixteen loadUnscaled16(Weights w, uint unit, uint half_) {
    Sixteen values;
    if (isQuantized()) {
        uvec4 quads = loadQuants16(w, unit, half_);
        [[unroll]] for (uint j = 0; j < 4; j++) values.quad[j] = bytesToFloats(quads[j]);
    } else {
        Eight low = loadUnscaled8(w, unit, half_ * 2);
        Eight high = loadUnscaled8(w, unit, half_ * 2 + 1);
        values.quad = vec4[4](low.low, low.high, high.low, high.high);
    }
    return values;
}

float add4(vec4 w, vec4 x, float sum) {
    return fma(w.w, x.w, fma(w.z, x.z, fma(w.y, x.y, fma(w.x, x.x, sum))));
}

Sixteen loadColumn(uint column, uint index) {
    Sixteen x;
    uint64_t row = a.x + uint64_t(min(column, a.count - 1)) * a.xStride * 4 + uint64_t(index) * 64;
    [[unroll]] for (uint j = 0; j < 4; j++) {
        u64vec2 bits = Words128(row).at[j];
        x.quad[j] = vec4(floatPair(bits.x), floatPair(bits.y));
    }
    return x;
}

// Sums over the workgroup, in the order of its subgroups. One subgroup needs no barrier, which CPU drivers take long to compile.
void addSubgroups(inout float sum[SUMS]) {
    [[unroll]] for (uint i = 0; i < SUMS; i++) sum[i] = subgroupAdd(sum[i]);
    if (SUBGROUPS == 1) return;
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        if (subgroupElect()) shares[gl_SubgroupID][i] = sum[i];
    }
    barrier();
    [[unroll]] for (uint i = 0; i < SUMS; i++) {
        sum[i] = shares[0][i];
        [[unroll]] for (uint s = 1; s < SUBGROUPS; s++) sum[i] += shares[s][i];
    }
}

void main() {
    uint firstColumn = gl_WorkGroupID.x * COLUMNS;
    uint first = gl_WorkGroupID.y * ROWS;
    uint unit[ROWS];
    // The last workgroup may have rows to spare: they repeat the last row and are not stored.
    [[unroll]] for (uint r = 0; r < ROWS; r++) unit[r] = firstUnit(min(first + r, a.rows - 1), a.chunks);

    float sum[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++) sum[i] = 0.0;
    for (uint index = gl_LocalInvocationID.x; index < 2 * a.chunks; index += gl_WorkGroupSize.x) {
        uint step = index / 2 * TILE;
        Sixteen w[MATRICES * ROWS];
        vec2 scale[MATRICES * ROWS];
        [[unroll]] for (uint m = 0; m < MATRICES; m++) {
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                Weights matrix = matrixAt(m);
                w[m * ROWS + r] = loadUnscaled16(matrix, unit[r] + step, index % 2);
                if (isQuantized()) scale[m * ROWS + r] = loadScale(matrix, unit[r] + step, index % 2);
            }
        }
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
            Sixteen x = loadColumn(firstColumn + c, index);
            float total = 0.0;
            if (hasMinimum()) {
                [[unroll]] for (uint j = 0; j < 4; j++) total = add4(vec4(1.0), x.quad[j], total);
            }
            [[unroll]] for (uint r = 0; r < MATRICES * ROWS; r++) {
                float share = isQuantized() ? 0.0 : sum[r * COLUMNS + c];
                [[unroll]] for (uint j = 0; j < 4; j++) share = add4(w[r].quad[j], x.quad[j], share);
                if (isQuantized()) share = fma(scale[r].x, share, sum[r * COLUMNS + c]);
                if (hasMinimum()) share = fma(-scale[r].y, total, share);
                sum[r * COLUMNS + c] = share;
            }
        }
    }

    addSubgroups(sum);
    if (gl_LocalInvocationID.x != 0) return;
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
            float result = sum[r * COLUMNS + c];
            if (MATRICES == 2) result = geluTanh(result) * sum[(ROWS + r) * COLUMNS + c];
            if (first + r < a.rows && firstColumn + c < a.count) Floats(a.y + uint64_t(firstColumn + c) * a.yStride * 4).at[first + r] = result;
        }
    }
}
