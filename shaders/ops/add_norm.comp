#version 460
// The seam between two blocks: x += norm(o, postWeight), then h = norm(x, preWeight). One workgroup a row.
#include "common.glsl"
#include "row_norm.glsl"

layout(push_constant) uniform Arguments {
    uint64_t o;          // [rows, stride] float32: a block's output
    uint64_t postWeight; // [width] float32: the factors, 1 + w
    uint64_t x;          // [rows, stride] float32: the residual stream, read and written
    uint64_t preWeight;  // [width] float32: the next block's norm
    uint64_t h;          // [rows, stride] float32: the next block's input
    uint width;
    uint stride;
    float epsilon;
} a;

void main() {
    uint64_t row = uint64_t(gl_WorkGroupID.x) * a.stride * 4;
    Floats o = Floats(a.o + row);
    Floats x = Floats(a.x + row);
    Floats h = Floats(a.h + row);
    Floats postWeight = Floats(a.postWeight);
    Floats preWeight = Floats(a.preWeight);

    float postScale = inverseRms(o, a.width, a.epsilon);
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < a.width; i += gl_WorkGroupSize.x) {
        float updated = x.at[i] + o.at[i] * postScale * postWeight.at[i];
        x.at[i] = updated;
        sum += updated * updated;
    }
    float preScale = inverseRms(sum, a.width, a.epsilon);
    // Each thread reads back only what it wrote itself.
    for (uint i = gl_LocalInvocationID.x; i < a.width; i += gl_WorkGroupSize.x) h.at[i] = x.at[i] * preScale * preWeight.at[i];
}
