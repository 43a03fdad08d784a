// Sums over one row by one workgroup. The order depends on the widths of both alone.
layout(constant_id = 1) const uint SUBGROUPS = 1; // in a workgroup
#include "workgroup.glsl"

// 1 / sqrt(mean(x^2) + epsilon), from this thread's share of the sum of squares.
float inverseRms(float share, uint width, float epsilon) {
    return 1.0 / sqrt(addAll(share) / float(width) + epsilon);
}

// The same over x[0 .. width).
float inverseRms(Floats x, uint width, float epsilon) {
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) sum += x.at[i] * x.at[i];
    return inverseRms(sum, width, epsilon);
}
