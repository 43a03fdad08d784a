"""The same Gemma 2 as model.py for training: packed sequences, float32, C kernels around the matrix products."""
import ctypes
import math
import subprocess
from pathlib import Path

import torch

HERE = Path(__file__).parent
CACHE = HERE / ".cache"


def _library():
    CACHE.mkdir(exist_ok=True)
    source, library = HERE / "kernels.c", CACHE / "kernels.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-shared", "-fPIC",
                        source, "-o", library, "-lmvec", "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.softcapped_cross_entropy.restype = ctypes.c_double
    return loaded


kernels = _library()


def _call(function, *arguments):
    """Tensors go as pointers, ints as long, floats as float."""
    convert = {torch.Tensor: lambda t: ctypes.c_void_p(t.data_ptr()), int: ctypes.c_long, float: ctypes.c_float}
    return function(*(convert[type(argument)](argument) for argument in arguments))


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, eps):
        y, inverse = torch.empty_like(x), torch.empty(len(x))
        _call(kernels.rmsnorm_forward, x, weight, y, inverse, len(x), x.shape[1], eps)
        ctx.save_for_backward(x, weight, inverse)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, inverse = ctx.saved_tensors
        dy, dx, dweight = dy.contiguous(), torch.empty_like(x), torch.zeros_like(weight)
        _call(kernels.rmsnorm_backward, dy, x, weight, inverse, dx, dweight, len(x), x.shape[1])
        return dx, dweight, None


class Attention(torch.autograd.Function):
    """RoPE and softcapped attention; rotates the queries and keys of `qkv` in place."""

    @staticmethod
    def forward(ctx, qkv, batch, config, window):
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        ctx.batch, ctx.heads = batch, (heads, kv_heads)
        ctx.scalars = (window, config.query_pre_attn_scalar ** -0.5, float(config.attn_logit_softcapping))
        _call(kernels.rope, qkv, batch.positions, batch.cosines, batch.sines, len(qkv), qkv.shape[1], heads + kv_heads, 1.0)
        out, sums = torch.empty(len(qkv), heads * config.head_dim), torch.empty(len(qkv), heads)
        _call(kernels.attention_forward, qkv, batch.starts, len(batch.starts) - 1, heads, kv_heads, *ctx.scalars, out, sums)
        ctx.mark_dirty(qkv)
        ctx.save_for_backward(qkv, out, sums)
        ctx.mark_non_differentiable(qkv)
        return out, qkv

    @staticmethod
    def backward(ctx, dout, _):
        (qkv, out, sums), batch, (heads, kv_heads) = ctx.saved_tensors, ctx.batch, ctx.heads
        dout, dqkv = dout.contiguous(), torch.zeros_like(qkv)
        _call(kernels.attention_backward, dout, out, qkv, sums, batch.starts, len(batch.starts) - 1,
              heads, kv_heads, *ctx.scalars, dqkv)
        _call(kernels.rope, dqkv, batch.positions, batch.cosines, batch.sines, len(qkv), qkv.shape[1], heads + kv_heads, -1.0)
        return dqkv, None, None, None


class GeGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate_up):
        out = torch.empty(len(gate_up), gate_up.shape[1] // 2)
        _call(kernels.geglu_forward, gate_up, out, len(out), out.shape[1])
        ctx.save_for_backward(gate_up)
        return out

    @staticmethod
    def backward(ctx, dout):
        gate_up, = ctx.saved_tensors
        dout, dgate_up = dout.contiguous(), torch.empty_like(gate_up)
        _call(kernels.geglu_backward, dout, gate_up, dgate_up, len(dout), dout.shape[1])
        return dgate_up


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, targets, weights, cap):
        loss = _call(kernels.softcapped_cross_entropy, logits, targets, weights, len(logits), logits.shape[1], cap)
        ctx.gradient = logits
        return torch.tensor(loss)

    @staticmethod
    def backward(ctx, dloss):
        return ctx.gradient * dloss.float(), None, None, None


class Batch:
    """Packed token sequences with the weight of every token as a target."""
    cosines = sines = None

    def __init__(self, sequences, config):
        lengths = torch.tensor([len(ids) for ids, _ in sequences])
        self.starts = torch.cat((torch.zeros(1, dtype=torch.long), lengths.cumsum(0)))
        self.positions = torch.cat([torch.arange(length) for length in lengths])
        self.ids = torch.tensor([i for ids, _ in sequences for i in ids])
        weights = torch.tensor([w for _, weights in sequences for w in weights], dtype=torch.float32)
        learned = weights.nonzero()[:, 0]
        self.sources, self.targets, self.weights = learned - 1, self.ids[learned], weights[learned]
        if Batch.cosines is None or len(Batch.cosines) <= int(lengths.max()):
            Batch._make_tables(int(lengths.max()) + 512, config)

    @staticmethod
    def _make_tables(length, config):
        half = config.head_dim // 2
        frequencies = config.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
        Batch.cosines, Batch.sines = angles.cos().float().contiguous(), angles.sin().float().contiguous()


NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")


class Parameters:
    """All weights as views of one flat tensor, so that processes can share them and their gradients."""

    def __init__(self, config, flat=None, gradient=None):
        shapes = self.shapes(config)
        size = sum(math.prod(shape) for shape in shapes.values())
        self.flat = torch.zeros(size) if flat is None else flat
        self.gradient = torch.zeros(size) if gradient is None else gradient
        self.views, offset = {}, 0
        for name, shape in shapes.items():
            count = math.prod(shape)
            view = self.flat[offset:offset + count].view(shape).requires_grad_()
            view.grad = self.gradient[offset:offset + count].view(shape)
            self.views[name] = view
            offset += count

    @staticmethod
    def shapes(config):
        hidden, ffn = config.hidden_size, config.intermediate_size
        queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        shapes = {"embed": (config.vocab_size, hidden), "norm": (hidden,)}
        for layer in range(config.num_hidden_layers):
            shapes[f"{layer}.qkv"] = (queries + 2 * keys, hidden)
            shapes[f"{layer}.o"] = (hidden, queries)
            shapes[f"{layer}.gate_up"] = (2 * ffn, hidden)
            shapes[f"{layer}.down"] = (hidden, ffn)
            shapes.update({f"{layer}.{norm}": (hidden,) for norm in NORMS})
        return shapes

    def initialize(self, config, generator):
        for name, view in self.views.items():
            with torch.no_grad():
                if name == "embed":
                    view.normal_(0, config.hidden_size ** -0.5, generator=generator)
                elif view.dim() == 2:
                    view.normal_(0, view.shape[1] ** -0.5, generator=generator)
                elif name.split(".")[-1].startswith("post_"):
                    view.fill_(-0.6)  # blocks start small beside the residual stream

    def matrices(self, config):
        """(weight, gradient) of every single projection: fused ones are cut into theirs."""
        queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        cuts = {"qkv": (queries, keys, keys), "gate_up": (config.intermediate_size,) * 2}
        for name, view in self.views.items():
            if "." in name and view.dim() == 2:
                sizes = cuts.get(name.split(".")[1], (len(view),))
                yield from zip(view.detach().split(sizes), view.grad.split(sizes))

    def vectors(self):
        """(weight, gradient) of the embedding and the norms."""
        for name, view in self.views.items():
            if name == "embed" or view.dim() == 1:
                yield view.detach(), view.grad

    def tensors(self, config):
        """Under their Hugging Face names."""
        views = {name: view.detach() for name, view in self.views.items()}
        queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        result = {"model.embed_tokens.weight": views["embed"]}
        for layer in range(config.num_hidden_layers):
            prefix = f"model.layers.{layer}."
            q, k, v = views[f"{layer}.qkv"].split((queries, keys, keys))
            gate, up = views[f"{layer}.gate_up"].chunk(2)
            parts = {"self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v, "self_attn.o_proj": views[f"{layer}.o"],
                     "mlp.gate_proj": gate, "mlp.up_proj": up, "mlp.down_proj": views[f"{layer}.down"],
                     **{norm: views[f"{layer}.{norm}"] for norm in NORMS}}
            result.update({f"{prefix}{name}.weight": tensor for name, tensor in parts.items()})
        result["model.norm.weight"] = views["norm"]
        return result


def loss(parameters, batch, config):
    """Weighted sum of the cross entropies of the learned tokens."""
    views, eps = parameters.views, float(config.rms_norm_eps)
    x = torch.nn.functional.embedding(batch.ids, views["embed"]) * math.sqrt(config.hidden_size)
    for layer in range(config.num_hidden_layers):
        weight = lambda name: views[f"{layer}.{name}"]
        norm = lambda value, name: RmsNorm.apply(value, weight(name), eps)
        window = config.sliding_window if layer % 2 == 0 else 0
        attended, _ = Attention.apply(norm(x, "input_layernorm") @ weight("qkv").t(), batch, config, window)
        x = x + norm(attended @ weight("o").t(), "post_attention_layernorm")
        hidden = GeGlu.apply(norm(x, "pre_feedforward_layernorm") @ weight("gate_up").t())
        x = x + norm(hidden @ weight("down").t(), "post_feedforward_layernorm")
    x = RmsNorm.apply(x[batch.sources], views["norm"], eps)
    return CrossEntropy.apply(x @ views["embed"].t(), batch.targets, batch.weights, float(config.final_logit_softcapping))
