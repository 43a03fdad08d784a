#version 460
// y = x W^T for any number of rows of x, or u = gelu(x G^T) * (x U^T), for CPU drivers. A workgroup makes the results of a tile of 8 rows of W and COLUMNS rows of
// x. Its subgroups share out the tile's chunks (and gate and up): each is SLICE chunks in one straight run of code without loops, which is what the driver
// compiles best (see weights_cpu.glsl); loops are the driver's own, over subgroups and workgroups.
// The sum for a row of x and a row of W has the same bits whatever COLUMNS is: the same products in the same order, by explicit fma.
#include "common.glsl"
#include "activations.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint SLICE = 1;    // chunks that a subgroup sums up
layout(constant_id = 3) const uint SLICES = 1;   // of a row: SLICE * SLICES chunks
layout(constant_id = 4) const uint COLUMNS = 1;  // rows of x at once
layout(constant_id = 5) const uint MATRICES = 1; // 2: gate and up
const uint TILE = 8;
const uint MOST_COLUMNS = 8; // With fewer, they are all there are.
#include "weights.glsl"

layout(push_constant) uniform Arguments {
    uint64_t w[2];      // the matrix, or gate and up: [rows, SLICE * SLICES * 32]
    uint64_t x;         // [count, xStride] float32, zero past the row's width
    uint64_t y;         // [count, yStride] float32
    uint planes[3];     // where upper bits, scales, and what 256 columns share begin: 256 bytes a unit, from w on
    uint rows;
    uint xStride;
    uint yStride;
    uint count;         // rows of x
    uint digits[16];    // 0, 1, 2 ... 15
} a;
#include "weights_cpu.glsl"

shared float sums[MATRICES * SLICES][COLUMNS][TILE];

Weights weightsAt(uint64_t address) {
    return Weights(address, address + uint64_t(a.planes[0]) * 256, address + uint64_t(a.planes[1]) * 256, address + uint64_t(a.planes[2]) * 256);
}

float sumOfSlices(uint matrix, uint column) {
    float sum = 0.0;
    for (uint i = 0; i < SLICES; i++) sum += sums[matrix * SLICES + i][column][gl_SubgroupInvocationID];
    return sum;
}

void main() {
    // All push constants are read before the first weight: each read is a branch for the driver, and work would be moved behind it, away from its operands.
    uint count = a.count;
    uint tile = uniformNumber(gl_WorkGroupID.y);
    uint firstColumn = COLUMNS < MOST_COLUMNS ? 0 : uniformByte(gl_WorkGroupID.x) * COLUMNS;
    uint slice = SLICES <= 16 ? uniformDigit(gl_SubgroupID % SLICES) : uniformByte(gl_SubgroupID % SLICES);
    uint first = (tile * SLICES + slice) * SLICE;
    Weights w = fromChunk(weightsAt(a.w[gl_SubgroupID / SLICES]), first);
    uint64_t x[COLUMNS];
    [[unroll]] for (uint m = 0; m < COLUMNS; m++)
        x[m] = a.x + (uint64_t(min(firstColumn + m, count - 1)) * a.xStride + slice * (SLICE * 32)) * 4;

    float total[COLUMNS];
    [[unroll]] for (uint m = 0; m < COLUMNS; m++) total[m] = 0.0;
    [[unroll]] for (uint c = 0; c < SLICE; c++) {
        Chunk chunk = loadChunk(w, c, SLICE % 8 == 0 ? c / 8 : (first + c) / 8 - first / 8);
        // Two sums for each scale, so that an addition need not wait for the one before it.
        float even[SCALES][COLUMNS], odd[SCALES][COLUMNS], ones[SCALES][COLUMNS];
        [[unroll]] for (uint s = 0; s < SCALES; s++) {
            [[unroll]] for (uint m = 0; m < COLUMNS; m++) even[s][m] = odd[s][m] = 0.0;
            [[unroll]] for (uint i = 0; i < 16 / SCALES; i++) {
                uint k = s * 16 + i * 2;
                float low = numberOf(chunk, k), high = numberOf(chunk, k + 1);
                [[unroll]] for (uint m = 0; m < COLUMNS; m++) {
                    even[s][m] = fma(low, UniformFloats(x[m]).at[c * 32 + k], even[s][m]);
                    odd[s][m] = fma(high, UniformFloats(x[m]).at[c * 32 + k + 1], odd[s][m]);
                }
            }
            if (hasMinimum()) {
                [[unroll]] for (uint m = 0; m < COLUMNS; m++) ones[s][m] = sumOf(x[m] + (c * 32 + s * 16) * 4, 32 / SCALES);
            }
        }
        // Always so. The driver's compiler keeps chunks apart across a branch; else it mixes them and runs out of registers.
        if (count != 0) {
            [[unroll]] for (uint s = 0; s < SCALES; s++) {
                [[unroll]] for (uint m = 0; m < COLUMNS; m++) {
                    total[m] = fma(chunk.scale[s], even[s][m] + odd[s][m], total[m]);
                    if (hasMinimum()) total[m] = fma(-chunk.minimum[s], ones[s][m], total[m]);
                }
            }
        }
    }

    [[unroll]] for (uint m = 0; m < COLUMNS; m++) sums[gl_SubgroupID][m][gl_SubgroupInvocationID] = total[m];
    barrier();
    for (uint m = gl_SubgroupID; m < COLUMNS; m += gl_NumSubgroups) {
        uint column = firstColumn + m, row = tile * TILE + gl_SubgroupInvocationID;
        float result = sumOfSlices(0, m);
        if (MATRICES == 2) result = geluTanh(result) * sumOfSlices(1, m);
        if (column < count && row < a.rows) Floats(a.y).at[column * a.yStride + row] = result;
    }
}
