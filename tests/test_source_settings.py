"""Settings of other programs: what `genkit show` reads out of their files, and what `txt2img --like` makes of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing_model import FakeDraw
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from test_cli_txt2img import CARD, load_instead

from genkit.media.parameters.programs import of_compel, of_novelai
from genkit.verbs.txt2img.samplers import scheduler_of

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_folders: Path) -> FakeDraw:
    monkeypatch.chdir(tmp_path)
    folder = own_folders / "cards" / "txt2img"
    folder.mkdir(parents=True)
    (folder / "tiny-words.toml").write_text(CARD)
    (folder / "tiny-words.safetensors").write_bytes(b"")
    fake = FakeDraw()
    load_instead(monkeypatch, lambda: fake)
    return fake


def png(name: str, **texts: Any) -> str:
    info = PngInfo()
    for keyword, text in texts.items():
        whole = text if isinstance(text, str) else json.dumps(text)
        info.add_itxt(keyword.replace("_DASH_", "-"), whole)
    Image.new("RGB", (4, 4)).save(name, pnginfo=info)
    return name


def shown(genkit: Run, name: str) -> dict[str, Any]:
    done = genkit("show", name, "--json")
    assert done.code == 0, done.err
    return dict(json.loads(done.out)["recipe"])


def sampler(**more: Any) -> dict[str, Any]:
    inputs = {
        "seed": 5, "steps": 20, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    return {"class_type": "KSampler", "inputs": inputs | more}


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


GRAPH = {
    "3": sampler(),
    "4": node("CheckpointLoaderSimple", ckpt_name="models\\sdxl.safetensors"),
    "5": node("EmptyLatentImage", width=48, height=32, batch_size=1),
    "6": node("CLIPTextEncode", text="a (red:1.2) [cat]", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="ugly", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", images=["8", 0]),
}
# The editor's form of the same: values without names, links by number.
EDITOR = {
    "nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 20, 6.5, "dpmpp_2m", "karras", 1],
         "inputs": [{"name": "positive", "link": 1}, {"name": "negative", "link": 2}, {"name": "latent_image", "link": 3},
                    {"name": "model", "link": 4}]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["sdxl.safetensors"], "inputs": []},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [48, 32, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a (red:1.2) [cat]"], "inputs": [{"name": "clip", "link": 5}]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["ugly"]},
    ],
    "links": [[1, 6, 0, 3, 0, "CONDITIONING"], [2, 7, 0, 3, 1, "CONDITIONING"], [3, 5, 0, 3, 2, "LATENT"],
              [4, 4, 0, 3, 3, "MODEL"], [5, 4, 1, 6, 0, "CLIP"]],
}  # fmt: skip
COMFY = {"Steps": "20", "CFG scale": "6.5", "Seed": "5", "Size": "48x32", "Sampler": "dpmpp_2m", "Schedule type": "karras"}


@pytest.mark.parametrize("graph", [{"prompt": GRAPH}, {"workflow": EDITOR}, {"prompt": GRAPH, "workflow": {"nodes": []}}])
def test_comfyui_in_both_forms(genkit: Run, graph: dict[str, Any]) -> None:
    recipe = shown(genkit, png("c.png", **graph))
    assert recipe["program"] == "ComfyUI" and recipe["prompt"] == r"a (red:1.2) \[cat\]"
    assert COMFY.items() <= recipe["options"].items() and recipe["options"]["Negative prompt"] == "ugly"
    assert recipe["options"]["Model"].endswith("sdxl.safetensors")


def changed(**nodes: Any) -> dict[str, Any]:
    return GRAPH | nodes


@pytest.mark.parametrize(
    ("graph", "prompt", "settings"),
    [
        # the sampler that draws first, though the one that refines it stands before it
        (changed(**{"1": sampler(latent_image=["3", 0], steps=9, seed=6)}), "a (red:1.2)", {"Steps": "20", "Seed": "5"}),
        (
            changed(**{"3": sampler(steps=["11", 0], seed=["12", 0]), "11": node("PrimitiveInt", value=7),
                       "12": node("Seed (rgthree)", seed=123)}),
            "a (red", {"Steps": "7", "Seed": "123"},
        ),
        (
            changed(**{"6": node("CLIPTextEncode", text=["20", 0]),
                       "20": node("StringConcatenate", string_a="a dog", string_b=["21", 0], delimiter=", "),
                       "21": node("PrimitiveString", value="at sea")}),
            "a dog, at sea", {},
        ),
        (
            changed(**{"3": sampler(positive=["30", 0], negative=["30", 1]),
                       "30": node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["31", 0]),
                       "31": node("ControlNetLoader", control_net_name="canny.safetensors")}),
            "a (red", {"Negative prompt": "ugly"},
        ),
        (
            changed(**{"3": sampler(model=["40", 0]),
                       "40": node("LoraLoader", model=["4", 0], lora_name="sub/shiny.safetensors", strength_model=0.7)}),
            "<lora:shiny:0.7>", {},
        ),
        (changed(**{"3": sampler(negative=["50", 0]), "50": node("ConditioningZeroOut", conditioning=["7", 0])}), "a (red",
         {"Negative prompt": None}),
        (
            {"1": node("KSampler (Efficient)", seed=3, steps=6, cfg=4, sampler_name="euler", scheduler="normal",
                       model=["2", 0], positive=["2", 1], negative=["2", 2], latent_image=["2", 3]),
             "2": node("Efficient Loader", ckpt_name="x.safetensors", positive="a boat", negative="fog",
                       empty_latent_width=64, empty_latent_height=32)},
            "a boat", {"Negative prompt": "fog", "Size": "64x32", "Steps": "6"},
        ),
        (
            {"1": node("SamplerCustomAdvanced", noise=["2", 0], guider=["3", 0], sampler=["4", 0], sigmas=["5", 0],
                       latent_image=["6", 0]),
             "2": node("RandomNoise", noise_seed=77), "3": node("BasicGuider", model=["9", 0], conditioning=["7", 0]),
             "4": node("KSamplerSelect", sampler_name="euler"), "5": node("BasicScheduler", scheduler="simple", steps=4),
             "6": node("EmptySD3LatentImage", width=64, height=64),
             "7": node("FluxGuidance", guidance=3.5, conditioning=["8", 0]),
             "8": node("CLIPTextEncode", text="a house"), "9": node("UNETLoader", unet_name="flux1-schnell.safetensors")},
            "a house", {"Seed": "77", "Steps": "4", "Distilled CFG Scale": "3.5", "Sampler": "euler", "CFG scale": None},
        ),
    ],
)  # fmt: skip
def test_graphs_of_many_kinds(genkit: Run, graph: dict[str, Any], prompt: str, settings: dict[str, str | None]) -> None:
    recipe = shown(genkit, png("c.png", prompt=graph))
    assert prompt in recipe["prompt"]
    assert {name: recipe["options"].get(name) for name in settings} == settings


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"prompt": {"1": node("LoadImage", image="a.png"), "2": node("SaveImage", images=["1", 0])}},
         "ComfyUI: the graph has no sampler that is known: LoadImage, SaveImage"),
        ({"workflow": {"nodes": []}}, "ComfyUI: no graph of nodes is in it"),
        ({"prompt": {str(n): node("Note") for n in range(2500)}}, "more than 2,000 nodes"),
        ({"prompt": {"1": node("KSampler", steps=["1", 0], positive=["1", 0], negative=["1", 0])}}, "no sampler that is known"),
        ({"invokeai_graph": {"id": "x"}}, "InvokeAI: a graph alone is in it"),
        ({"parameters": {"some": "thing"}}, "of no program that is known"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(genkit: Run, texts: dict[str, Any], reason: str) -> None:
    name = png("c.png", **texts)
    like = genkit("txt2img", "--like", name, "--model", "tiny-words")
    assert like.code == 2 and reason in like.err and name in like.err and "hint" in like.err, like.err
    told = genkit("show", name)
    assert told.code == 1 and reason in told.err and told.err.count(name) == 1


INVOKE = {
    "positive_prompt": "a red++ cat (on a mat)1.3", "negative_prompt": "fog", "width": 48, "height": 32, "seed": 9,
    "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k", "model": {"name": "Somebody's", "base": "sd-1"},
    "loras": [{"model": {"name": "shiny"}, "weight": 0.5}],
}  # fmt: skip
OLD_INVOKE = {
    "model_weights": "stable-diffusion-v1-5",
    "image": {"prompt": [{"prompt": "a cat [fog, rain]", "weight": 1}], "steps": 8, "cfg_scale": 7.5, "seed": 9, "width": 48,
              "height": 32, "sampler": "k_euler_a"},
}  # fmt: skip
NOVEL = {"prompt": "{{a}} cat [b]", "uc": "fog", "steps": 28, "scale": 5.0, "seed": 9, "width": 48, "height": 32,
         "sampler": "k_euler_ancestral", "noise_schedule": "native"}  # fmt: skip
FOOOCUS = {"prompt": "a cat", "negative_prompt": "fog", "steps": 30, "resolution": "(48, 32)", "guidance_scale": 4,
           "base_model": "j.safetensors", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "9",
           "styles": "['Fooocus V2']", "loras": [["shiny.safetensors", 0.1, "abc"]]}  # fmt: skip
DRAW_THINGS = {"c": "a cat", "uc": "fog", "steps": 8, "scale": 4.5, "seed": 9, "size": "48x32", "sampler": "DPM++ 2M Karras",
               "model": "x.ckpt", "strength": 1}  # fmt: skip
SWARM = {"sui_image_params": {"prompt": "a cat", "negativeprompt": "fog", "model": "x", "seed": 9, "steps": 8, "cfgscale": 7.0,
                              "width": 48, "height": 32, "sampler": "euler"}}  # fmt: skip
EASY = {"prompt": "a cat", "negative_prompt": "fog", "seed": "9", "num_inference_steps": "25", "guidance_scale": "7.5",
        "width": "48", "height": "32", "sampler_name": "euler_a", "use_stable_diffusion_model": "sd-v1-5"}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "program", "prompt", "steps", "scheduler"),
    [
        ({"invokeai_metadata": INVOKE}, "InvokeAI", r"a (red:1.21) cat (on a mat:1.3)", "30", "dpmpp-2m-karras"),
        ({"sd_DASH_metadata": OLD_INVOKE}, "InvokeAI", "a cat", "8", "euler-a"),
        ({"Dream": '"a cat [fog]" -s 50 -S 9 -W 48 -H 32 -C 7.5 -A plms'}, "InvokeAI", "a cat", "50", "pndm"),
        ({"dream": '"a cat [fog]" -s50 -b1 -W48 -H32 -C7.5 -mk_lms -S9'}, "InvokeAI", "a cat", "50", None),
        ({"Comment": NOVEL, "Software": "NovelAI", "Source": "NAI V4"}, "NovelAI", "((a:1.05):1.05) cat (b:0.9524)", "28",
         "euler-a"),
        ({"parameters": FOOOCUS}, "Fooocus", "a cat <lora:shiny:0.1>", "30", "dpmpp-2m-sde-karras"),
        ({"parameters": SWARM}, "SwarmUI", "a cat", "8", "euler"),
        ({"parameters": DRAW_THINGS}, "Draw Things", "a cat", "8", "dpmpp-2m-karras"),
        (EASY, "Easy Diffusion", "a cat", "25", "euler-a"),
    ],
)  # fmt: skip
def test_other_programs(genkit: Run, model: FakeDraw, texts: dict[str, Any], program: str, prompt: str, steps: str,
                        scheduler: str | None) -> None:  # fmt: skip
    name = png("o.png", **texts)
    recipe = shown(genkit, name)
    assert recipe["program"] == program and recipe["prompt"].startswith(prompt) and recipe["options"]["Seed"] == "9"
    assert recipe["options"]["Size"] == "48x32" and recipe["options"]["Steps"] == steps
    assert program == "Fooocus" or "fog" in recipe["options"]["Negative prompt"]
    assert scheduler_of(recipe["options"]["Sampler"], recipe["options"].get("Schedule type", "")) == (scheduler, True)
    done = genkit("txt2img", "--like", name, "--model", "tiny-words", "--scheduler", "euler", "-o", "drawn.png")
    assert done.code == 0 and model.calls[-1]["steps"] == int(steps) and model.calls[-1]["seeds"] == [9], done.err


def test_a_model_and_loras_that_are_not_here_are_told(genkit: Run) -> None:
    done = genkit("txt2img", "--like", png("i.png", invokeai_metadata=INVOKE), "--model", "tiny-words", "--scheduler", "euler")
    assert "model Somebody's (choose one with --model)" in done.err and "LoRA shiny" in done.err


HARD = (
    'a cat\nNegative prompt: fog\nNegative prompt: rain\nSteps: 8, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, '
    'Seed: 9, Size: 48x32, Model: x, VAE: y, Denoising strength: 0.4, Hires upscale: 2, ADetailer prompt: "a, b, Seed: 3", '
    'Hashes: {"model": "1", "lora:a": "2"}, TI hashes: "easy: 1, Size: 9x9", Version: f2.0\r\nTemplate: {a|b}, Seed: 4\r\n'
)  # fmt: skip


def test_the_web_ui_with_all_that_it_may_have(genkit: Run, model: FakeDraw) -> None:
    Path("t.txt").write_bytes(HARD.encode())
    recipe = shown(genkit, "t.txt")
    options = recipe["options"]
    assert recipe["prompt"] == "a cat" and options["Negative prompt"] == "fog\nrain"
    assert (options["Seed"], options["Size"], options["Version"]) == ("9", "48x32", "f2.0")
    assert options["ADetailer prompt"] == "a, b, Seed: 3" and options["Hashes"] == '{"model": "1", "lora:a": "2"}'
    assert genkit("txt2img", "--like", "t.txt", "--model", "tiny-words", "--scheduler", "euler").code == 0
    assert model.calls[-1]["steps"] == 8 and model.calls[-1]["negative"] == ["fog rain"]
    assert "--like t.txt" in genkit("show", "t.txt").out


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "settings"),
    [
        ("a cat Negative prompt: fog Steps: 8, Sampler: Euler a, Seed: 9", "a cat", "fog", {"Steps": "8", "Seed": "9"}),
        ("a cat\nSampler: Euler, CFG scale: 7, Seed: 9, Steps: 8", "a cat", None, {"Seed": "9", "Steps": "8"}),
        ("Negative prompt: fog\nSteps: 8, Seed: 9", "", "fog", {"Steps": "8"}),
        ("Steps: 8, Seed: 9", "", None, {"Steps": "8"}),
        ("a cat\rSteps: 8, Seed: 9", "a cat", None, {"Steps": "8"}),
    ],
)
def test_blocks_that_lack_something(
    genkit: Run, text: str, prompt: str, negative: str | None, settings: dict[str, str]
) -> None:
    Path("t.txt").write_text(text, newline="")
    recipe = shown(genkit, "t.txt")
    assert recipe["prompt"] == prompt and recipe["options"].get("Negative prompt") == negative
    assert settings.items() <= recipe["options"].items()


@pytest.mark.parametrize("where", ["comment", "make", "webp", "xmp", "alpha", "json"])
def test_where_settings_stand(genkit: Run, where: str) -> None:
    exif = Image.Exif()
    picture, name = Image.new("RGB", (40, 30)), "p.jpg"
    if where == "comment":
        exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + json.dumps(DRAW_THINGS).encode()
        picture.save(name, exif=exif)
    elif where == "make":
        exif[0x010F], exif[0x0110] = f"workflow:{json.dumps(EDITOR)}", f"prompt:{json.dumps(GRAPH)}"
        picture.save(name, exif=exif)
    elif where == "webp":
        name = "p.webp"
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + HARD.encode("utf-16-le")
        picture.save(name, exif=exif)
    elif where == "xmp":
        text = json.dumps(DRAW_THINGS).replace('"', "&quot;")
        name = png("p.png", **{"XML:com.adobe.xmp": (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:UserComment><rdf:Alt>'
            f'<rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>'
        )})  # fmt: skip
    elif where == "alpha":
        name = "p.png"
        hidden("p.png", json.dumps({"Comment": json.dumps(NOVEL), "Source": "NAI"}))
    else:
        name = "p.json"
        Path(name).write_text(json.dumps(GRAPH))
    assert shown(genkit, name)["options"]["Size"] == "48x32"


def hidden(name: str, text: str, *, length: int | None = None) -> None:
    body = gzip.compress(text.encode())
    bits = np.unpackbits(np.frombuffer(b"stealth_pngcomp" + (length or 8 * len(body)).to_bytes(4, "big") + body, np.uint8))
    alpha = np.full((61, 64), 255, np.uint8)
    flat = alpha.T.reshape(-1)
    flat[: len(bits)] = 254 | bits
    alpha = flat.reshape(64, 61).T
    Image.fromarray(np.dstack([np.zeros((61, 64, 3), np.uint8), alpha])).save(name)


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": "{" * 5000},
        {"prompt": '{"1":' * 900 + "1" + "}" * 900},
        {"invokeai_metadata": {**INVOKE, "steps": 10**30, "seed": "x\x1b[31m", "width": [1], "scheduler": {}}},
        {"Comment": {**NOVEL, "prompt": "(" * 3000 + "{" * 3000, "scale": "much"}},
        {"parameters": "a\n" + "Steps: 1, " + 'a: "' * 40_000},
        {"parameters": "a\n" + "Steps: 1, " + "a: [" * 40_000},
        {"Dream": '"' * 20_000 + " -s" * 20_000},
        {"prompt": {**GRAPH, "6": node("T", text=["6", 0])}},
        {"prompt": {**GRAPH, **{f"t{n}": node("T", string_a=[f"t{n + 1}", 0], string_b=[f"t{n + 1}", 0]) for n in range(500)},
                    "6": node("CLIPTextEncode", text=["t0", 0])}},
    ],
)  # fmt: skip
def test_hostile_settings_end_soon_and_break_nothing(genkit: Run, texts: dict[str, Any]) -> None:
    name = png("h.png", **texts)
    for words in (["show", name], ["txt2img", "--like", name, "--model", "tiny-words", "--overwrite", "--scheduler", "euler"]):
        done = genkit(*words)
        assert done.code in (0, 1, 2) and "bug" not in done.err and "\x1b" not in done.err + done.out, done.err[:500]


@pytest.mark.parametrize("length", [1 << 31, 8, 4000])
def test_hidden_text_that_is_not_whole_is_none(genkit: Run, length: int) -> None:
    hidden("h.png", "{}", length=length)
    assert "no recipe" in genkit("show", "h.png").err


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours"),
    [
        ("Euler a", "Automatic", ("euler-a", True)),
        ("DPM++ 2M Karras", "", ("dpmpp-2m-karras", True)),
        ("DPM++ 2M SDE", "Karras", ("dpmpp-2m-sde-karras", True)),
        ("dpmpp_2m_sde_gpu", "normal", ("dpmpp-2m-sde", True)),
        ("dpm_2_ancestral", "normal", ("dpm2-a", True)),
        ("kdpm_2_k", "", ("dpm2", False)),
        ("unipc_k", "", ("unipc-karras", True)),
        ("uni_pc_bh2", "simple", ("unipc", True)),
        ("PLMS", "", ("pndm", True)),
        ("euler", "sgm_uniform", ("euler-trailing", True)),
        ("DDIM Trailing", "", ("ddim-trailing", True)),
        ("Euler FlowMatch", "", ("euler", True)),
        ("Euler", "Beta", ("euler", False)),
        ("k_heun", "", ("heun", True)),
        ("DPM++ SDE", "Karras", (None, False)),
        ("LMS", "", (None, True)),
        ("", "", (None, True)),
    ],
)
def test_samplers_of_all_programs(sampler: str, schedule: str, ours: tuple[str | None, bool]) -> None:
    assert scheduler_of(sampler, schedule) == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a cat", "a cat"),
        ("a cat (on a mat)", r"a cat \(on a mat\)"),
        ("red-- cat+", "(red:0.81) (cat:1.1)"),
        ("a (big, red)1.5 cat, well-known", "a (big, red:1.5) cat, well-known"),
        ("C++ and 1+1", "(C:1.21) and 1+1"),
    ],
)
def test_prompts_of_invokeai(theirs: str, ours: str) -> None:
    assert of_compel(theirs) == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("{a} [b] (c)", r"(a:1.05) (b:0.9524) \(c\)"),
        ("1.5::rain, night::, cat", "(rain, night:1.5), cat"),
        ("{open", "{open"),
    ],
)
def test_prompts_of_novelai(theirs: str, ours: str) -> None:
    assert of_novelai(theirs) == ours
