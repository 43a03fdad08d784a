#version 460
// softmax(softcap(scale * Q K^T) + mask) V for single queries of any sequences, over a split of the keys with a running softmax
// (https://arxiv.org/abs/2205.14135); attention_combine.comp puts the splits together. A workgroup is one subgroup and takes a split of one key/value head
// and HEADS of its query heads. Eight threads share a key: each has its part of the queries and of the sums in registers, so that every key and value
// is read once, in neighbouring pieces. All sums are float32.
#include "common.glsl"
#include "elements.glsl"
#include "cache.glsl"
#include "activations.glsl"
#include "attention.glsl"
#include "attention_splits.glsl"
#include "step_rows.glsl"

layout(constant_id = 3) const uint HEADS = 2; // query heads that share the reads

const uint CLUSTER = 8; // threads that share a key; they take as many keys at a time
const uint TOGETHER = 4; // values that are added up at a time
const uint PIECES = (ROW_ELEMENTS + CLUSTER * 8 - 1) / (CLUSTER * 8); // of a row, each thread's

layout(push_constant) uniform Arguments {
    uint64_t stepRows; // [rows] StepRow
    uint64_t qkv;      // [rows, qkvStride] float32: rotated queries first
    uint64_t table;    // [slots, tableStride] addresses of blocks
    uint64_t scratch;  // [rows, heads, splits] partial results
    uint tableStride;
    uint layerOffset;
    uint qkvStride;
    uint heads;
    uint group;  // query heads that share a key/value head
    uint window; // a query sees this many positions, itself included
    float scale;
    float cap;
} a;

layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer Quads { vec4 at[]; };

uint clusterThread() {
    return gl_SubgroupInvocationID % CLUSTER;
}

uint firstElement(uint piece) {
    return (piece * CLUSTER + clusterThread()) * 8;
}

// Where a thread reads a piece; those past the row's end read its last elements, and their queries are zero.
uint readElement(uint piece) {
    return ROW_ELEMENTS % (CLUSTER * 8) == 0 ? firstElement(piece) : min(firstElement(piece), ROW_ELEMENTS - 8);
}

Eight loadQuery(Floats query, uint piece) {
    Eight q;
    [[unroll]] for (uint j = 0; j < 8; j++) {
        uint i = firstElement(piece) + j;
        float x = query.at[min(i, HEAD_DIM - 1)];
        x = i < HEAD_DIM ? x : 0.0;
        if (j < 4) q.low[j] = x; else q.high[j - 4] = x;
    }
    return q;
}

float clusterMax(float x) {
    [[unroll]] for (uint step = 1; step < CLUSTER; step *= 2) x = max(x, subgroupShuffleXor(x, step));
    return x;
}

float clusterSum(float x) {
    [[unroll]] for (uint step = 1; step < CLUSTER; step *= 2) x += subgroupShuffleXor(x, step);
    return x;
}

void main() {
    uint split = gl_WorkGroupID.x;
    uint splits = gl_NumWorkGroups.x;
    uint row = gl_WorkGroupID.z;
    uint chunks = (a.group + HEADS - 1) / HEADS;
    uint kvHead = gl_WorkGroupID.y / chunks;
    uint firstHead = gl_WorkGroupID.y % chunks * HEADS; // of the group

    StepRow stepRow = StepRows(a.stepRows).at[row];
    uint position = stepRow.position;
    uint visible = firstVisible(position, a.window);
    uint length = splitBlocks(blocksSeen(visible, position), splits) * BLOCK_POSITIONS;
    uint begin = visible / BLOCK_POSITIONS * BLOCK_POSITIONS + split * length;
    if (begin > position) return;
    uint first = max(begin, visible);
    uint last = min(begin + length - 1, position);

    uint64_t blocks = tableRow(a.table, a.tableStride, stepRow.slot);
    uint64_t keys = headOffset(a.layerOffset, kvHead);
    uint64_t values = headOffset(a.layerOffset, a.heads / a.group + kvHead);

    Eight query[HEADS][PIECES];
    Eight sum[HEADS][PIECES];
    float highest[HEADS];
    float total[HEADS]; // this thread's keys alone
    [[unroll]] for (uint h = 0; h < HEADS; h++) {
        uint head = kvHead * a.group + min(firstHead + h, a.group - 1);
        Floats q = Floats(a.qkv + (uint64_t(row) * a.qkvStride + head * HEAD_DIM) * 4);
        [[unroll]] for (uint i = 0; i < PIECES; i++) {
            query[h][i] = loadQuery(q, i);
            sum[h][i] = Eight(vec4(0.0), vec4(0.0));
        }
        highest[h] = NO_SCORE;
        total[h] = 0.0;
    }

    for (uint tile = first / CLUSTER * CLUSTER; tile <= last; tile += gl_WorkGroupSize.x) {
        // A cluster's keys lie in one block. Those that the query does not see are not touched: others stand in for them.
        uint firstKey = tile + gl_SubgroupInvocationID / CLUSTER * CLUSTER;
        uint64_t block = blockOf(blocks, clamp(firstKey, first, last));
        bool isKey = firstKey + clusterThread() >= first && firstKey + clusterThread() <= last;
        float score[HEADS]; // of this thread's key
        [[unroll]] for (uint h = 0; h < HEADS; h++) score[h] = 0.0;
        for (uint j = 0; j < CLUSTER; j++) {
            uint64_t key = block + keys + rowOffset(clamp(firstKey + j, first, last));
            vec4 products[HEADS];
            [[unroll]] for (uint h = 0; h < HEADS; h++) products[h] = vec4(0.0);
            [[unroll]] for (uint i = 0; i < PIECES; i++) {
                Piece piece = loadPiece(key, readElement(i));
                [[unroll]] for (uint h = 0; h < HEADS; h++) {
                    if (CACHE == Q8_0) {
                        products[h] = fma(vec4(piece.scale), fma(query[h][i].high, piece.values.high, query[h][i].low * piece.values.low), products[h]);
                    } else {
                        products[h] = fma(query[h][i].low, piece.values.low, products[h]);
                        products[h] = fma(query[h][i].high, piece.values.high, products[h]);
                    }
                }
            }
            [[unroll]] for (uint h = 0; h < HEADS; h++) {
                float product = clusterSum((products[h].x + products[h].y) + (products[h].z + products[h].w));
                score[h] = clusterThread() == j ? product : score[h];
            }
        }

        float weight[HEADS];
        [[unroll]] for (uint h = 0; h < HEADS; h++) {
            score[h] = softcap(score[h] * a.scale, a.cap);
            float newHighest = max(highest[h], clusterMax(isKey ? score[h] : NO_SCORE));
            float shrink = exp(highest[h] - newHighest);
            weight[h] = isKey ? exp(score[h] - newHighest) : 0.0;
            highest[h] = newHighest;
            total[h] = fma(total[h], shrink, weight[h]);
            [[unroll]] for (uint i = 0; i < PIECES; i++) {
                sum[h][i].low *= shrink;
                sum[h][i].high *= shrink;
            }
        }

        for (uint j = 0; j < CLUSTER; j += TOGETHER) {
            uint64_t value[TOGETHER];
            float w[HEADS][TOGETHER];
            [[unroll]] for (uint n = 0; n < TOGETHER; n++) {
                value[n] = block + values + rowOffset(clamp(firstKey + j + n, first, last));
                uint thread = gl_SubgroupInvocationID / CLUSTER * CLUSTER + j + n;
                [[unroll]] for (uint h = 0; h < HEADS; h++) w[h][n] = subgroupShuffle(weight[h], thread);
            }
            [[unroll]] for (uint i = 0; i < PIECES; i++) {
                [[unroll]] for (uint n = 0; n < TOGETHER; n++) {
                    Piece piece = loadPiece(value[n], readElement(i));
                    [[unroll]] for (uint h = 0; h < HEADS; h++) {
                        vec4 factor = vec4(w[h][n] * piece.scale);
                        sum[h][i].low = fma(factor, piece.values.low, sum[h][i].low);
                        sum[h][i].high = fma(factor, piece.values.high, sum[h][i].high);
                    }
                }
            }
        }
    }

    [[unroll]] for (uint h = 0; h < HEADS; h++) {
        // Clusters had different keys.
        for (uint step = CLUSTER; step < gl_WorkGroupSize.x; step *= 2) {
            float newHighest = max(highest[h], subgroupShuffleXor(highest[h], step));
            float shrink = exp(highest[h] - newHighest);
            highest[h] = newHighest;
            total[h] *= shrink;
            total[h] += subgroupShuffleXor(total[h], step);
            [[unroll]] for (uint i = 0; i < PIECES; i++) {
                sum[h][i].low *= shrink;
                sum[h][i].high *= shrink;
                sum[h][i].low += subgroupShuffleXor(sum[h][i].low, step);
                sum[h][i].high += subgroupShuffleXor(sum[h][i].high, step);
            }
        }
        total[h] = clusterSum(total[h]);

        if (gl_SubgroupInvocationID < CLUSTER && firstHead + h < a.group) {
            Quads partial = Quads(partialOf(a.scratch, row, a.heads, kvHead * a.group + firstHead + h, splits, split));
            [[unroll]] for (uint i = 0; i < PIECES; i++) {
                if (firstElement(i) < PARTIAL_ELEMENTS) {
                    partial.at[firstElement(i) / 4] = sum[h][i].low;
                    partial.at[firstElement(i) / 4 + 1] = sum[h][i].high;
                }
            }
            if (clusterThread() == 0) partial.at[PARTIAL_ELEMENTS / 4] = vec4(highest[h], total[h], 0.0, 0.0);
        }
    }
}
