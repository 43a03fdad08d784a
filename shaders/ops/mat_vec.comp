#version 460
// y = W x for one column. Each subgroup makes ROWS results; its threads share out the row's elements, so neighbours read
// neighbouring addresses, and every load of x serves ROWS rows.
#include "common.glsl"
#include "elements.glsl"

layout(constant_id = 1) const uint TYPE = F32;
const uint ROWS = 4;

layout(push_constant) uniform Arguments {
    uint64_t w; // [rows, stride] TYPE, zero past the row's width
    uint64_t x; // [stride] float32, zero past the row's width
    uint64_t y; // [rows] float32
    uint rows;
    uint stride; // a multiple of 8
} a;

void main() {
    uint first = (gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID) * ROWS;
    if (first >= a.rows) return;

    uint64_t rowBytes = uint64_t(a.stride) * elementBytes(TYPE);
    uint64_t row[ROWS];
    // The last subgroup may have rows to spare: they repeat the last row and are not stored.
    [[unroll]] for (uint r = 0; r < ROWS; r++) row[r] = a.w + min(first + r, a.rows - 1) * rowBytes;

    float sum[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) sum[r] = 0.0;
    for (uint k = gl_SubgroupInvocationID * 8; k < a.stride; k += gl_SubgroupSize * 8) {
        Eight x = loadEight(F32, a.x, k);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            Eight w = loadEight(TYPE, row[r], k);
            sum[r] += dot(w.low, x.low) + dot(w.high, x.high);
        }
    }

    Floats y = Floats(a.y);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        float total = subgroupAdd(sum[r]);
        if (subgroupElect() && first + r < a.rows) y.at[first + r] = total;
    }
}
