// A chunk of 32 activations in integers of 16 bits, each split into two signed bytes: x = scale * (256 * high + low). Each byte of a word is a column.
// 16 bits keep the error of quantizing activations far below that of any quantized weight; 8 bits alone would not.
struct QuantizedChunk {
    uvec4 high[2]; // columns 0 .. 15, 16 .. 31
    uvec4 low[2];
    float scale;
    int sums[2]; // of 256 * high + low over either half, for weights with a minimum
    uint unused;
};

const uint QUANTIZED_WORDS128 = 5; // a chunk's size in 16 bytes
