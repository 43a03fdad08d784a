// Weights in device order (WeightLayout.cs tells it in full): planes of quants, their upper bits, scales and what 256 columns share; 32 columns of a row (a
// chunk) are a unit of each plane. One pipeline reads one type: TYPE and TILE are specialization constants, all branches on them vanish.
// Needs common.glsl before it; the shader declares TYPE and TILE (rows that are interleaved).
#extension GL_EXT_shader_16bit_storage : require

// TensorType in the host's code.
const uint F32 = 0;
const uint F16 = 1;
const uint BF16 = 2;
const uint Q8_0 = 3;
const uint Q4_0 = 4;
const uint Q4_1 = 5;
const uint Q5_0 = 6;
const uint Q5_1 = 7;
const uint Q2_K = 8;
const uint Q3_K = 9;
const uint Q4_K = 10;
const uint Q5_K = 11;
const uint Q6_K = 12;
const uint IQ4_NL = 13;
const uint IQ4_XS = 14;

const uint CHUNK_COLUMNS = 32;

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Words64 { uint64_t at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) readonly buffer Words16 { uint16_t at[]; };

// Where the planes of a matrix (or of a part of one) begin.
struct Weights {
    uint64_t quants;
    uint64_t high;   // upper bits of quants
    uint64_t scales; // of each chunk
    uint64_t blocks; // scales of scales, of each 256 columns
};

// The number of a row's first chunk. The next ones come TILE units apart.
uint firstUnit(uint row, uint chunks) {
    return (row / TILE) * chunks * TILE + row % TILE;
}

bool isQuantized() {
    return TYPE >= Q8_0;
}

// Whether value = scale * quant - minimum, not scale * quant.
bool hasMinimum() {
    return TYPE == Q4_1 || TYPE == Q5_1 || TYPE == Q2_K || TYPE == Q4_K || TYPE == Q5_K;
}

// ---- Quants: words of four neighbouring columns as signed bytes.

// Subtracts a number from 0 to 127 from each of four bytes that are less than 128.
uint subtractFromBytes(uint bytes, uint number) {
    return (bytes + (0x80 - number) * 0x01010101u) ^ 0x80808080u;
}

uint selectBytes(uint mask, uint a, uint b) {
    return (a & ~mask) | (b & mask);
}

// IQ4's table, four indices from 0 to 15 at once: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113.
uint lookUpBytes(uint indices) {
    uint bit0 = (indices & 0x01010101u) * 255u;
    uint bit1 = ((indices >> 1) & 0x01010101u) * 255u;
    uint bit2 = ((indices >> 2) & 0x01010101u) * 255u;
    uint bit3 = ((indices >> 3) & 0x01010101u) * 255u;
    uint a = selectBytes(bit1, selectBytes(bit0, 0x81818181u, 0x98989898u), selectBytes(bit0, 0xadadadadu, 0xbfbfbfbfu));
    uint b = selectBytes(bit1, selectBytes(bit0, 0xcfcfcfcfu, 0xddddddddu), selectBytes(bit0, 0xeaeaeaeau, 0xf6f6f6f6u));
    uint c = selectBytes(bit1, selectBytes(bit0, 0x01010101u, 0x0d0d0d0du), selectBytes(bit0, 0x19191919u, 0x26262626u));
    uint d = selectBytes(bit1, selectBytes(bit0, 0x35353535u, 0x45454545u), selectBytes(bit0, 0x59595959u, 0x71717171u));
    return selectBytes(bit3, selectBytes(bit2, a, b), selectBytes(bit2, c, d));
}

// What the numbers of the planes stand for.
uint signedQuants(uint bytes) {
    if (TYPE == Q4_0) return subtractFromBytes(bytes, 8);
    if (TYPE == Q5_0) return subtractFromBytes(bytes, 16);
    if (TYPE == Q3_K) return subtractFromBytes(bytes, 4);
    if (TYPE == Q6_K) return subtractFromBytes(bytes, 32);
    if (TYPE == IQ4_NL || TYPE == IQ4_XS) return lookUpBytes(bytes);
    return bytes;
}

// Words of what a chunk has in a plane of quants: words of them in all. In tiles, words come before rows.
uint loadWord(uint64_t plane, uint words, uint unit, uint word) {
    if (TILE == 1) return Uints(plane).at[unit * words + word];
    return Uints(plane).at[((unit - unit % TILE) * words) + word * TILE + unit % TILE];
}

uvec2 loadWords2(uint64_t plane, uint words, uint unit, uint word) {
    if (TILE == 1) return unpack32(Words64(plane).at[(unit * words + word) / 2]);
    return uvec2(loadWord(plane, words, unit, word), loadWord(plane, words, unit, word + 1));
}

uvec4 loadWords4(uint64_t plane, uint words, uint unit, uint word) {
    if (TILE == 1) {
        u64vec2 pairs = Words128(plane).at[(unit * words + word) / 4];
        return uvec4(unpack32(pairs.x), unpack32(pairs.y));
    }
    return uvec4(loadWords2(plane, words, unit, word), loadWords2(plane, words, unit, word + 2));
}

// Eight columns from 8 * eighth on, a column a byte.
uvec2 loadQuants8(Weights w, uint unit, uint eighth) {
    if (TYPE == Q8_0) return loadWords2(w.quants, 8, unit, eighth * 2);
    uvec2 quads;
    if (TYPE == Q2_K || TYPE == Q3_K) {
        uint word = loadWord(w.quants, 2, unit, eighth / 2) >> (eighth % 2 * 4);
        quads = uvec2(word, word >> 2) & 0x03030303u;
    } else {
        uint word = loadWord(w.quants, 4, unit, eighth);
        quads = uvec2(word, word >> 4) & 0x0f0f0f0fu;
    }
    if (TYPE == Q6_K) {
        uint word = loadWord(w.high, 2, unit, eighth / 2) >> (eighth % 2 * 4);
        quads |= (uvec2(word, word >> 2) & 0x03030303u) << 4;
    }
    if (TYPE == Q3_K || TYPE == Q5_0 || TYPE == Q5_1 || TYPE == Q5_K) {
        uint word = Uints(w.high).at[unit] >> (2 * eighth);
        quads |= (uvec2(word, word >> 1) & 0x01010101u) << (TYPE == Q3_K ? 2 : 4);
    }
    return uvec2(signedQuants(quads.x), signedQuants(quads.y));
}

// Sixteen columns from 16 * half_ on: wider loads.
uvec4 loadQuants16(Weights w, uint unit, uint half_) {
    if (TYPE == Q8_0) return loadWords4(w.quants, 8, unit, half_ * 4);
    uvec4 quads;
    if (TYPE == Q2_K || TYPE == Q3_K) {
        uint word = loadWord(w.quants, 2, unit, half_);
        quads = uvec4(word, word >> 2, word >> 4, word >> 6) & 0x03030303u;
    } else {
        uvec2 words = loadWords2(w.quants, 4, unit, half_ * 2);
        quads = uvec4(words.x, words.x >> 4, words.y, words.y >> 4) & 0x0f0f0f0fu;
    }
    if (TYPE == Q6_K) {
        uint word = loadWord(w.high, 2, unit, half_);
        quads |= (uvec4(word, word >> 2, word >> 4, word >> 6) & 0x03030303u) << 4;
    }
    if (TYPE == Q3_K || TYPE == Q5_0 || TYPE == Q5_1 || TYPE == Q5_K) {
        uint word = Uints(w.high).at[unit] >> (4 * half_);
        quads |= (uvec4(word, word >> 1, word >> 2, word >> 3) & 0x01010101u) << (TYPE == Q3_K ? 2 : 4);
    }
    return uvec4(signedQuants(quads.x), signedQuants(quads.y), signedQuants(quads.z), signedQuants(quads.w));
}

vec4 bytesToFloats(uint bytes) {
    int b = int(bytes);
    return vec4(bitfieldExtract(b, 0, 8), bitfieldExtract(b, 8, 8), bitfieldExtract(b, 16, 8), bitfieldExtract(b, 24, 8));
}

// ---- Scales.

float halfAt(uint64_t plane, uint index) {
    return unpackHalf2x16(uint(Words16(plane).at[index])).x;
}

// Scale and minimum of a chunk's half (16 columns): value = scale * quant - minimum. Of the types without minimum it is 0.
vec2 loadScale(Weights w, uint unit, uint half_) {
    if (TYPE == Q8_0 || TYPE == Q4_0 || TYPE == Q5_0 || TYPE == IQ4_NL) return vec2(halfAt(w.scales, unit), 0.0);
    if (TYPE == Q4_1 || TYPE == Q5_1) return unpackHalf2x16(Uints(w.scales).at[unit]) * vec2(1.0, -1.0);

    uint block = unit / TILE / 8 * TILE + unit % TILE; // A row's blocks are interleaved as its chunks are.
    if (TYPE == IQ4_XS) {
        int scale = bitfieldExtract(int(Words16(w.scales).at[unit / 2]), int(unit % 2 * 8), 8);
        return vec2(halfAt(w.blocks, block) * float(scale), 0.0);
    }
    uint bytes = uint(Words16(w.scales).at[unit]);
    if (TYPE == Q3_K || TYPE == Q6_K) return vec2(halfAt(w.blocks, block) * float(bitfieldExtract(int(bytes), int(half_ * 8), 8)), 0.0);
    vec2 factors = unpackHalf2x16(Uints(w.blocks).at[block]);
    if (TYPE == Q2_K) return factors * vec2((bytes >> (half_ * 8)) & 15u, (bytes >> (half_ * 8 + 4)) & 15u);
    return factors * vec2(bytes & 255u, bytes >> 8);
}

// ---- Values.

struct Eight {
    vec4 low;
    vec4 high;
};

vec2 floatPair(uint64_t bits) {
    return uintBitsToFloat(unpack32(bits));
}

vec4 halfQuad(uvec2 pairs) {
    return vec4(unpackHalf2x16(pairs.x), unpackHalf2x16(pairs.y));
}

// bfloat16 is the upper half of a float32.
vec4 brainQuad(uvec2 pairs) {
    return uintBitsToFloat(uvec4(pairs.x << 16, pairs.x & 0xffff0000u, pairs.y << 16, pairs.y & 0xffff0000u));
}

// Eight columns from 8 * eighth on, without their scale: numbers as they are, or quants as float32.
Eight loadUnscaled8(Weights w, uint unit, uint eighth) {
    if (TYPE == F32) {
        uvec4 low = loadWords4(w.quants, 32, unit, eighth * 8), high = loadWords4(w.quants, 32, unit, eighth * 8 + 4);
        return Eight(uintBitsToFloat(low), uintBitsToFloat(high));
    }
    if (TYPE == F16 || TYPE == BF16) {
        uvec4 words = loadWords4(w.quants, 16, unit, eighth * 4);
        if (TYPE == F16) return Eight(halfQuad(words.xy), halfQuad(words.zw));
        return Eight(brainQuad(words.xy), brainQuad(words.zw));
    }
    uvec2 quads = loadQuants8(w, unit, eighth);
    return Eight(bytesToFloats(quads.x), bytesToFloats(quads.y));
}

// Eight neighbouring columns of a row: those from 8 * eighth on of a chunk.
Eight loadWeights(Weights w, uint unit, uint eighth) {
    Eight values = loadUnscaled8(w, unit, eighth);
    if (!isQuantized()) return values;
    vec2 scale = loadScale(w, unit, eighth / 2);
    return Eight(fma(values.low, vec4(scale.x), vec4(-scale.y)), fma(values.high, vec4(scale.x), vec4(-scale.y)));
}
