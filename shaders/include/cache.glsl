// The paged KV cache (CacheLayout.cs): positions lie in blocks, which a table finds for each sequence. A block holds for every layer [kvHeads, BLOCK_POSITIONS]
// rows of keys, then as many of values; a row is one head's key or value at one position. Needs common.glsl and elements.glsl.
layout(constant_id = 1) const uint CACHE = F16; // F32, F16 or Q8_0
layout(constant_id = 2) const uint HEAD_DIM = 256;

const uint BLOCK_POSITIONS = 32;

const uint Q8_0 = 3;
const uint SCALE_BLOCK = 32; // elements that share a scale

const uint ROW_ELEMENTS = CACHE == Q8_0 ? (HEAD_DIM + 31) / 32 * 32 : (HEAD_DIM + 7) / 8 * 8; // those past HEAD_DIM are zero
const uint ROW_BYTES = CACHE == F32 ? ROW_ELEMENTS * 4 : CACHE == F16 ? ROW_ELEMENTS * 2 : (ROW_ELEMENTS + ROW_ELEMENTS / 16 + 15) / 16 * 16;

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses { uint64_t at[]; };

// Where a sequence's row of a table begins.
uint64_t tableRow(uint64_t table, uint tableStride, uint slot) {
    return table + uint64_t(slot * tableStride) * 8;
}

// Where the block of a position begins.
uint64_t blockOf(uint64_t tableRow, uint position) {
    return Addresses(tableRow).at[position / BLOCK_POSITIONS];
}

// Where a head's rows begin in every block, from the block's own beginning; heads of values follow those of keys.
uint64_t headOffset(uint layerOffset, uint head) {
    return layerOffset + uint64_t(head) * (BLOCK_POSITIONS * ROW_BYTES);
}

// Where the row of a position lies, from where a head's rows begin.
uint rowOffset(uint position) {
    return position % BLOCK_POSITIONS * ROW_BYTES;
}
