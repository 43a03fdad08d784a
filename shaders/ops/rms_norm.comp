#version 460
// y = x * rsqrt(mean(x^2) + epsilon) * weight: one workgroup a row. https://arxiv.org/abs/1910.07467
#include "common.glsl"
#include "row_norm.glsl"

layout(push_constant) uniform Arguments {
    uint64_t x;      // [rows, stride] float32
    uint64_t weight; // [width] float32: the factors, 1 + w
    uint64_t y;      // [rows, stride] float32
    uint width;
    uint stride;
    float epsilon;
} a;

void main() {
    uint64_t row = uint64_t(gl_WorkGroupID.x) * a.stride * 4;
    Floats x = Floats(a.x + row);
    Floats y = Floats(a.y + row);
    Floats weight = Floats(a.weight);
    float scale = inverseRms(x, a.width, a.epsilon);
    for (uint i = gl_LocalInvocationID.x; i < a.width; i += gl_WorkGroupSize.x) y.at[i] = x.at[i] * scale * weight.at[i];
}
