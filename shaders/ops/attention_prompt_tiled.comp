#version 460
// Attention of a prompt's chunk for GPUs: a workgroup takes ROWS pairs of a query and a query head of one group, keeps the queries in shared memory and goes
// over tiles of KEYS keys with a running softmax (https://arxiv.org/abs/2205.14135). Keys and values come through shared memory STEP elements at a time;
// sums stay in registers. All in float32.
#include "common.glsl"
#include "elements.glsl"
#include "cache.glsl"
#include "activations.glsl"
#include "attention.glsl"
#include "step_rows.glsl"

layout(constant_id = 3) const uint HEADS = 2; // query heads of a group that share the reads of keys and values
layout(constant_id = 4) const uint ROWS = 16; // 8, 16 or 32

const uint THREADS = 128;
const uint QUERIES = ROWS / HEADS;
const uint KEYS = BLOCK_POSITIONS; // a tile is a block of the cache
const uint STEP = 64;
const uint STEPS = (HEAD_DIM + STEP - 1) / STEP;
const uint QUERY_STRIDE = STEPS * STEP / 4 + 1; // in vec4; odd, so that rows lie in different banks
const uint TILE_STRIDE = STEP / 4 + 1;

const uint SCORES_A_THREAD = ROWS * KEYS / THREADS;
const uint ROW_STRIDE = THREADS / KEYS; // between the rows of a thread's scores
const uint SUM_THREADS = STEP / 4; // along a step, four elements each
const uint SUM_ROWS = THREADS / SUM_THREADS;
const uint SUMS_A_THREAD = ROWS / SUM_ROWS;
const uint SOFTMAX_THREADS = 8; // a row; neighbours in a subgroup

layout(push_constant) uniform Arguments {
    uint64_t stepRows; // [queries] StepRow: consecutive positions of one sequence
    uint64_t qkv;      // [queries, qkvStride] float32: rotated queries first
    uint64_t table;    // [slots, tableStride] addresses of blocks
    uint64_t unused;
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

shared vec4 queryTile[ROWS * QUERY_STRIDE];
shared vec4 tile[KEYS * TILE_STRIDE]; // of keys or values
shared float weights[ROWS * (KEYS + 1)];
shared float highest[ROWS];
shared float total[ROWS];
shared float shrink[ROWS];

uint thread() {
    return gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID;
}

// STEP elements of KEYS rows of the cache; zeros past the rows' ends.
void loadTile(uint64_t rows, uint step, uint firstKey, uint lastKey, uint tileKey) {
    for (uint i = thread(); i < KEYS * STEP / 8; i += THREADS) {
        uint key = i / (STEP / 8);
        uint element = step * STEP + i % (STEP / 8) * 8;
        // Keys outside of what the tile's queries see are not touched.
        uint64_t row = rows + rowOffset(clamp(tileKey + key, firstKey, lastKey));
        Piece piece = Piece(Eight(vec4(0.0), vec4(0.0)), 0.0);
        if (element < ROW_ELEMENTS) piece = loadPiece(row, element);
        uint at = key * TILE_STRIDE + i % (STEP / 8) * 2;
        tile[at] = piece.values.low * piece.scale;
        tile[at + 1] = piece.values.high * piece.scale;
    }
}

void main() {
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
    for (uint i = thread(); i < ROWS * STEPS * STEP / 4; i += THREADS) {
        uint row = i / (STEPS * STEP / 4);
        uint quad = i % (STEPS * STEP / 4);
        uint head = kvHead * a.group + min(firstHead + row % HEADS, a.group - 1);
        Floats q = Floats(a.qkv + (uint64_t(min(firstQuery + row / HEADS, lastQuery)) * a.qkvStride + head * HEAD_DIM) * 4);
        vec4 x = vec4(0.0);
        [[unroll]] for (uint j = 0; j < 4; j++)
            if (quad * 4 + j < HEAD_DIM) x[j] = q.at[quad * 4 + j];
        queryTile[row * QUERY_STRIDE + quad] = x;
    }
    if (thread() < ROWS) {
        highest[thread()] = NO_SCORE;
        total[thread()] = 0.0;
    }

    vec4 sum[STEPS][SUMS_A_THREAD];
    [[unroll]] for (uint s = 0; s < STEPS; s++) [[unroll]] for (uint i = 0; i < SUMS_A_THREAD; i++) sum[s][i] = vec4(0.0);

    for (uint tileKey = firstKey / KEYS * KEYS; tileKey <= lastKey; tileKey += KEYS) {
        uint64_t block = blockOf(blocks, tileKey);
        uint key = thread() % KEYS;
        float score[SCORES_A_THREAD];
        [[unroll]] for (uint i = 0; i < SCORES_A_THREAD; i++) score[i] = 0.0;
        for (uint s = 0; s < STEPS; s++) {
            barrier();
            loadTile(block + keys, s, firstKey, lastKey, tileKey);
            barrier();
            for (uint k = 0; k < STEP / 4; k++) {
                vec4 x = tile[key * TILE_STRIDE + k];
                [[unroll]] for (uint i = 0; i < SCORES_A_THREAD; i++) {
                    vec4 q = queryTile[(thread() / KEYS + i * ROW_STRIDE) * QUERY_STRIDE + s * STEP / 4 + k];
                    score[i] = fma(q.x, x.x, fma(q.y, x.y, fma(q.z, x.z, fma(q.w, x.w, score[i]))));
                }
            }
        }
        [[unroll]] for (uint i = 0; i < SCORES_A_THREAD; i++) {
            uint row = thread() / KEYS + i * ROW_STRIDE;
            uint position = start.position + min(firstQuery + row / HEADS, lastQuery);
            bool isVisible = tileKey + key <= position && tileKey + key >= firstVisible(position, a.window);
            weights[row * (KEYS + 1) + key] = isVisible ? softcap(score[i] * a.scale, a.cap) : NO_SCORE;
        }
        barrier();

        for (uint row = thread() / SOFTMAX_THREADS; row < ROWS; row += THREADS / SOFTMAX_THREADS) {
            uint first = row * (KEYS + 1) + thread() % SOFTMAX_THREADS * (KEYS / SOFTMAX_THREADS);
            uint end = first + KEYS / SOFTMAX_THREADS;
            float newHighest = highest[row];
            for (uint i = first; i < end; i++) newHighest = max(newHighest, weights[i]);
            [[unroll]] for (uint step = 1; step < SOFTMAX_THREADS; step *= 2) newHighest = max(newHighest, subgroupShuffleXor(newHighest, step));
            float part = 0.0;
            for (uint i = first; i < end; i++) {
                float weight = weights[i] == NO_SCORE ? 0.0 : exp(weights[i] - newHighest);
                weights[i] = weight;
                part += weight;
            }
            [[unroll]] for (uint step = 1; step < SOFTMAX_THREADS; step *= 2) part += subgroupShuffleXor(part, step);
            if (thread() % SOFTMAX_THREADS == 0) {
                shrink[row] = exp(highest[row] - newHighest);
                highest[row] = newHighest;
                total[row] = fma(total[row], shrink[row], part);
            }
        }

        [[unroll]] for (uint s = 0; s < STEPS; s++) {
            barrier();
            loadTile(block + values, s, firstKey, lastKey, tileKey);
            barrier();
            [[unroll]] for (uint i = 0; i < SUMS_A_THREAD; i++) sum[s][i] *= shrink[thread() / SUM_THREADS + i * SUM_ROWS];
            for (uint k = 0; k < KEYS; k++) {
                vec4 x = tile[k * TILE_STRIDE + thread() % SUM_THREADS];
                [[unroll]] for (uint i = 0; i < SUMS_A_THREAD; i++)
                    sum[s][i] = fma(vec4(weights[(thread() / SUM_THREADS + i * SUM_ROWS) * (KEYS + 1) + k]), x, sum[s][i]);
            }
        }
    }

    [[unroll]] for (uint i = 0; i < SUMS_A_THREAD; i++) {
        uint row = thread() / SUM_THREADS + i * SUM_ROWS;
        uint query = firstQuery + row / HEADS;
        if (row < QUERIES * HEADS && query <= lastQuery && firstHead + row % HEADS < a.group) {
            uint head = kvHead * a.group + firstHead + row % HEADS;
            Floats y = Floats(a.y + (uint64_t(query) * a.yStride + head * HEAD_DIM) * 4);
            [[unroll]] for (uint s = 0; s < STEPS; s++) {
                [[unroll]] for (uint j = 0; j < 4; j++) {
                    uint element = s * STEP + thread() % SUM_THREADS * 4 + j;
                    if (element < HEAD_DIM) y.at[element] = sum[s][i][j] / total[row];
                }
            }
        }
    }
}
