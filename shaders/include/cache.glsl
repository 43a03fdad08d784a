// Rows of the KV cache: one head's key or value at one position (CacheLayout.cs). Needs common.glsl and elements.glsl.
layout(constant_id = 1) const uint CACHE = F16; // F32, F16 or Q8_0
layout(constant_id = 2) const uint HEAD_DIM = 256;

const uint Q8_0 = 3;
const uint SCALE_BLOCK = 32; // elements that share a scale

const uint ROW_ELEMENTS = CACHE == Q8_0 ? (HEAD_DIM + 31) / 32 * 32 : (HEAD_DIM + 7) / 8 * 8; // those past HEAD_DIM are zero
const uint ROW_BYTES = CACHE == F32 ? ROW_ELEMENTS * 4 : CACHE == F16 ? ROW_ELEMENTS * 2 : (ROW_ELEMENTS + ROW_ELEMENTS / 16 + 15) / 16 * 16;

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses { uint64_t at[]; };

// Where a key/value head of a sequence begins: [slots] keys; its values lie kvHeads * slots rows further.
uint64_t headKeys(uint64_t table, uint tableStride, uint sequence, uint head, uint slots) {
    return Addresses(table).at[sequence * tableStride] + uint64_t(head * slots) * ROW_BYTES;
}
