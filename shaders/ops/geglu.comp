#version 460
// u = gelu(g) * u, in place: one workgroup a row. For gate and up matrices of two types; those of one type are multiplied by one kernel, which ends so too.
#include "common.glsl"
#include "activations.glsl"

layout(push_constant) uniform Arguments {
    uint64_t g; // [rows, stride] float32: x Wg^T
    uint64_t u; // [rows, stride] float32: x Wu^T
    uint width;
    uint stride;
} a;

void main() {
    uint64_t row = uint64_t(gl_WorkGroupID.x) * a.stride * 4;
    Floats g = Floats(a.g + row);
    Floats u = Floats(a.u + row);
    for (uint i = gl_LocalInvocationID.x; i < a.width; i += gl_WorkGroupSize.x) u.at[i] = geluTanh(g.at[i]) * u.at[i];
}
