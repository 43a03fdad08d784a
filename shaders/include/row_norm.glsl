// Sums over one row by one workgroup that is one subgroup. The order depends on the row's width alone.

// 1 / sqrt(mean(x^2) + epsilon) over x[0 .. width).
float inverseRms(Floats x, uint width, float epsilon) {
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < width; i += gl_WorkGroupSize.x) sum += x.at[i] * x.at[i];
    return 1.0 / sqrt(subgroupAdd(sum) / float(width) + epsilon);
}
