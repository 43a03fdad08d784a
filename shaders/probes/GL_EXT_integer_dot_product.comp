#version 460
// Compiles where glslc knows the extension.
#extension GL_EXT_integer_dot_product : require

layout(local_size_x = 32) in;

void main() {
    int sum = dotPacked4x8EXT(int(gl_LocalInvocationID.x), 1);
}
