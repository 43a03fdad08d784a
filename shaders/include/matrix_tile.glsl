// What the matrix-matrix kernels in tiles share: Y = X W^T for a chunk of a prompt, or Y = gelu(X G^T) * (X U^T). A workgroup makes TOKENS x ROWS results from
// tiles in shared memory and advances by a chunk of 32 columns at a time; workgroups that read the same weights follow each other. With MATRICES 2 half of
// a tile's rows are gate's and half are the same rows of up.
#include "activations.glsl"

layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TILE = 1; // rows that are interleaved in memory
layout(constant_id = 3) const uint MATRICES = 1;
layout(constant_id = 4) const uint TOKENS = 64;
layout(constant_id = 5) const uint ROWS = 64;
#include "weights.glsl"

layout(push_constant) uniform Arguments {
    Weights w;  // [rows, chunks * 32]: the matrix, or gate
    Weights up; // [rows, chunks * 32]
    uint64_t x; // activations in the form that the kernel takes
    uint64_t scales; // of x, where it has any
    uint64_t y; // [tokens, yStride] float32
    uint rows;
    uint chunks; // of 32 columns
    uint xStride;
    uint yStride;
    uint tokens;
} a;

const uint ROWS_A_MATRIX = ROWS / MATRICES;

uint firstRow() {
    return gl_WorkGroupID.y * ROWS_A_MATRIX;
}

uint firstToken() {
    return gl_WorkGroupID.x * TOKENS;
}

// The matrix of a row of the tile, and its unit there. Tiles at the end repeat the last row and the last token, for which nothing is stored.
Weights matrixOf(uint tileRow) {
    if (tileRow < ROWS_A_MATRIX) return a.w;
    return a.up;
}

uint unitOf(uint tileRow, uint chunk) {
    return firstUnit(min(firstRow() + tileRow % ROWS_A_MATRIX, a.rows - 1), a.chunks) + chunk * TILE;
}

uint tokenOf(uint tileToken) {
    return min(firstToken() + tileToken, a.tokens - 1);
}

// Stores what two rows ROWS / 2 apart in the tile have for a token; low is counted from the tile's first row.
void storeResults(uint token, uint low, float lowResult, float highResult) {
    Floats y = Floats(a.y + uint64_t(token) * a.yStride * 4);
    uint row = firstRow() + low;
    if (MATRICES == 2) {
        if (row < a.rows) y.at[row] = geluTanh(lowResult) * highResult;
    } else {
        if (row < a.rows) y.at[row] = lowResult;
        if (row + ROWS / 2 < a.rows) y.at[row + ROWS / 2] = highResult;
    }
}
