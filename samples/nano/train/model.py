"""Gemma 2 in plain PyTorch: one sequence, no cache, no batching. Works in float32 and float64.

This is the readable definition everything else is held against: the golden cases, the training
kernels and the reference logits.
"""
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch


@dataclass(frozen=True)
class Config:
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    query_pre_attn_scalar: float
    sliding_window: int
    attn_logit_softcapping: float
    final_logit_softcapping: float
    rms_norm_eps: float
    rope_theta: float

    @staticmethod
    def load(path):
        values = json.loads(Path(path).read_text())
        return Config(**{name: values[name] for name in Config.__dataclass_fields__})


def load_safetensors(path):
    """All tensors of one file, widened to float32."""
    data = Path(path).read_bytes()
    header_size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + header_size])
    header.pop("__metadata__", None)
    return {name: _widen(data, 8 + header_size, entry) for name, entry in header.items()}


def _widen(data, base, entry):
    begin, end = (base + offset for offset in entry["data_offsets"])
    raw = data[begin:end]
    if entry["dtype"] == "BF16":
        bits = numpy.frombuffer(raw, numpy.uint16).astype(numpy.uint32) << 16
        values = bits.view(numpy.float32)
    else:
        values = numpy.frombuffer(raw, {"F32": numpy.float32, "F16": numpy.float16}[entry["dtype"]]).astype(numpy.float32)
    return torch.from_numpy(values.reshape(entry["shape"]).copy())


def save_bf16_safetensors(path, tensors):
    """Rounds to the nearest BF16 (ties to even) and writes the tensors in the order given."""
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = tensor.contiguous().to(torch.bfloat16).view(torch.int16).numpy().tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * (1 + weight)


def softcap(x, cap):
    return cap * torch.tanh(x / cap)


def rotate(x, theta):
    """RoPE on [heads, length, head_dim]; the two halves of a head form the pairs."""
    length, half = x.shape[1], x.shape[2] // 2
    frequencies = theta ** (-torch.arange(half, dtype=x.dtype) / half)
    angles = torch.arange(length, dtype=x.dtype)[:, None] * frequencies
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * angles.cos() - second * angles.sin(),
                      second * angles.cos() + first * angles.sin()), -1)


def visible(length, window):
    """Key j is visible to query i if j <= i, and in sliding layers only if i - j < window."""
    distance = torch.arange(length)[:, None] - torch.arange(length)
    return (distance >= 0) & (distance < window if window else True)


class Model:
    def __init__(self, config, tensors, dtype=torch.float32):
        self.config = config
        self.tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}

    @staticmethod
    def load(folder, dtype=torch.float32):
        tensors = {}
        for file in sorted(Path(folder).glob("model*.safetensors")):
            tensors.update(load_safetensors(file))
        return Model(Config.load(Path(folder) / "config.json"), tensors, dtype)

    def logits(self, ids):
        """[length, vocab] logits after every token."""
        embedding = self.tensors["model.embed_tokens.weight"]
        x = embedding[torch.as_tensor(ids)] * math.sqrt(self.config.hidden_size)
        for layer in range(self.config.num_hidden_layers):
            x = x + self._norm(self._attention(self._norm(x, layer, "input_layernorm"), layer), layer, "post_attention_layernorm")
            x = x + self._norm(self._feed_forward(self._norm(x, layer, "pre_feedforward_layernorm"), layer), layer, "post_feedforward_layernorm")
        x = rms_norm(x, self.tensors["model.norm.weight"], self.config.rms_norm_eps)
        return softcap(x @ embedding.T, self.config.final_logit_softcapping)

    def greedy(self, ids, count, stop=()):
        ids = list(ids)
        start = len(ids)
        while len(ids) < start + count and (len(ids) == start or ids[-1] not in stop):
            ids.append(int(self.logits(ids)[-1].argmax()))
        return ids[start:]

    def _weight(self, layer, name):
        return self.tensors[f"model.layers.{layer}.{name}.weight"]

    def _norm(self, x, layer, name):
        return rms_norm(x, self._weight(layer, name), self.config.rms_norm_eps)

    def _project(self, x, layer, name, heads):
        """[heads, length, head_dim] of one attention projection."""
        return (x @ self._weight(layer, f"self_attn.{name}").T).view(len(x), heads, -1).transpose(0, 1)

    def _attention(self, x, layer):
        c = self.config
        query = rotate(self._project(x, layer, "q_proj", c.num_attention_heads), c.rope_theta)
        key = rotate(self._project(x, layer, "k_proj", c.num_key_value_heads), c.rope_theta)
        value = self._project(x, layer, "v_proj", c.num_key_value_heads)
        group = c.num_attention_heads // c.num_key_value_heads
        key, value = key.repeat_interleave(group, 0), value.repeat_interleave(group, 0)
        scores = softcap(query @ key.transpose(1, 2) * c.query_pre_attn_scalar ** -0.5, c.attn_logit_softcapping)
        window = c.sliding_window if layer % 2 == 0 else 0
        scores = scores.masked_fill(~visible(len(x), window), -math.inf)
        mixed = scores.softmax(-1) @ value
        return mixed.transpose(0, 1).reshape(len(x), -1) @ self._weight(layer, "self_attn.o_proj").T

    def _feed_forward(self, x, layer):
        gate = gelu_tanh(x @ self._weight(layer, "mlp.gate_proj").T)
        return (gate * (x @ self._weight(layer, "mlp.up_proj").T)) @ self._weight(layer, "mlp.down_proj").T


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))
