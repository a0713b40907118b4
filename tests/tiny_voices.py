"""Tiny random voices of every transformers family, as the folders that are published, and the cards that name them on a hub."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import torch
from hub import COMMIT, FakeHub

LETTERS = "_abcdefghijklmnopqrstuvwxyz' -"


def _save(model: Any, folder: Path) -> None:
    with contextlib.redirect_stderr(io.StringIO()):
        model.save_pretrained(folder)


def _put(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def vits(folder: Path, letters: str = LETTERS, **changed: Any) -> Path:
    from genkit.models.tts import vits

    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": len(letters),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "ffn_dim": 16,
        "flow_size": 16,
        "spectrogram_bins": 17,
        "upsample_initial_channel": 16,
        "upsample_rates": [8, 4],
        "upsample_kernel_sizes": [16, 8],
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1]],
        "posterior_encoder_num_wavenet_layers": 1,
        "prior_encoder_num_wavenet_layers": 1,
        "prior_encoder_num_flows": 2,
        "depth_separable_num_layers": 1,
        "duration_predictor_num_flows": 2,
    } | changed
    _save(vits.build(**sizes), folder)
    _put(folder / "vocab.json", {letter: number for number, letter in enumerate(letters)})
    settings = {"add_blank": True, "is_uroman": False, "language": "eng", "normalize": True, "phonemize": False}
    _put(folder / "tokenizer_config.json", settings | {"pad_token": "_", "unk_token": "-", "tokenizer_class": "VitsTokenizer"})
    return folder


def fastspeech2(folder: Path) -> Path:
    from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerHifiGanConfig
    from transformers import FastSpeech2ConformerWithHifiGan as Whole
    from transformers import FastSpeech2ConformerWithHifiGanConfig as WholeConfig

    from genkit.text.english.phonemes import SYMBOLS

    torch.manual_seed(0)
    symbols = ["<blank>", "<unk>", *SYMBOLS, ",", ".", "?", "!", "<sos/eos>"]
    small = {"layers": 1, "num_attention_heads": 1, "linear_units": 16}
    model = FastSpeech2ConformerConfig(
        vocab_size=len(symbols),
        hidden_size=16,
        num_mel_bins=20,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=8,
        duration_predictor_channels=8,
        energy_predictor_channels=8,
        pitch_predictor_channels=8,
        pitch_predictor_layers=1,
        **{f"{part}_{key}": value for part in ("encoder", "decoder") for key, value in small.items()},
    )
    vocoder = FastSpeech2ConformerHifiGanConfig(
        model_in_dim=20,
        upsample_initial_channel=8,
        upsample_rates=[8, 8, 4],
        upsample_kernel_sizes=[16, 16, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
    )
    whole = Whole(WholeConfig(model_config=model.to_dict(), vocoder_config=vocoder.to_dict()))
    with torch.no_grad():  # a random predictor gives every sound no time at all
        whole.model.duration_predictor.linear.bias.fill_(1.9)
    _save(whole, folder)
    _put(folder / "vocab.json", {symbol: number for number, symbol in enumerate(symbols)})
    return folder


def speecht5(folder: Path, vocoder: Path) -> Path:
    import sentencepiece
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    from genkit.models.tts import speecht5

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    words = [
        "the quick brown fox jumps over the lazy dog",
        "pack my box with five dozen liquor jugs",
        "it's one two, three.",
    ] * 4
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words),
        model_writer=model,
        model_type="char",
        vocab_size=36,
        hard_vocab_limit=False,
        minloglevel=2,
        bos_id=0,
        pad_id=1,
        eos_id=2,
        unk_id=3,
    )
    (folder / "spm_char.model").write_bytes(model.getvalue())
    settings = {"tokenizer_class": "SpeechT5Tokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    _put(folder / "tokenizer_config.json", settings | {"pad_token": "<pad>"})
    small = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
    network = speecht5.build(
        vocab_size=40,
        hidden_size=16,
        num_mel_bins=20,
        speech_decoder_prenet_units=16,
        speech_decoder_postnet_units=16,
        speech_decoder_postnet_layers=2,
        speaker_embedding_dim=8,
        positional_dropout=0.0,
        **{f"{part}_{key}": value for part in ("encoder", "decoder") for key, value in small.items()},
    )
    for value in network.parameters():  # as they are built, their sound is nearly nothing
        value.data.normal_(0, 0.3)
    network.config.save_pretrained(folder)
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    vocoder.mkdir(parents=True)
    sizes = {"upsample_rates": [8, 8, 4], "upsample_kernel_sizes": [16, 16, 8], "resblock_kernel_sizes": [3]}
    gan = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(model_in_dim=20, upsample_initial_channel=8, resblock_dilation_sizes=[[1]], **sizes)
    )
    for value in gan.parameters():
        value.data.normal_(0, 0.2)
    gan.config.save_pretrained(vocoder)
    torch.save(gan.state_dict(), vocoder / "pytorch_model.bin")
    return folder


def bark(folder: Path) -> Path:
    from transformers import BertTokenizer, EncodecConfig

    from genkit.models.tts import bark

    torch.manual_seed(0)
    size = {"num_layers": 1, "num_heads": 2, "hidden_size": 16, "block_size": 600}
    tokens, codes, books = 40, 16, 2
    model = bark.build(
        semantic_config=size | {"input_vocab_size": 140, "output_vocab_size": 140},
        coarse_acoustics_config=size | {"input_vocab_size": 140, "output_vocab_size": 140},
        fine_acoustics_config=size
        | {"input_vocab_size": codes + 1, "output_vocab_size": codes + 1, "n_codes_total": books, "n_codes_given": 1},
        codec_config=EncodecConfig(
            sampling_rate=24_000, num_filters=4, hidden_size=8, codebook_size=codes, upsampling_ratios=[8, 5], num_lstm_layers=1
        ).to_dict(),
    )
    for layer in model.codec_model.quantizer.layers:  # zeros as they are built: every code would sound the same
        layer.codebook.embed.normal_(0, 1)
    _save(model, folder)
    _put(
        folder / "generation_config.json",
        {
            "sample_rate": 24_000,
            "codebook_size": codes,
            "semantic_config": {
                "do_sample": True,
                "max_new_tokens": 12,
                "eos_token_id": tokens,
                "semantic_pad_token": tokens,
                "semantic_vocab_size": tokens,
                "semantic_infer_token": 139,
                "text_encoding_offset": 50,
                "text_pad_token": 138,
                "max_input_semantic_length": 256,
                "semantic_rate_hz": 49.9,
            },
            "coarse_acoustics_config": {
                "do_sample": True,
                "coarse_rate_hz": 75,
                "coarse_infer_token": 139,
                "coarse_semantic_pad_token": 138,
                "max_coarse_history": 60,
                "max_coarse_input_length": 64,
                "n_coarse_codebooks": 2,
                "sliding_window_len": 30,
                "max_new_tokens": 30,
            },
            "fine_acoustics_config": {
                "temperature": 0.5,
                "max_fine_history_length": 64,
                "max_fine_input_length": 128,
                "n_fine_codebooks": books,
            },
        },
    )
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{one}" for one in "abcdefghijklmnopqrstuvwxyz"),
    ]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words))
    return folder


def wav2vec2(folder: Path) -> Path:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    torch.manual_seed(0)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=len(letters),
            conv_dim=(8, 8),
            conv_kernel=(10, 8),
            conv_stride=(5, 64),
            num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=2,
            **sizes,
        )
    )
    _save(model, folder)
    _put(folder / "vocab.json", {letter: number for number, letter in enumerate(letters)})
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def whisper(folder: Path) -> Path:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    torch.manual_seed(0)
    letters = [*"abcdefghijklmnopqrstuvwxyz", "\u0120"]
    folder.mkdir(parents=True)
    _put(folder / "vocab.json", {letter: number for number, letter in enumerate([*letters, "<|endoftext|>"])})
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    start = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|startoftranscript|>", "<|notimestamps|>"]})
    tokenizer.save_pretrained(folder)
    sizes = {
        f"{part}_{key}": value
        for part in ("encoder", "decoder")
        for key, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))
    }
    end = len(letters)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer), d_model=16, num_mel_bins=8, pad_token_id=end, bos_token_id=end, eos_token_id=end,
            decoder_start_token_id=start, max_target_positions=16, **sizes,
        )
    )  # fmt: skip
    model.generation_config.max_length = 12
    _save(model, folder)
    WhisperFeatureExtractor(feature_size=8).save_pretrained(folder)
    return folder


def publish(hub: FakeHub, repo: str, folder: Path) -> None:
    hub.add_repo(repo, {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()})


def card(home: Path, hub: FakeHub, name: str, like: str, repo: str, *, rate: int | None = None, **params: Any) -> str:
    """A shipped card under another name, that of a repository on the test's hub."""
    import re

    from genkit import cards

    text = cards.find(like).toml.read_text(encoding="utf-8")
    text = text.replace(f'name = "{like}"', f'name = "{name}"')
    text = re.sub(r"aliases = .*\n", "", text).replace("recommended = true\n", "")
    text = re.sub(r'repo = ".*"', f'repo = "{repo}"', text)
    text = re.sub(r'revision = ".*"', f'revision = "{COMMIT}"', text)
    text = text.replace("commercial = false", "commercial = true")
    text = re.sub(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/resolve/[0-9a-z]+/", rf"{hub.url}/\1/resolve/{COMMIT}/", text)
    text = re.sub(r'\[hub\.files\."pytorch_model\.bin"\]\n.*\n.*\n', "", text)
    text = text.replace('patterns = ["config.json", "spm', 'patterns = ["pytorch_model.bin", "config.json", "spm')
    if rate:
        text = re.sub(r"sample_rate = \d+", f"sample_rate = {rate}", text)
    path = home / "cards" / "tts" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name
