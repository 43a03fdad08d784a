// What the kernels of attention share. Needs common.glsl, elements.glsl, cache.glsl and activations.glsl.

// Stands for "no score": below every score, and finite, so that differences of two are no NaN.
const float NO_SCORE = -3.402823466e38;

// Eight elements of a row of the cache: scale * values.
struct Piece {
    Eight values;
    float scale;
};

vec4 signedBytes(uint bits) {
    return vec4(ivec4(uvec4(bits << 24, bits << 16, bits << 8, bits)) >> 24);
}

// Elements element .. element + 7 of a row of the cache; element is a multiple of 8.
Piece loadPiece(uint64_t row, uint element) {
    if (CACHE != Q8_0) return Piece(loadEight(CACHE, row, element), 1.0);
    uvec2 quants = unpack32(Addresses(row + element).at[0]);
    uint scales = Uints(row + ROW_ELEMENTS + element / (2 * SCALE_BLOCK) * 4).at[0];
    uint scale = (element / SCALE_BLOCK) % 2 == 0 ? scales : scales >> 16;
    return Piece(Eight(signedBytes(quants.x), signedBytes(quants.y)), unpackHalf2x16(scale).x);
}

// The first position that a query sees.
uint firstVisible(uint position, uint window) {
    return position + 1 > window ? position + 1 - window : 0;
}
