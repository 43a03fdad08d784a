// Weights in device order as a CPU driver (Mesa's lavapipe) reads them best: the lanes of a subgroup are the 8 rows of a tile, and no load is a gather.
//
// What makes a load cheap there was read in the driver's machine code. It takes an address for uniform only when the address is made of constants and of push
// constants, and only outside of loops and branches that are left after unrolling; every other load becomes a gather of 8 addresses, many times as slow. So
//   - numbers of workgroups and subgroups are looked up in push constants, digit by digit (uniformNumber): what is looked up counts as uniform;
//   - a vector is put together from eight uniform loads of neighbours (lanes): the compiler makes one vector load of them;
//   - a number that all lanes share costs nothing: the load becomes the broadcast operand of the multiplication.
// Needs common.glsl and weights.glsl before it; the shader declares the push constants a.

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer UniformUints { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer UniformFloats { float at[]; };

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

// Eight neighbouring words, one a lane. Selected by mix: "?:" would put each load in a branch.
uint wordLanes(uint64_t address) {
    uint value = UniformUints(address).at[0];
    [[unroll]] for (uint i = 1; i < 8; i++) {
        uint next = UniformUints(address).at[i];
        value = mix(value, next, gl_SubgroupInvocationID == i);
    }
    return value;
}

// Eight neighbours of 16 bits.
uint shortLanes(uint64_t address) {
    uint pair = UniformUints(address).at[0];
    [[unroll]] for (uint i = 1; i < 4; i++) {
        uint next = UniformUints(address).at[i];
        pair = mix(pair, next, gl_SubgroupInvocationID / 2 == i);
    }
    return (pair >> (gl_SubgroupInvocationID % 2 * 16)) & 0xffffu;
}

// Eight neighbours of 8 bits.
uint byteLanes(uint64_t address) {
    uint first = UniformUints(address).at[0];
    uint second = UniformUints(address).at[1];
    return mix(first, second, gl_SubgroupInvocationID >= 4) >> (gl_SubgroupInvocationID % 4 * 8) & 0xffu;
}

float halfLanes(uint64_t address) {
    return unpackHalf2x16(shortLanes(address)).x;
}

vec2 halfPairLanes(uint64_t address) {
    return unpackHalf2x16(wordLanes(address));
}

// ---- A chunk of 32 columns of the tile's 8 rows, one row a lane. Words of a plane come before rows: 8 neighbouring words are the same one of 8 rows.

struct Chunk {
    uint quants[32];
    uint high[2];
    float scale[2];   // of each half; value = scale * quant - minimum
    float minimum[2];
};

// Words that a chunk has in the planes of quants and of their upper bits. (Constants, not functions: bounds of loops to unroll.)
const uint QUANT_WORDS = TYPE == F32 ? 32 : TYPE == F16 || TYPE == BF16 ? 16 : TYPE == Q8_0 ? 8 : TYPE == Q2_K || TYPE == Q3_K ? 2 : 4;
const uint HIGH_WORDS = TYPE == Q6_K ? 2 : TYPE == Q3_K || TYPE == Q5_0 || TYPE == Q5_1 || TYPE == Q5_K ? 1 : 0;

// Bytes that a tile's chunk has in the plane of scales, and a tile's 8 chunks in that of what 256 columns share.
const uint SCALE_BYTES = TYPE == Q4_1 || TYPE == Q5_1 ? 32 : TYPE == IQ4_XS ? 8 : 16;
const uint BLOCK_BYTES = TYPE == Q2_K || TYPE == Q4_K || TYPE == Q5_K ? 32 : 16;

// Parts of a chunk that have scales of their own.
const uint SCALES = TYPE == Q2_K || TYPE == Q3_K || TYPE == Q6_K ? 2 : 1;

// The planes from a tile's chunk on.
Weights fromChunk(Weights w, uint chunk) {
    return Weights(
        w.quants + uint64_t(chunk) * (QUANT_WORDS * 32), w.high + uint64_t(chunk) * (HIGH_WORDS * 32),
        w.scales + uint64_t(chunk) * SCALE_BYTES, w.blocks + uint64_t(chunk / 8) * BLOCK_BYTES);
}

// The chunk c chunks on, in the block b blocks on.
Chunk loadChunk(Weights w, uint c, uint b) {
    Chunk chunk;
    [[unroll]] for (uint i = 0; i < QUANT_WORDS; i++) chunk.quants[i] = wordLanes(w.quants + (c * QUANT_WORDS + i) * 32);
    [[unroll]] for (uint i = 0; i < HIGH_WORDS; i++) chunk.high[i] = wordLanes(w.high + (c * HIGH_WORDS + i) * 32);

    chunk.scale = float[2](1.0, 1.0);
    chunk.minimum = float[2](0.0, 0.0);
    if (!isQuantized()) return chunk;
    if (TYPE == Q8_0 || TYPE == Q4_0 || TYPE == Q5_0 || TYPE == IQ4_NL) {
        float scale = halfLanes(w.scales + c * SCALE_BYTES);
        chunk.scale = float[2](scale, scale);
    } else if (TYPE == Q4_1 || TYPE == Q5_1) {
        vec2 factors = halfPairLanes(w.scales + c * SCALE_BYTES);
        chunk.scale = float[2](factors.x, factors.x);
        chunk.minimum = float[2](-factors.y, -factors.y);
    } else if (TYPE == IQ4_XS) {
        float scale = halfLanes(w.blocks + b * BLOCK_BYTES) * float(bitfieldExtract(int(byteLanes(w.scales + c * SCALE_BYTES)), 0, 8));
        chunk.scale = float[2](scale, scale);
    } else {
        int bytes = int(shortLanes(w.scales + c * SCALE_BYTES));
        if (TYPE == Q3_K || TYPE == Q6_K) {
            float factor = halfLanes(w.blocks + b * BLOCK_BYTES);
            [[unroll]] for (int h = 0; h < 2; h++) chunk.scale[h] = factor * float(bitfieldExtract(bytes, 8 * h, 8));
        } else {
            vec2 factors = halfPairLanes(w.blocks + b * BLOCK_BYTES);
            [[unroll]] for (int h = 0; h < 2; h++) {
                chunk.scale[h] = factors.x * float(TYPE == Q2_K ? (bytes >> (8 * h)) & 15 : bytes & 255);
                chunk.minimum[h] = factors.y * float(TYPE == Q2_K ? (bytes >> (8 * h + 4)) & 15 : bytes >> 8);
            }
        }
    }
    return chunk;
}

// Four neighbouring quants as bytes.
uint quadOf(Chunk chunk, uint quad) {
    if (TYPE == Q2_K || TYPE == Q3_K) {
        uint bytes = (chunk.quants[quad / 4] >> (quad % 4 * 2)) & 0x03030303u;
        if (TYPE == Q3_K) bytes |= ((chunk.high[0] >> quad) & 0x01010101u) << 2;
        return signedQuants(bytes);
    }
    uint bytes = (chunk.quants[quad / 2] >> (quad % 2 * 4)) & 0x0f0f0f0fu;
    if (TYPE == Q6_K) bytes |= ((chunk.high[quad / 4] >> (quad % 4 * 2)) & 0x03030303u) << 4;
    if (TYPE == Q5_0 || TYPE == Q5_1 || TYPE == Q5_K) bytes |= ((chunk.high[0] >> quad) & 0x01010101u) << 4;
    return signedQuants(bytes);
}

// A column's number, or its quant before scale and minimum. Bytes and nibbles are taken out by shifts alone.
float numberOf(Chunk chunk, uint column) {
    if (TYPE == F32) return uintBitsToFloat(chunk.quants[column]);
    if (TYPE == F16) return unpackHalf2x16(chunk.quants[column / 2])[column % 2];
    if (TYPE == BF16) return uintBitsToFloat(column % 2 == 0 ? chunk.quants[column / 2] << 16 : chunk.quants[column / 2] & 0xffff0000u);
    uint byte_ = column % 4 * 8;
    if (TYPE == Q8_0) return float(int(chunk.quants[column / 4] << (24 - byte_)) >> 24);
    uint nibble = byte_ + column / 4 % 2 * 4;
    if (TYPE == Q4_0) return float(int((chunk.quants[column / 8] ^ 0x88888888u) << (28 - nibble)) >> 28); // as nibble - 8
    if (TYPE == Q4_1 || TYPE == Q4_K) return float(int((chunk.quants[column / 8] >> nibble) & 15u));
    return float(int(quadOf(chunk, column / 4) << (24 - byte_)) >> 24);
}

// Sum of the 32 or of 16 neighbouring activations.
float sumOf(uint64_t x, uint count) {
    float sum = uintBitsToFloat(wordLanes(x));
    [[unroll]] for (uint i = 8; i < count; i += 8) sum += uintBitsToFloat(wordLanes(x + i * 4));
    [[unroll]] for (uint distance = 4; distance > 0; distance /= 2) sum += subgroupShuffleXor(sum, distance);
    return sum;
}
