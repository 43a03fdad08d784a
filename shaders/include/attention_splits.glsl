// How decoding cuts the keys that a query sees into splits, and what is known of a split until all are combined. Needs cache.glsl.

const uint SHORTEST_SPLIT = 32;

// Keys of a split, but the last one, which may have less. It follows from the number of keys alone, so that a row's sums do not depend on other rows.
uint splitLength(uint keys, uint splits) {
    return max((keys + splits - 1) / splits, SHORTEST_SPLIT);
}

// A split's result: [PARTIAL_ELEMENTS] unnormalized sums of values, the highest score, the sum of exp(score - highest).
const uint PARTIAL_ELEMENTS = (HEAD_DIM + 7) / 8 * 8;
const uint PARTIAL_BYTES = (PARTIAL_ELEMENTS + 8) * 4;

uint64_t partialOf(uint64_t scratch, uint row, uint heads, uint head, uint splits, uint split) {
    return scratch + uint64_t((row * heads + head) * splits + split) * PARTIAL_BYTES;
}
