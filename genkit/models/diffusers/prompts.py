"""Prompts as text encoders take them: counted, refused where they would be cut, and for CLIP read in pieces and weighted.

CLIP reads 75 words' pieces at once. A longer prompt is read in several such windows whose states are put one behind the other;
of several windows the pooled state is the first one's. A weight multiplies the states of its tokens, after which the whole is
brought back to the mean it had, so that emphasis does not become contrast. Both are what users of CLIP models are used to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.models.diffusers.pipelines import Kind, models_with
from genkit.models.shapes.draw import Prompt

if TYPE_CHECKING:
    from torch import Tensor


def pieces_of(prompt: Prompt) -> list[tuple[str, float]]:
    """A prompt as pieces with weights; plain text is one piece."""
    return [(prompt, 1.0)] if isinstance(prompt, str) else [(str(text), float(weight)) for text, weight in prompt]


def text_of(prompt: Prompt) -> str:
    return "".join(text for text, _ in pieces_of(prompt))


def is_weighted(prompt: Prompt) -> bool:
    return any(weight != 1.0 for _, weight in pieces_of(prompt))


def window_of(pipeline: Any, kind: Kind, limit: int | None = None) -> int:
    """How many tokens the encoder that matters reads at once, with those that it adds itself."""
    return limit or kind.window or int(_reader(pipeline, kind).model_max_length)


def count_tokens(pipeline: Any, kind: Kind, text: str) -> int:
    """How many tokens of the window a text takes."""
    tokenizer = _reader(pipeline, kind)
    if kind.template:
        whole = tokenizer(pipeline.prompt_template_encode.format(text), truncation=False, verbose=False)
        return len(whole.input_ids) - int(pipeline.prompt_template_encode_start_idx)
    if kind.chat:
        message = [{"role": "user", "content": text}]
        text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    return len(tokenizer(text, truncation=False, verbose=False).input_ids)


def refuse_unreadable(pipeline: Any, kind: Kind, name: str, prompts: Sequence[Prompt], window: int, option: str) -> None:
    """Refuse what no window holds and weights that mean nothing to the encoder; CLIP takes both.

    Raises:
        UsageError: too long, with the count, or weighted.
    """
    for prompt in () if kind.clip else dict.fromkeys(map(_frozen, prompts)):
        if is_weighted(prompt):
            raise UsageError(
                f"{option}: the text encoder of {name} takes no weights", f"say it in words; {models_with('weights')}"
            )
        count = count_tokens(pipeline, kind, text_of(prompt))
        if count > window:
            raise UsageError(f"{option} is {count} tokens long, and {name} reads {window}", "make it shorter")


def windows_of(pipeline: Any, prompt: Prompt) -> int:
    """How many of CLIP's windows a prompt fills, at least 1."""
    room = int(pipeline.tokenizer.model_max_length) - 2
    return max(1, *(-(-len(_tokens(one, prompt)[0]) // room) for one in _tokenizers(pipeline)))


@dataclass(frozen=True)
class Encoded:
    """States (1, windows x 77, D) and, where the pipeline looks at it, the pooled state (1, D)."""

    states: Tensor
    pooled: Tensor | None


def encode(pipeline: Any, prompt: Prompt, windows: int) -> Encoded:
    """Read a prompt through every CLIP encoder of the pipeline, in so many windows."""
    import torch

    device = pipeline._execution_device
    states: list[Tensor] = []
    pooled: Tensor | None = None
    encoders: list[Any] = [getattr(pipeline, name, None) for name in ("text_encoder", "text_encoder_2")]
    for tokenizer, encoder in zip(_tokenizers(pipeline), encoders, strict=False):
        rows, weights = _rows(tokenizer, prompt, windows)
        mask = None
        if getattr(encoder.config, "use_attention_mask", None):
            mask = (rows != tokenizer.pad_token_id).long().to(device)
        read = encoder(rows.to(device), attention_mask=mask, output_hidden_states=len(_tokenizers(pipeline)) > 1)
        if len(_tokenizers(pipeline)) > 1:
            hidden = read.hidden_states[-2]
            pooled = read[0][:1] if read[0].ndim == 2 else pooled
        else:
            hidden = read[0]
        states.append(_weigh(hidden, weights.to(hidden.device, hidden.dtype)).flatten(0, 1)[None])
    return Encoded(torch.cat(states, -1), pooled)


def _weigh(states: Tensor, weights: Tensor) -> Tensor:
    if bool((weights == 1).all()):
        return states
    weighed = states.float() * weights[..., None]
    return (weighed * (states.float().mean() / weighed.mean())).to(states.dtype)


def _rows(tokenizer: Any, prompt: Prompt, windows: int) -> tuple[Tensor, Tensor]:
    """Token numbers (windows, length) with the marks of beginning and end, and the weight of each."""
    import torch

    length = int(tokenizer.model_max_length)
    tokens, weights = _tokens(tokenizer, prompt)
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    fill = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    rows, shares = [], []
    for start in range(0, windows * (length - 2), length - 2):
        piece, share = tokens[start : start + length - 2], weights[start : start + length - 2]
        empty = length - 2 - len(piece)
        rows.append([begin, *piece, end, *[fill] * empty])
        shares.append([1.0, *share, 1.0, *[1.0] * empty])
    return torch.tensor(rows), torch.tensor(shares)


def _tokens(tokenizer: Any, prompt: Prompt) -> tuple[list[int], list[float]]:
    tokens: list[int] = []
    weights: list[float] = []
    for text, weight in pieces_of(prompt):
        piece_tokens = (
            tokenizer(text, truncation=False, add_special_tokens=False, verbose=False).input_ids if text.strip() else []
        )
        tokens += piece_tokens
        weights += [weight] * len(piece_tokens)
    return tokens, weights


def _tokenizers(pipeline: Any) -> list[Any]:
    tokenizers = [getattr(pipeline, name, None) for name in ("tokenizer", "tokenizer_2")]
    return [one for one in tokenizers if one is not None]


def _reader(pipeline: Any, kind: Kind) -> Any:
    """The tokenizer of the encoder that must see all of a prompt: T5's where CLIP makes but a summary."""
    second = getattr(pipeline, "tokenizer_2", None)
    return second if second is not None and not kind.clip else pipeline.tokenizer


def _frozen(prompt: Prompt) -> Prompt:
    return prompt if isinstance(prompt, str) else tuple((text, weight) for text, weight in prompt)
