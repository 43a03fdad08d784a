// Forward and backward of everything in Gemma 2 that is not a matrix product, in float32, for the trainer.
// Sequences of different lengths lie one after another without padding: sequence s is rows starts[s] to starts[s + 1] - 1.
// Built with -O3 -ffast-math so that the compiler turns tanhf and expf into vector code.
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_DIM = 32 };

// y = x / rms(x) * (1 + weight)
void rmsnorm_forward(const float *x, const float *weight, float *y, float *inverse_rms, long rows, long dim, float eps)
{
    for (long r = 0; r < rows; r++, x += dim, y += dim) {
        float squares = 0;
        for (long i = 0; i < dim; i++) squares += x[i] * x[i];
        float inverse = 1.0f / sqrtf(squares / dim + eps);
        inverse_rms[r] = inverse;
        for (long i = 0; i < dim; i++) y[i] = x[i] * inverse * (1.0f + weight[i]);
    }
}

void rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *inverse_rms,
                      float *dx, float *dweight, long rows, long dim)
{
    for (long r = 0; r < rows; r++, x += dim, dy += dim, dx += dim) {
        float inverse = inverse_rms[r], dot = 0;
        for (long i = 0; i < dim; i++) {
            float unit = x[i] * inverse;
            dot += dy[i] * (1.0f + weight[i]) * unit;
            dweight[i] += dy[i] * unit;
        }
        dot /= dim;
        for (long i = 0; i < dim; i++) dx[i] = inverse * (dy[i] * (1.0f + weight[i]) - x[i] * inverse * dot);
    }
}

// Rotates the first `heads` heads of every row in place; direction -1 undoes it, which is also its gradient.
void rope(float *x, const long *positions, const float *cosines, const float *sines,
          long rows, long row_size, long heads, float direction)
{
    const long half = HEAD_DIM / 2;
    for (long r = 0; r < rows; r++) {
        const float *cosine = cosines + positions[r] * half, *sine = sines + positions[r] * half;
        for (long h = 0; h < heads; h++) {
            float *first = x + r * row_size + h * HEAD_DIM, *second = first + half;
            for (long i = 0; i < half; i++) {
                float a = first[i], b = second[i], s = sine[i] * direction;
                first[i] = a * cosine[i] - b * s;
                second[i] = b * cosine[i] + a * s;
            }
        }
    }
}

static void transpose(const float *rows, long row_size, long count, float *columns)
{
    for (long j = 0; j < count; j++)
        for (long d = 0; d < HEAD_DIM; d++) columns[d * count + j] = rows[j * row_size + d];
}

// products[j] = vector . column j, for `count` columns from `first` on
static void dot_columns(const float *vector, const float *columns, long stride, long first, long count, float *products)
{
    memset(products, 0, count * sizeof *products);
    for (long d = 0; d < HEAD_DIM; d += 4) {
        const float *c0 = columns + d * stride + first, *c1 = c0 + stride, *c2 = c1 + stride, *c3 = c2 + stride;
        float v0 = vector[d], v1 = vector[d + 1], v2 = vector[d + 2], v3 = vector[d + 3];
        for (long j = 0; j < count; j++) products[j] += v0 * c0[j] + v1 * c1[j] + v2 * c2[j] + v3 * c3[j];
    }
}

// The softcap keeps every score within +-cap, so exp cannot overflow and no maximum has to be subtracted.
static float softcapped_exp(float *scores, float *tanhs, long count, float scale, float cap)
{
    float sum = 0;
    for (long j = 0; j < count; j++) {
        tanhs[j] = tanhf(scores[j] * scale / cap);
        scores[j] = expf(cap * tanhs[j]);
        sum += scores[j];
    }
    return sum;
}

static long first_visible(long row, long window)
{
    return window > 0 && row >= window ? row - window + 1 : 0;
}

// qkv rows hold the query heads, the key heads, the value heads. window 0 means global attention.
void attention_forward(const float *qkv, const long *starts, long sequences, long heads, long kv_heads,
                       long window, float scale, float cap, float *out, float *sums)
{
    const long row_size = (heads + 2 * kv_heads) * HEAD_DIM, out_size = heads * HEAD_DIM;
    for (long s = 0; s < sequences; s++) {
        long start = starts[s], length = starts[s + 1] - start;
        float *key_columns = malloc((HEAD_DIM + 2) * length * sizeof(float));
        float *weights = key_columns + HEAD_DIM * length, *tanhs = weights + length;
        for (long h = 0; h < heads; h++) {
            long group = h / (heads / kv_heads);
            const float *query = qkv + start * row_size + h * HEAD_DIM;
            const float *key = qkv + start * row_size + (heads + group) * HEAD_DIM;
            const float *value = key + kv_heads * HEAD_DIM;
            if (h % (heads / kv_heads) == 0) transpose(key, row_size, length, key_columns);
            for (long i = 0; i < length; i++) {
                long first = first_visible(i, window), count = i - first + 1;
                dot_columns(query + i * row_size, key_columns, length, first, count, weights);
                float sum = softcapped_exp(weights, tanhs, count, scale, cap);
                float result[HEAD_DIM] = {0};
                for (long j = 0; j < count; j++)
                    for (long d = 0; d < HEAD_DIM; d++) result[d] += weights[j] * value[(first + j) * row_size + d];
                sums[(start + i) * heads + h] = sum;
                for (long d = 0; d < HEAD_DIM; d++) out[(start + i) * out_size + h * HEAD_DIM + d] = result[d] / sum;
            }
        }
        free(key_columns);
    }
}

void attention_backward(const float *dout, const float *out, const float *qkv, const float *sums,
                        const long *starts, long sequences, long heads, long kv_heads,
                        long window, float scale, float cap, float *dqkv)
{
    const long row_size = (heads + 2 * kv_heads) * HEAD_DIM, out_size = heads * HEAD_DIM;
    for (long s = 0; s < sequences; s++) {
        long start = starts[s], length = starts[s + 1] - start;
        float *key_columns = malloc((2 * HEAD_DIM + 3) * length * sizeof(float));
        float *value_columns = key_columns + HEAD_DIM * length;
        float *weights = value_columns + HEAD_DIM * length, *tanhs = weights + length, *dscores = tanhs + length;
        for (long h = 0; h < heads; h++) {
            long group = h / (heads / kv_heads);
            long query_at = start * row_size + h * HEAD_DIM;
            long key_at = start * row_size + (heads + group) * HEAD_DIM, value_at = key_at + kv_heads * HEAD_DIM;
            if (h % (heads / kv_heads) == 0) {
                transpose(qkv + key_at, row_size, length, key_columns);
                transpose(qkv + value_at, row_size, length, value_columns);
            }
            for (long i = 0; i < length; i++) {
                long first = first_visible(i, window), count = i - first + 1;
                const float *query = qkv + query_at + i * row_size;
                const float *d_out = dout + (start + i) * out_size + h * HEAD_DIM;
                const float *o = out + (start + i) * out_size + h * HEAD_DIM;
                dot_columns(query, key_columns, length, first, count, weights);
                softcapped_exp(weights, tanhs, count, scale, cap);
                dot_columns(d_out, value_columns, length, first, count, dscores);
                float inverse_sum = 1.0f / sums[(start + i) * heads + h], mean = 0;
                for (long d = 0; d < HEAD_DIM; d++) mean += d_out[d] * o[d];
                for (long j = 0; j < count; j++) {
                    weights[j] *= inverse_sum;
                    dscores[j] = weights[j] * (dscores[j] - mean) * (1.0f - tanhs[j] * tanhs[j]) * scale;
                }
                float d_query[HEAD_DIM] = {0};
                for (long j = 0; j < count; j++) {
                    const float *key = qkv + key_at + (first + j) * row_size;
                    float *d_key = dqkv + key_at + (first + j) * row_size, *d_value = dqkv + value_at + (first + j) * row_size;
                    for (long d = 0; d < HEAD_DIM; d++) {
                        d_query[d] += dscores[j] * key[d];
                        d_key[d] += dscores[j] * query[d];
                        d_value[d] += weights[j] * d_out[d];
                    }
                }
                memcpy(dqkv + query_at + i * row_size, d_query, sizeof d_query);
            }
        }
        free(key_columns);
    }
}

static const float GELU_A = 0.7978845608028654f, GELU_B = 0.044715f;

// Rows of gate_up hold the gate, then the up projection: out = gelu_tanh(gate) * up
void geglu_forward(const float *gate_up, float *out, long rows, long dim)
{
    for (long r = 0; r < rows; r++, gate_up += 2 * dim, out += dim)
        for (long i = 0; i < dim; i++) {
            float g = gate_up[i];
            out[i] = 0.5f * g * (1.0f + tanhf(GELU_A * (g + GELU_B * g * g * g))) * gate_up[dim + i];
        }
}

void geglu_backward(const float *dout, const float *gate_up, float *dgate_up, long rows, long dim)
{
    for (long r = 0; r < rows; r++, gate_up += 2 * dim, dgate_up += 2 * dim, dout += dim)
        for (long i = 0; i < dim; i++) {
            float g = gate_up[i], t = tanhf(GELU_A * (g + GELU_B * g * g * g));
            float slope = 0.5f * (1.0f + t) + 0.5f * g * (1.0f - t * t) * GELU_A * (1.0f + 3.0f * GELU_B * g * g);
            dgate_up[i] = dout[i] * gate_up[dim + i] * slope;
            dgate_up[dim + i] = dout[i] * 0.5f * g * (1.0f + t);
        }
}

// Weighted cross entropy of softcapped logits; the logits are overwritten by their gradient.
double softcapped_cross_entropy(float *logits, const long *targets, const float *weights, long rows, long vocab, float cap)
{
    double loss = 0;
    float *exps = malloc(vocab * sizeof(float));
    for (long r = 0; r < rows; r++, logits += vocab) {
        float sum = 0;
        for (long i = 0; i < vocab; i++) {
            logits[i] = tanhf(logits[i] / cap);
            exps[i] = expf(cap * logits[i]);
            sum += exps[i];
        }
        long target = targets[r];
        float factor = weights[r] / sum;
        loss += weights[r] * (logf(sum) - cap * logits[target]);
        exps[target] -= sum;
        for (long i = 0; i < vocab; i++) logits[i] = factor * exps[i] * (1.0f - logits[i] * logits[i]);
    }
    free(exps);
    return loss;
}
