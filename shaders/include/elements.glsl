// Eight consecutive matrix elements, widened to float32, from the types that weights and caches are stored in.
const uint F32 = 0;
const uint F16 = 1;
const uint BF16 = 2;

struct Eight {
    vec4 low;
    vec4 high;
};

vec2 floatPair(uint64_t bits) {
    return uintBitsToFloat(unpack32(bits));
}

vec4 halfQuad(uint64_t bits) {
    uvec2 pairs = unpack32(bits);
    return vec4(unpackHalf2x16(pairs.x), unpackHalf2x16(pairs.y));
}

// bfloat16 is the upper half of a float32.
vec4 brainQuad(uint64_t bits) {
    uvec2 pairs = unpack32(bits);
    return uintBitsToFloat(uvec4(pairs.x << 16, pairs.x & 0xffff0000u, pairs.y << 16, pairs.y & 0xffff0000u));
}

uint elementBytes(uint type) {
    return type == F32 ? 4 : 2;
}

// Elements index .. index + 7 of a row; index is a multiple of 8 and the row starts at a multiple of 16 bytes.
Eight loadEight(uint type, uint64_t row, uint index) {
    if (type == F32) {
        Words128 words = Words128(row + uint64_t(index) * 4);
        u64vec2 a = words.at[0];
        u64vec2 b = words.at[1];
        return Eight(vec4(floatPair(a.x), floatPair(a.y)), vec4(floatPair(b.x), floatPair(b.y)));
    }
    u64vec2 bits = Words128(row + uint64_t(index) * 2).at[0];
    if (type == F16) return Eight(halfQuad(bits.x), halfQuad(bits.y));
    return Eight(brainQuad(bits.x), brainQuad(bits.y));
}
