// Weights in device order as a CPU driver (Mesa's lavapipe) reads them best: the lanes of a subgroup are the TILE rows of a tile, and no load is a gather.
//
// What makes a load cheap there was read in the driver's machine code. It takes an address for uniform only when the address is made of constants and of push
// constants, and only outside of loops and branches that are left after unrolling; every other load becomes a gather of addresses, many times as slow. So
//   - numbers of workgroups and subgroups are looked up in push constants, digit by digit (uniformNumber): what is looked up counts as uniform;
//   - a vector is put together from uniform loads of neighbours (lanes): the compiler makes one vector load of them;
//   - a number that all lanes share costs nothing: the load becomes the broadcast operand of the multiplication.
// Needs common.glsl and weights.glsl before it; the shader declares the push constants a.
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer UniformUints { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer UniformFloats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) readonly buffer UniformShorts { uint16_t at[]; };

// A number below 16, 256 or 65536, the same in all lanes: the driver takes what comes back for uniform.
uint uniformDigit(uint number) {
    return a.digits[number];
}

uint uniformByte(uint number) {
    return uniformDigit(number & 15u) | uniformDigit(number >> 4) << 4;
}

uint uniformNumber(uint number) {
    return uniformByte(number & 255u) | uniformByte(number >> 8) << 8;
}

// Neighbouring words, one a lane. Each is loaded before it is chosen: "?:" around the load would put it in a branch.
uint wordLanes(uint64_t address) {
    uint value = UniformUints(address).at[0];
    [[unroll]] for (uint i = 1; i < TILE; i++) {
        uint next = UniformUints(address).at[i];
        value = mix(value, next, gl_SubgroupInvocationID == i);
    }
    return value;
}

// Neighbours of 16 bits.
uint shortLanes(uint64_t address) {
    uint16_t value = UniformShorts(address).at[0];
    [[unroll]] for (uint i = 1; i < TILE; i++) {
        uint16_t next = UniformShorts(address).at[i];
        value = gl_SubgroupInvocationID == i ? next : value;
    }
    return uint(value);
}

// Neighbours of 8 bits.
uint byteLanes(uint64_t address) {
    uint four = UniformUints(address).at[0];
    [[unroll]] for (uint i = 1; i < TILE / 4; i++) {
        uint next = UniformUints(address).at[i];
        four = mix(four, next, gl_SubgroupInvocationID / 4 == i);
    }
    return four >> (gl_SubgroupInvocationID % 4 * 8) & 0xffu;
}

float halfLanes(uint64_t address) {
    return unpackHalf2x16(shortLanes(address)).x;
}

vec2 halfPairLanes(uint64_t address) {
    return unpackHalf2x16(wordLanes(address));
}

// ---- A chunk of 32 columns of the tile's rows, one row a lane. Words of a plane come before rows: TILE neighbouring words are the same one of TILE rows.

struct Chunk {
    uint quants[32];
    uint high[2];
    float scale[2];   // of each half; value = scale * quant - minimum
    float minimum[2];
};

// Words that a chunk has in the planes of quants and of their upper bits. (Constants, not functions: bounds of loops to unroll.)
const uint QUANT_WORDS = TYPE == F32 ? 32 : TYPE == F16 || TYPE == BF16 ? 16 : TYPE == Q8_0 ? 8 : TYPE == Q2_K || TYPE == Q3_K ? 2 : 4;
const uint HIGH_WORDS = TYPE == Q6_K ? 2 : TYPE == Q3_K || TYPE == Q5_0 || TYPE == Q5_1 || TYPE == Q5_K ? 1 : 0;

// Bytes that a row's chunk has in the plane of scales, and a row's 8 chunks in that of what 256 columns share.
const uint SCALE_BYTES = TYPE == Q4_1 || TYPE == Q5_1 ? 4 : TYPE == IQ4_XS ? 1 : 2;
const uint BLOCK_BYTES = TYPE == Q2_K || TYPE == Q4_K || TYPE == Q5_K ? 4 : 2;

// Parts of a chunk that have scales of their own.
const uint SCALES = TYPE == Q2_K || TYPE == Q3_K || TYPE == Q6_K ? 2 : 1;

// Types without minimum: sums of quants are scaled, one for each scale. Numbers of the others are scaled by themselves.
const bool SCALED = TYPE == Q8_0 || TYPE == Q4_0 || TYPE == Q5_0 || TYPE == Q3_K || TYPE == Q6_K || TYPE == IQ4_NL || TYPE == IQ4_XS;
const uint SUMS = SCALED ? SCALES : 1;

// A quant's bits in the planes, as they are once the chunk is loaded; what is added to them as bits, and which number then stands for 0.
const bool IS_TABLE = TYPE == IQ4_NL || TYPE == IQ4_XS;
const uint LOW_BITS = TYPE == Q8_0 || IS_TABLE ? 8 : TYPE == Q2_K || TYPE == Q3_K ? 2 : 4;
const uint HIGH_BITS = HIGH_WORDS;
const uint FLIPPED = LOW_BITS == 8 ? 128 : 0; // signed bytes
const uint ZERO = LOW_BITS == 8 ? 128 : TYPE == Q6_K ? 32 : TYPE == Q5_0 ? 16 : TYPE == Q4_0 ? 8 : TYPE == Q3_K ? 4 : 0;

// The planes from a tile's chunk on.
Weights fromChunk(Weights w, uint chunk) {
    return Weights(
        w.quants + uint64_t(chunk) * (QUANT_WORDS * 4 * TILE), w.high + uint64_t(chunk) * (HIGH_WORDS * 4 * TILE),
        w.scales + uint64_t(chunk) * (SCALE_BYTES * TILE), w.blocks + uint64_t(chunk / 8) * (BLOCK_BYTES * TILE));
}

// The chunk c chunks on, in the block b blocks on.
Chunk loadChunk(Weights w, uint c, uint b) {
    Chunk chunk;
    [[unroll]] for (uint i = 0; i < QUANT_WORDS; i++) {
        uint word = wordLanes(w.quants + (c * QUANT_WORDS + i) * 4 * TILE);
        if (IS_TABLE) {
            chunk.quants[i * 2] = lookUpBytes(word & 0x0f0f0f0fu);
            chunk.quants[i * 2 + 1] = lookUpBytes((word >> 4) & 0x0f0f0f0fu);
        } else {
            chunk.quants[i] = word;
        }
    }
    [[unroll]] for (uint i = 0; i < HIGH_WORDS; i++) chunk.high[i] = wordLanes(w.high + (c * HIGH_WORDS + i) * 4 * TILE);

    chunk.scale = float[2](1.0, 1.0);
    chunk.minimum = float[2](0.0, 0.0);
    if (!isQuantized()) return chunk;
    if (TYPE == Q8_0 || TYPE == Q4_0 || TYPE == Q5_0 || TYPE == IQ4_NL) {
        float scale = halfLanes(w.scales + c * SCALE_BYTES * TILE);
        chunk.scale = float[2](scale, scale);
    } else if (TYPE == Q4_1 || TYPE == Q5_1) {
        vec2 factors = halfPairLanes(w.scales + c * SCALE_BYTES * TILE);
        chunk.scale = float[2](factors.x, factors.x);
        chunk.minimum = float[2](-factors.y, -factors.y);
    } else if (TYPE == IQ4_XS) {
        float scale = halfLanes(w.blocks + b * BLOCK_BYTES * TILE) * float(bitfieldExtract(int(byteLanes(w.scales + c * SCALE_BYTES * TILE)), 0, 8));
        chunk.scale = float[2](scale, scale);
    } else {
        int bytes = int(shortLanes(w.scales + c * SCALE_BYTES * TILE));
        if (TYPE == Q3_K || TYPE == Q6_K) {
            float factor = halfLanes(w.blocks + b * BLOCK_BYTES * TILE);
            [[unroll]] for (int h = 0; h < 2; h++) chunk.scale[h] = factor * float(bitfieldExtract(bytes, 8 * h, 8));
        } else {
            vec2 factors = halfPairLanes(w.blocks + b * BLOCK_BYTES * TILE);
            [[unroll]] for (int h = 0; h < 2; h++) {
                chunk.scale[h] = factors.x * float(TYPE == Q2_K ? (bytes >> (8 * h)) & 15 : bytes & 255);
                chunk.minimum[h] = factors.y * float(TYPE == Q2_K ? (bytes >> (8 * h + 4)) & 15 : bytes >> 8);
            }
        }
    }
    return chunk;
}

// Quants are not converted to float32, which takes turns with shifts in a CPU: their bits become those of the mantissa of a number whose units they are, which is
// then subtracted. That is exact, and few quants need a shift.
float quantAt(uint word, uint bit, uint bits) {
    uint to = bit + bits <= 23 ? bit : bits > 4 ? bit - 16 : bit - 12;
    uint mantissa = word >> (bit - to) & ((1u << bits) - 1) << to;
    float unit = float(1u << (23 - to));
    return uintBitsToFloat(mantissa ^ (floatBitsToUint(unit) | FLIPPED << to)) - (unit + ZERO);
}

uint moved(uint word, uint from, uint to) {
    return from > to ? word >> (from - to) : word << (to - from);
}

// Four neighbouring quants as bytes, their upper bits in place.
uint quadOf(Chunk chunk, uint quad) {
    uint low = moved(chunk.quants[quad * LOW_BITS / 8], quad * LOW_BITS % 8, 0) & ((1u << LOW_BITS) - 1) * 0x01010101u;
    uint high = moved(chunk.high[quad * HIGH_BITS / 8], quad * HIGH_BITS % 8, LOW_BITS) & (((1u << HIGH_BITS) - 1) << LOW_BITS) * 0x01010101u;
    return low | high;
}

// A column's number; or, of a type without minimum, its quant, to be scaled.
float numberOf(Chunk chunk, uint column) {
    if (TYPE == F32) return uintBitsToFloat(chunk.quants[column]);
    if (TYPE == F16) return unpackHalf2x16(chunk.quants[column / 2])[column % 2];
    if (TYPE == BF16) return uintBitsToFloat(column % 2 == 0 ? chunk.quants[column / 2] << 16 : chunk.quants[column / 2] & 0xffff0000u);
    uint quad = column / 4, byte_ = column % 4 * 8;
    float quant = HIGH_BITS > 0
        ? quantAt(quadOf(chunk, quad), byte_, LOW_BITS + HIGH_BITS)
        : quantAt(chunk.quants[quad * LOW_BITS / 8], byte_ + quad * LOW_BITS % 8, LOW_BITS);
    uint part = SCALES == 2 ? column / 16 : 0;
    return hasMinimum() ? fma(chunk.scale[part], quant, -chunk.minimum[part]) : quant;
}
