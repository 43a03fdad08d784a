#version 460
// y = cap * tanh(x / cap) over a vector.
#include "common.glsl"
#include "activations.glsl"

layout(push_constant) uniform Arguments {
    uint64_t x; // [count] float32
    uint64_t y; // [count] float32
    uint count;
    float cap; // 0 means none: a copy
} a;

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < a.count) Floats(a.y).at[i] = softcap(Floats(a.x).at[i], a.cap);
}
