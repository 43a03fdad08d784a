// How decoding cuts the keys that a query sees into splits, and what is known of a split until all are combined. Needs cache.glsl.

// Splits are cut between blocks of the cache. It follows from the first and the last position that a query sees alone, so that a row's sums do not depend
// on other rows.
uint blocksSeen(uint first, uint last) {
    return last / BLOCK_POSITIONS - first / BLOCK_POSITIONS + 1;
}

// Blocks of a split, but the last one, which may have less.
uint splitBlocks(uint blocks, uint splits) {
    return (blocks + splits - 1) / splits;
}

// A split's result: [PARTIAL_ELEMENTS] unnormalized sums of values, the highest score, the sum of exp(score - highest).
const uint PARTIAL_ELEMENTS = (HEAD_DIM + 7) / 8 * 8;
const uint PARTIAL_BYTES = (PARTIAL_ELEMENTS + 8) * 4;

uint64_t partialOf(uint64_t scratch, uint row, uint heads, uint head, uint splits, uint split) {
    return scratch + uint64_t((row * heads + head) * splits + split) * PARTIAL_BYTES;
}
