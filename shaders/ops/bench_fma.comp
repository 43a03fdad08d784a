#version 460
// Multiply-adds on registers alone: how fast the device computes in float32. Sums that do not wait for each other hide the latency of each.
#include "common.glsl"

const uint SUMS = 16;
const uint ROUNDS = 4;

layout(push_constant) uniform Arguments {
    uint64_t y; // [threads] float32
    uint steps; // SUMS * ROUNDS multiply-adds a thread each
    float factor;
    float addend;
} a;

void main() {
    float sum[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++) sum[i] = float(gl_LocalInvocationID.x + i);
    for (uint step = 0; step < a.steps; step++) {
        [[unroll]] for (uint round = 0; round < ROUNDS; round++) {
            [[unroll]] for (uint i = 0; i < SUMS; i++) sum[i] = fma(sum[i], a.factor, a.addend);
        }
    }
    float total = 0.0;
    [[unroll]] for (uint i = 0; i < SUMS; i++) total += sum[i];
    Floats(a.y).at[gl_GlobalInvocationID.x] = total;
}
