#version 460
// x[t] = embedding[tokens[t]] * sqrt(hidden): one workgroup a token.
#include "common.glsl"
#include "elements.glsl"
#include "pass_rows.glsl"

layout(constant_id = 1) const uint TYPE = F32;

layout(push_constant) uniform Arguments {
    uint64_t passRows;  // [rows] PassRow
    uint64_t embedding; // [vocabulary, stride] TYPE
    uint64_t x;         // [tokens, stride] float32
    uint stride;        // elements from row to row, a multiple of 8; the elements past the hidden size are zero
    float scale;
} a;

void main() {
    uint token = PassRows(a.passRows).at[gl_WorkGroupID.x].token;
    uint64_t row = a.embedding + uint64_t(token) * a.stride * elementBytes(TYPE);
    Floats x = Floats(a.x + uint64_t(gl_WorkGroupID.x) * a.stride * 4);
    for (uint i = gl_LocalInvocationID.x * 8; i < a.stride; i += gl_WorkGroupSize.x * 8) {
        Eight e = loadEight(TYPE, row, i);
        [[unroll]] for (uint j = 0; j < 4; j++) {
            x.at[i + j] = e.low[j] * a.scale;
            x.at[i + 4 + j] = e.high[j] * a.scale;
        }
    }
}
