#version 460
// Reads a buffer once from end to end and keeps a sum: how fast memory can be read. Each workgroup reads a part of its own, neighbours side by side.
#include "common.glsl"

layout(push_constant) uniform Arguments {
    uint64_t x; // [workgroups, steps, threads, 4] 128-bit words
    uint64_t y; // [workgroups, threads] sums of 64-bit words modulo 2^64
    uint steps;
} a;

layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Sums { uint64_t at[]; };

void main() {
    Words128 x = Words128(a.x);
    uint threads = gl_WorkGroupSize.x;
    uint word = gl_WorkGroupID.x * a.steps * threads * 4 + gl_LocalInvocationID.x;
    u64vec2 sum = u64vec2(0);
    for (uint step = 0; step < a.steps; step++) {
        // Loads first, so that all four are on their way at once.
        u64vec2 w0 = x.at[word];
        u64vec2 w1 = x.at[word + threads];
        u64vec2 w2 = x.at[word + 2 * threads];
        u64vec2 w3 = x.at[word + 3 * threads];
        sum += (w0 + w1) + (w2 + w3);
        word += 4 * threads;
    }
    Sums(a.y).at[gl_GlobalInvocationID.x] = sum.x + sum.y;
}
