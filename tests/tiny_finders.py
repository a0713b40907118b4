"""Tiny random networks that find what words name, as the folders that are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny_pipelines import clip_tokenizer, clip_vocabulary
from tiny_voices import _put, _save

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}


def _text(layers: int, most: int) -> dict[str, Any]:
    count = len(clip_vocabulary())
    ends = {"bos_token_id": count - 2, "eos_token_id": count - 1, "pad_token_id": count - 1}
    sizes = {"vocab_size": count, "num_hidden_layers": layers, "projection_dim": 16, "max_position_embeddings": most}
    return {**SMALL, **sizes, **ends}


def _spread(network: Any) -> Any:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    return network


def _words(folder: Path) -> None:
    """A tokenizer of bytes, in the files that repositories of CLIP have."""
    clip_tokenizer().save_pretrained(folder)
    _put(folder / "vocab.json", clip_vocabulary())
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")


def clipseg(folder: Path) -> Path:
    from genkit.models.mask import clipseg

    torch.manual_seed(0)
    vision = {**SMALL, "num_hidden_layers": 3, "image_size": 32, "patch_size": 16}
    network = clipseg.build(
        text_config=_text(2, 24),
        vision_config=vision,
        projection_dim=16,
        reduce_dim=8,
        extract_layers=[0, 1, 2],
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        use_complex_transposed_convolution=True,
    )
    _save(_spread(network), folder)
    _words(folder)
    return folder


def lowered(folder: Path, by: float) -> Path:
    """A CLIPSeg whose logits are less by so much."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    last = max(key for key in state if key.startswith("decoder.transposed_convolution.") and key.endswith(".bias"))
    save_file({**state, last: state[last] - by}, path, metadata={"format": "pt"})
    return folder


def sam3(folder: Path, *, with_tracker: bool = True) -> Path:
    """With the tracker's tensors and the settings about both, as it is published, or the detector alone."""
    import json

    from safetensors.torch import load_file, save_file

    from genkit.models.mask import sam3

    torch.manual_seed(0)
    backbone = {
        **SMALL,
        "model_type": "sam3_vit_model",
        "num_hidden_layers": 2,
        "image_size": 56,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [1],
        "pretrain_image_size": 28,
    }
    vision = {"backbone_config": backbone, "fpn_hidden_size": 16, "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]]}
    network = sam3.build(
        text_config={**_text(1, 32), "model_type": "clip_text_model"},
        vision_config={**vision, "model_type": "sam3_vision_model"},
        geometry_encoder_config={**SMALL, "num_layers": 1},
        detr_encoder_config={**SMALL, "num_layers": 1},
        detr_decoder_config={**SMALL, "num_layers": 1, "num_queries": 4},
        mask_decoder_config={"hidden_size": 16, "num_attention_heads": 2},
    )
    _save(_spread(network), folder)
    _words(folder)
    if with_tracker:
        path, settings = folder / "model.safetensors", folder / "config.json"
        state = {f"detector_model.{key}": value for key, value in load_file(path).items()}
        state |= {"tracker_model.no_memory_embedding": torch.ones(4), "tracker_neck.scale.weight": torch.ones(4)}
        save_file(state, path, metadata={"format": "pt"})
        _put(settings, {"model_type": "sam3_video", "detector_config": json.loads(settings.read_text()), "tracker_config": {}})
    return folder
