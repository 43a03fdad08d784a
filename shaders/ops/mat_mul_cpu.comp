#version 460
// y = x W^T for any number of rows of x, or u = gelu(x G^T) * (x U^T), for CPU drivers. A workgroup makes the results of a tile of rows of W and COLUMNS rows of
// x. Its subgroups share out the tile's chunks (and gate and up): each is SLICE chunks in one straight run of code without loops, which is what the driver
// compiles best (see weights_cpu.glsl); loops are the driver's own, over subgroups and workgroups.
// The sum for a row of x and a row of W has the same bits whatever COLUMNS is: the same products in the same order, by explicit fma.
#extension GL_KHR_memory_scope_semantics : require
#include "common.glsl"
#include "activations.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint SLICE = 1;    // chunks that a subgroup sums up
layout(constant_id = 3) const uint SLICES = 1;   // of a row: SLICE * SLICES chunks
layout(constant_id = 4) const uint COLUMNS = 1;  // rows of x at once
layout(constant_id = 5) const uint MATRICES = 1; // 2: gate and up
layout(constant_id = 6) const uint TILE = 8;     // rows side by side: the subgroup's lanes
layout(constant_id = 7) const uint LAST = 0;
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

// Columns whose products are left to the branch at the end of a chunk, 4 or none (CpuMatrixFamily.cs): enough of them that the compiler keeps it a branch.
const uint FIRST = 32 - LAST;

const uint SUBGROUPS = MATRICES * SLICES;
shared float sums[SUBGROUPS][COLUMNS][TILE];

Weights weightsAt(uint64_t address) {
    return Weights(address, address + uint64_t(a.planes[0]) * 256, address + uint64_t(a.planes[1]) * 256, address + uint64_t(a.planes[2]) * 256);
}

float sumOfSlices(uint matrix, uint column) {
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < SLICES; i++) {
        float slice = sums[matrix * SLICES + i][column][0];
        [[unroll]] for (uint lane = 1; lane < TILE; lane++) {
            float next = sums[matrix * SLICES + i][column][lane];
            slice = mix(slice, next, gl_SubgroupInvocationID == lane);
        }
        sum += slice;
    }
    return sum;
}

void main() {
    // All push constants are read before the first weight: each read is a branch for the driver, and work would be moved behind it, away from its operands.
    uint count = a.count;
    uint tile = uniformNumber(gl_WorkGroupID.y);
    uint firstColumn = COLUMNS < MOST_COLUMNS ? 0 : uniformByte(gl_WorkGroupID.x) * COLUMNS;
    uint subgroup = SUBGROUPS <= 16 ? uniformDigit(gl_SubgroupID) : uniformByte(gl_SubgroupID);
    uint slice = subgroup % SLICES;
    uint first = (tile * SLICES + slice) * SLICE;
    Weights w = fromChunk(weightsAt(a.w[subgroup / SLICES]), first);
    uint64_t x[COLUMNS];
    [[unroll]] for (uint m = 0; m < COLUMNS; m++)
        x[m] = a.x + (uint64_t(min(firstColumn + m, count - 1)) * a.xStride + slice * (SLICE * 32)) * 4;

    float total[COLUMNS];
    [[unroll]] for (uint m = 0; m < COLUMNS; m++) total[m] = 0.0;
    [[unroll]] for (uint c = 0; c < SLICE; c++) {
        Chunk chunk = loadChunk(w, c, SLICE % 8 == 0 ? c / 8 : (first + c) / 8 - first / 8);
        // Two sums for each scale, so that an addition need not wait for the one before it.
        float even[SUMS][COLUMNS], odd[SUMS][COLUMNS];
        [[unroll]] for (uint s = 0; s < SUMS; s++) {
            [[unroll]] for (uint m = 0; m < COLUMNS; m++) even[s][m] = odd[s][m] = 0.0;
            [[unroll]] for (uint i = 0; i < 16 / SUMS; i++) {
                uint k = s * (32 / SUMS) + i * 2;
                if (k >= FIRST) break;
                float low = numberOf(chunk, k), high = numberOf(chunk, k + 1);
                [[unroll]] for (uint m = 0; m < COLUMNS; m++) {
                    even[s][m] = fma(low, UniformFloats(x[m]).at[c * 32 + k], even[s][m]);
                    odd[s][m] = fma(high, UniformFloats(x[m]).at[c * 32 + k + 1], odd[s][m]);
                }
            }
        }
        // What the last products load does not wait for the branch: loads in a branch are gathers.
        float last[4], lastX[COLUMNS][4];
        [[unroll]] for (uint i = 0; i < LAST; i++) {
            last[i] = numberOf(chunk, FIRST + i);
            [[unroll]] for (uint m = 0; m < COLUMNS; m++) lastX[m][i] = UniformFloats(x[m]).at[c * 32 + FIRST + i];
        }
        // Always so. The driver's compiler keeps chunks apart across a branch around enough work; else it mixes them and runs out of registers.
        if (count != 0) {
            [[unroll]] for (uint m = 0; m < COLUMNS; m++) {
                [[unroll]] for (uint i = 0; i < LAST; i += 2) {
                    even[SUMS - 1][m] = fma(last[i], lastX[m][i], even[SUMS - 1][m]);
                    odd[SUMS - 1][m] = fma(last[i + 1], lastX[m][i + 1], odd[SUMS - 1][m]);
                }
                [[unroll]] for (uint s = 0; s < SUMS; s++) total[m] = fma(SCALED ? chunk.scale[s] : 1.0, even[s][m] + odd[s][m], total[m]);
            }
        }
    }

    // Stores, too, are cheap at uniform addresses: each lane's sum becomes uniform before it is stored.
    [[unroll]] for (uint m = 0; m < COLUMNS; m++) {
        [[unroll]] for (uint lane = 0; lane < TILE; lane++) sums[subgroup][m][lane] = subgroupBroadcast(total[m], lane);
    }
    // Subgroups of a workgroup run one after the other on one thread of the CPU: all there is to do is to let the others run. barrier() would drain the CPU's pipeline.
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeWorkgroup, 0, gl_SemanticsRelaxed);

    uint64_t y = a.y;
    uint yStride = a.yStride, rows = a.rows;
    [[unroll]] for (uint i = 0; i < COLUMNS; i += SUBGROUPS) {
        uint m = min(i + subgroup, COLUMNS - 1); // More subgroups than columns: some repeat the last one, which costs less than a branch.
        uint column = firstColumn + m, row = tile * TILE + gl_SubgroupInvocationID;
        float result = sumOfSlices(0, m), up = MATRICES == 2 ? sumOfSlices(1, m) : 0.0;
        if (i + subgroup < COLUMNS && column < count && row < rows)
            Floats(y).at[column * yStride + row] = MATRICES == 2 ? geluTanh(result) * up : result;
    }
}
