#version 460
// Attention of a prompt's chunk, shaped for drivers that compute on the CPU. A workgroup is one subgroup and takes ROWS pairs of a query and a query head
// of one group, and goes over tiles of KEYS keys with a running softmax (https://arxiv.org/abs/2205.14135). Both products are made as mat_mul.comp makes
// them: the factor that belongs to a row is loaded once a thread and handed round by broadcast. For the scores threads lie along keys, for the sums along
// elements of values. A tile's scores go through memory, where each thread reads but what it wrote itself; sums of earlier tiles wait in y.
// Tiles and strips begin at multiples of their length, so that a query's result does not depend on the chunk that it came in.
#include "common.glsl"
#include "elements.glsl"
#include "cache.glsl"
#include "activations.glsl"
#include "attention.glsl"
#include "step_rows.glsl"

layout(constant_id = 3) const uint HEADS = 2; // query heads of a group that share the reads of keys and values

const uint ROWS = 16;
const uint QUERIES = ROWS / HEADS;
const uint KEYS = 256;
const uint COLUMNS = 2; // keys that a thread has scores of at a time
const uint STRIPS = KEYS / (COLUMNS * gl_WorkGroupSize.x);

layout(push_constant) uniform Arguments {
    uint64_t stepRows; // [queries] StepRow: consecutive positions of one sequence
    uint64_t qkv;      // [queries, qkvStride] float32: rotated queries first
    uint64_t table;    // [slots, tableStride] addresses of blocks
    uint64_t scratch;  // [workgroups, KEYS, ROWS] float32
    uint64_t y;        // [queries, yStride] float32
    uint tableStride;
    uint layerOffset;
    uint qkvStride;
    uint yStride;
    uint queries;
    uint kvHeads;
    uint group;  // query heads that share a key/value head
    uint window; // a query sees this many positions, itself included
    float scale;
    float cap;
} a;

layout(buffer_reference, std430, buffer_reference_align = 8) buffer Words64 { uint64_t at[]; };

// Elements first .. first + 3 of a query: zero past its end. Heads have an even number of elements.
vec4 queryQuad(uint64_t query, uint first) {
    vec4 quad;
    [[unroll]] for (uint j = 0; j < 4; j += 2) {
        uint i = first + j;
        vec2 pair = floatPair(Words64(query).at[min(i, HEAD_DIM - 2) / 2]);
        quad[j] = i < HEAD_DIM ? pair.x : 0.0;
        quad[j + 1] = i < HEAD_DIM ? pair.y : 0.0;
    }
    return quad;
}

// Four elements of a value; first is a multiple of 4.
vec4 valueQuad(uint64_t row, uint first) {
    if (CACHE == F32) {
        Words64 words = Words64(row + first * 4);
        return vec4(floatPair(words.at[0]), floatPair(words.at[1]));
    }
    if (CACHE == F16) return halfQuad(Words64(row + first * 2).at[0]);
    uint scales = Uints(row + ROW_ELEMENTS + first / (2 * SCALE_BLOCK) * 4).at[0];
    float scale = unpackHalf2x16((first / SCALE_BLOCK) % 2 == 0 ? scales : scales >> 16).x;
    return scale * signedBytes(Uints(row + first).at[0]);
}

// x of one thread, the same for all. Lavapipe shuffles eight threads by one instruction; more take it a loop, but not to be handed a single value.
float fromThread(float x, uint thread) {
    return gl_WorkGroupSize.x == 8 ? subgroupShuffle(x, thread) : subgroupBroadcast(x, thread);
}

float highestOf(float x) {
    for (uint step = 1; step < gl_WorkGroupSize.x; step *= 2) x = max(x, subgroupShuffleXor(x, step));
    return x;
}

float sumOf(float x) {
    for (uint step = 1; step < gl_WorkGroupSize.x; step *= 2) x += subgroupShuffleXor(x, step);
    return x;
}

void main() {
    uint lane = gl_SubgroupInvocationID;
    uint width = gl_WorkGroupSize.x;
    uint chunks = (a.group + HEADS - 1) / HEADS;
    uint kvHead = gl_WorkGroupID.y / chunks;
    uint firstHead = gl_WorkGroupID.y % chunks * HEADS; // of the group
    uint firstQuery = gl_WorkGroupID.x * QUERIES;
    uint lastQuery = min(firstQuery + QUERIES, a.queries) - 1;

    StepRow start = StepRows(a.stepRows).at[0];
    uint lastKey = start.position + lastQuery;
    uint firstKey = firstVisible(start.position + firstQuery, a.window);
    uint64_t blocks = tableRow(a.table, a.tableStride, start.slot);
    uint64_t keys = headOffset(a.layerOffset, kvHead);
    uint64_t values = headOffset(a.layerOffset, a.kvHeads + kvHead);

    // Rows to spare repeat others and are not stored.
    uint64_t query[ROWS];
    uint64_t result[ROWS];
    uint position[ROWS];
    bool isStored[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint q = min(firstQuery + r / HEADS, lastQuery);
        uint head = kvHead * a.group + min(firstHead + r % HEADS, a.group - 1);
        query[r] = a.qkv + (uint64_t(q) * a.qkvStride + head * HEAD_DIM) * 4;
        result[r] = a.y + (uint64_t(q) * a.yStride + head * HEAD_DIM) * 4;
        position[r] = start.position + q;
        isStored[r] = r < QUERIES * HEADS && firstQuery + r / HEADS <= lastQuery && firstHead + r % HEADS < a.group;
    }

    uint workgroup = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint64_t scores = a.scratch + uint64_t(workgroup) * KEYS * ROWS * 4 + lane * 8; // [STRIPS, ROWS, width] pairs

    float highest[ROWS];
    float total[ROWS]; // this thread's keys alone
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        highest[r] = NO_SCORE;
        total[r] = 0.0;
    }

    for (uint tile = firstKey / KEYS * KEYS; tile <= lastKey; tile += KEYS) {
        uint firstStrip = tile < firstKey ? (firstKey - tile) / (COLUMNS * width) : 0;
        uint strips = min((lastKey - tile) / (COLUMNS * width) + 1, STRIPS);

        float newHighest[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) newHighest[r] = highest[r];
        for (uint strip = firstStrip; strip < strips; strip++) {
            uint64_t key[COLUMNS];
            [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                uint p = clamp(tile + (strip * COLUMNS + c) * width + lane, firstKey, lastKey);
                key[c] = blockOf(blocks, p) + keys + rowOffset(p);
            }
            float sum[ROWS][COLUMNS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) [[unroll]] for (uint c = 0; c < COLUMNS; c++) sum[r][c] = 0.0;
            for (uint k = 0; k < ROW_ELEMENTS; k += 4 * width) {
                vec4 q[ROWS];
                [[unroll]] for (uint r = 0; r < ROWS; r++) q[r] = queryQuad(query[r], k + lane * 4);
                for (uint e = 0; e < width / 2; e++) {
                    Piece piece[COLUMNS];
                    [[unroll]] for (uint c = 0; c < COLUMNS; c++) piece[c] = loadPiece(key[c], min(k + e * 8, ROW_ELEMENTS - 8));
                    [[unroll]] for (uint r = 0; r < ROWS; r++) {
                        float part[COLUMNS];
                        [[unroll]] for (uint c = 0; c < COLUMNS; c++) part[c] = CACHE == Q8_0 ? 0.0 : sum[r][c];
                        [[unroll]] for (uint j = 0; j < 8; j++) {
                            float x = fromThread(q[r][j % 4], e * 2 + j / 4);
                            [[unroll]] for (uint c = 0; c < COLUMNS; c++)
                                part[c] = fma(x, j < 4 ? piece[c].values.low[j] : piece[c].values.high[j - 4], part[c]);
                        }
                        [[unroll]] for (uint c = 0; c < COLUMNS; c++) sum[r][c] = CACHE == Q8_0 ? fma(piece[c].scale, part[c], sum[r][c]) : part[c];
                    }
                }
            }
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                vec2 score;
                [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                    uint p = tile + (strip * COLUMNS + c) * width + lane;
                    bool isVisible = p <= position[r] && p >= firstVisible(position[r], a.window);
                    score[c] = isVisible ? softcap(sum[r][c] * a.scale, a.cap) : NO_SCORE;
                    newHighest[r] = max(newHighest[r], score[c]);
                }
                Words64(scores).at[(strip * ROWS + r) * width] = pack64(floatBitsToUint(score));
            }
        }

        float shrink[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            newHighest[r] = highestOf(newHighest[r]);
            shrink[r] = exp(highest[r] - newHighest[r]);
            highest[r] = newHighest[r];
            total[r] *= shrink[r];
        }
        for (uint strip = firstStrip; strip < strips; strip++) {
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                Words64 words = Words64(scores + ((strip * ROWS + r) * width) * 8);
                vec2 score = floatPair(words.at[0]);
                vec2 weight = mix(exp(score - highest[r]), vec2(0.0), equal(score, vec2(NO_SCORE)));
                total[r] += weight.x + weight.y;
                words.at[0] = pack64(floatBitsToUint(weight));
            }
        }

        bool isFirst = tile <= firstKey;
        bool isLast = tile + KEYS > lastKey;
        float factor[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) factor[r] = isLast ? 1.0 / sumOf(total[r]) : 1.0;
        for (uint k = lane * 4; k < (ROW_ELEMENTS + 4 * width - 1) / (4 * width) * (4 * width); k += 4 * width) {
            uint element = min(k, ROW_ELEMENTS - 4);
            vec4 sum[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                vec4 before = queryQuad(result[r], element);
                sum[r] = isFirst ? vec4(0.0) : before * shrink[r];
            }
            for (uint strip = firstStrip; strip < strips; strip++) {
                vec2 weight[ROWS];
                [[unroll]] for (uint r = 0; r < ROWS; r++) weight[r] = floatPair(Words64(scores).at[(strip * ROWS + r) * width]);
                uint64_t block[COLUMNS];
                [[unroll]] for (uint c = 0; c < COLUMNS; c++)
                    block[c] = blockOf(blocks, clamp(tile + (strip * COLUMNS + c) * width, firstKey, lastKey));
                for (uint part = 0; part < width; part += 2) {
                    vec4 value[COLUMNS][2];
                    [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                        [[unroll]] for (uint j = 0; j < 2; j++) {
                            uint p = clamp(tile + (strip * COLUMNS + c) * width + part + j, firstKey, lastKey);
                            // A column's keys lie in one block, unless it is longer than a block.
                            uint64_t at = width > BLOCK_POSITIONS ? blockOf(blocks, p) : block[c];
                            value[c][j] = valueQuad(at + values + rowOffset(p), element);
                        }
                    }
                    [[unroll]] for (uint r = 0; r < ROWS; r++)
                        [[unroll]] for (uint c = 0; c < COLUMNS; c++)
                            [[unroll]] for (uint j = 0; j < 2; j++) sum[r] = fma(vec4(fromThread(weight[r][c], part + j)), value[c][j], sum[r]);
                }
            }
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                if (!isStored[r]) continue;
                vec4 done = sum[r] * factor[r];
                [[unroll]] for (uint j = 0; j < 4; j += 2)
                    if (k + j < HEAD_DIM) Words64(result[r]).at[(k + j) / 2] = pack64(floatBitsToUint(vec2(done[j], done[j + 1])));
            }
        }
    }
}
