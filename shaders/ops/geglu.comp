#version 460
// u = gelu(gate) * up, where gate and up are the two halves of a row. https://arxiv.org/abs/2002.05202
#include "common.glsl"
#include "activations.glsl"

layout(push_constant) uniform Arguments {
    uint64_t gateUp; // [tokens, gateUpStride] float32: gate, then up
    uint64_t u;      // [tokens, stride] float32
    uint width;
    uint gateUpStride;
    uint stride;
} a;

void main() {
    uint i = gl_GlobalInvocationID.x;
    uint token = gl_WorkGroupID.y;
    if (i >= a.width) return;
    Floats gateUp = Floats(a.gateUp + uint64_t(token) * a.gateUpStride * 4);
    Floats(a.u + uint64_t(token) * a.stride * 4).at[i] = geluTanh(gateUp.at[i]) * gateUp.at[a.width + i];
}
