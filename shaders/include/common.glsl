// What every shader starts with: extensions, the workgroup's width and access to memory by address.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout(local_size_x_id = 0) in;

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints { uint at[]; };

// Rows are read 128 bits at a time: few wide loads are what both a GPU and a CPU driver do best.
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Words128 { u64vec2 at[]; };
