"""The text encoder of CLIP (Radford and others 2021, arXiv 2103.00020), in the key names of transformers' `CLIPTextModel`:
tokens (N, L) int64 to states (N, L, D), each of which looks at those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class TextEncoder(nn.Module):
    def __init__(self, settings: Mapping[str, Any]):
        super().__init__()
        width, heads, hidden = (settings[key] for key in ("hidden_size", "num_attention_heads", "intermediate_size"))
        self.embeddings = Embeddings(settings["vocab_size"], settings["max_position_embeddings"], width)
        self.encoder = Layers(width, heads, hidden, settings["num_hidden_layers"])
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.final_layer_norm(self.encoder(self.embeddings(tokens)))


class Embeddings(nn.Module):
    def __init__(self, vocabulary: int, window: int, width: int):
        super().__init__()
        self.token_embedding, self.position_embedding = nn.Embedding(vocabulary, width), nn.Embedding(window, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]


class Layers(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, count: int):
        super().__init__()
        self.layers = nn.Sequential(*(Layer(width, heads, hidden) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        inner = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](inner * torch.sigmoid(1.702 * inner))  # a quick stand-in for gelu


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out_proj(seen.transpose(1, 2).flatten(2))
