"""ComfyUI's graph as settings: the sampler that draws first, and what leads into it.

A graph is {number: {"class_type": ..., "inputs": {name: value or [number, place]}}} (the text "prompt" of a PNG, or what
"Export (API)" saves). The editor's own form ("workflow") has values without names; `WIDGETS` has those of the usual nodes.
Nodes of extensions are not known by name: what has steps and leads on to prompts is a sampler, whatever it is called.
Walks are by queues and visit each node once, so a graph in a circle ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from genkit.media.parameters.block import Parameters

MOST_NODES = 2_000  # large ones that people share have some hundreds
DEEPEST = 24  # nodes that one text or number goes through
PROMPTS = ("positive", "conditioning", "guider", "base_ctx", "context", "model")  # where the prompts of a sampler come from
TEXTS = ("text", "text_g", "text_l", "clip_g", "clip_l", "t5xxl", "llama", "prompt", "populated_text", "wildcard_text")
JOINED = ("string_a", "string_b", "string", "value", "text_a", "text_b", "text_c", "text_d", "text1", "text2", "positive")
VALUES = ("value", "seed", "noise_seed", "int", "float", "number", "Value")  # of nodes that hold one number
WIDGETS: dict[str, tuple[str, ...]] = {  # the editor's values in their order; "" is one that says nothing of the picture
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "RandomNoise": ("noise_seed",),
    "SamplerCustom": ("", "noise_seed", "", "cfg"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSDXL": ("", "", "", "", "", "", "text_g", "text_l"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "VAELoader": ("vae_name",),
    "LoraLoader": ("lora_name", "strength_model"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "LoadImage": ("image",),
}

Node = Mapping[str, Any]
Graph = Mapping[str, Node]


def read_graph(found: Mapping[str, Any]) -> Parameters:
    """The settings of a graph, in either form.

    Raises:
        ValueError: it is none, or has no sampler that can be read; says which kinds of nodes it has.
    """
    graph = _of_editor(found) if isinstance(found.get("nodes"), list) else _of_api(found)
    if not graph:
        raise ValueError("no graph of nodes is in it")
    if len(graph) > MOST_NODES:
        raise ValueError(f"the graph has more than {MOST_NODES:,} nodes")
    samplers = [number for number, node in graph.items() if _is_sampler(graph, number, node)]
    if not samplers:
        kinds = sorted({str(node["class_type"]) for node in graph.values()})
        more = ", ..." if len(kinds) > 6 else ""
        raise ValueError(f"the graph has no sampler that is known: {', '.join(kinds[:6])}{more}")
    first = _first(graph, samplers)
    lost = [f"{len(samplers) - 1} more of its {len(samplers)} samplers"] if len(samplers) > 1 else []
    positive, negative = _text(graph, first, "positive"), _text(graph, first, "negative")
    loras, beside = _beside(graph, first)
    lost += beside
    return Parameters(" ".join([positive, *loras]).strip(), negative, _settings(graph, first), tuple(lost), "ComfyUI")


# --- the two forms --------------------------------------------------------------------------------------------------------


def _of_api(found: Mapping[str, Any]) -> Graph:
    return {
        str(number): node
        for number, node in found.items()
        if isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
    }


def _of_editor(found: Mapping[str, Any]) -> Graph:
    """The same out of the editor's form, as far as the names of values are known."""
    links = found.get("links")
    sources = {
        link[0]: [str(link[1]), link[2]]
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, list) and len(link) >= 5 and isinstance(link[0], (int, str))
    }
    graph: dict[str, Node] = {}
    for node in found["nodes"]:
        if not isinstance(node, dict) or not isinstance(node.get("type"), str) or node.get("mode") in (2, 4):
            continue  # 2 and 4: muted, and passed by
        values = node.get("widgets_values")
        inputs: dict[str, Any] = dict(values) if isinstance(values, dict) else {}
        if isinstance(values, list):
            inputs |= {name: value for name, value in zip(WIDGETS.get(node["type"], ()), values, strict=False) if name}
        slots = node.get("inputs")
        for slot in slots if isinstance(slots, list) else ():
            if isinstance(slot, dict) and isinstance(slot.get("link"), (int, str)) and slot["link"] in sources:
                inputs[str(slot.get("name"))] = sources[slot["link"]]
        graph[str(node.get("id"))] = {"class_type": node["type"], "inputs": inputs}
    return graph


# --- walking --------------------------------------------------------------------------------------------------------------


def _link(value: Any) -> str | None:
    """The node that a value comes from."""
    linked = isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)) and isinstance(value[1], int)
    return str(value[0]) if linked else None


def _upstream(
    graph: Graph, number: str, *, names: Iterable[str] | None = None, leave_out: Iterable[str] = ()
) -> Iterator[Node]:
    """A node and those before it, nearest first; `names` are the inputs of the first that are followed, `leave_out` those
    that are followed nowhere."""
    queue, seen = [number], {number}
    for at, current in enumerate(queue):
        node = graph.get(current)
        if node is None:
            continue
        yield node
        for name, value in node["inputs"].items():
            if name in leave_out or (at == 0 and names is not None and name not in names):
                continue
            link = _link(value)
            if link is not None and link not in seen:
                seen.add(link)
                queue.append(link)


def _is_sampler(graph: Graph, number: str, node: Node) -> bool:
    """Whether a node draws: it has prompts, or what guides by them, and steps, its own or those of what plans them."""
    inputs = node["inputs"]
    if not {"positive", "guider"} & inputs.keys() or not {"steps", "sigmas", "sampler_name", "sampler"} & inputs.keys():
        return False
    return _find(graph, number, "steps") is not None


def _first(graph: Graph, samplers: list[str]) -> str:
    """The sampler that no other one leads into through the latent picture: the others go on with what it drew."""
    nodes = {id(graph[number]): number for number in samplers}
    for number in samplers:
        before = _upstream(graph, number, names=_LATENTS)
        if all(nodes.get(id(node), number) == number for node in before):
            return number
    return samplers[0]


_LATENTS = ("latent_image", "samples", "latent", "image", "optional_latent")


def _value(graph: Graph, value: Any) -> Any:
    """A value, also where it comes out of a node that holds nothing else."""
    for _ in range(DEEPEST):
        link = _link(value)
        if link is None:
            return value
        inputs = graph.get(link, {}).get("inputs", {})
        value = next((inputs[name] for name in VALUES if name in inputs), None)
    return None


def _find(graph: Graph, number: str, *names: str) -> Any:
    """The nearest value of one of these names, of a sampler or of what plans, seeds and guides it; None where there is none."""
    for node in _upstream(graph, number, leave_out=("positive", "negative", "conditioning", "model", *_LATENTS)):
        for name in names:
            value = _value(graph, node["inputs"].get(name))
            if isinstance(value, (int, float, str)) and not isinstance(value, bool):
                return value
    return None


# --- what it says ---------------------------------------------------------------------------------------------------------


def _settings(graph: Graph, number: str) -> dict[str, str]:
    found = {
        "Steps": _find(graph, number, "steps"),
        "Distilled CFG Scale": _named(graph, number, ("positive", "guider", "conditioning"), "guidance"),
        "CFG scale": _find(graph, number, "cfg"),
        "Seed": _find(graph, number, "noise_seed", "seed"),
        "Size": _size(graph, number),
        "Sampler": _find(graph, number, "sampler_name"),
        "Schedule type": _find(graph, number, "scheduler"),
        "Model": _named(graph, number, PROMPTS, "ckpt_name", "unet_name", "model_name"),
        "Clip skip": _named(graph, number, PROMPTS, "stop_at_clip_layer"),
    }
    denoise = _find(graph, number, "denoise")
    if isinstance(denoise, (int, float)) and denoise < 1:
        found["Denoising strength"] = denoise
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in found.items() if value is not None
    }


def _named(graph: Graph, number: str, inputs: Iterable[str], *names: str) -> Any:
    for node in _upstream(graph, number, names=inputs):
        for name in names:
            value = _value(graph, node["inputs"].get(name))
            if isinstance(value, (int, float, str)) and not isinstance(value, bool):
                return value
    return None


def _size(graph: Graph, number: str) -> str | None:
    for node in _upstream(graph, number, names=_LATENTS):
        for across, down in (("width", "height"), ("empty_latent_width", "empty_latent_height")):
            width, height = (_value(graph, node["inputs"].get(name)) for name in (across, down))
            if isinstance(width, int) and isinstance(height, int):
                return f"{width}x{height}"
    return None


def _beside(graph: Graph, number: str) -> tuple[list[str], list[str]]:
    """The LoRAs on the way to the model, as the web UI writes them into prompts, and what cannot be said."""
    loras: dict[str, None] = {}
    for node in _upstream(graph, number, names=("model", "guider")):
        inputs = node["inputs"]
        name, weight = inputs.get("lora_name"), _value(graph, inputs.get("strength_model", 1.0))
        if isinstance(name, str) and name != "None" and isinstance(weight, (int, float)):
            loras[f"<lora:{_stem(name)}:{weight:g}>"] = None
        for value in inputs.values():  # of a stack: {"on": true, "lora": "name", "strength": 1}
            if isinstance(value, dict) and value.get("on") and isinstance(value.get("lora"), str):
                strength = value.get("strength", 1.0)
                loras[f"<lora:{_stem(value['lora'])}:{strength if isinstance(strength, (int, float)) else 1:g}>"] = None
    lost = []
    for node in _upstream(graph, number, names=_LATENTS):
        if isinstance(node["inputs"].get("image"), str):
            lost.append(f"the picture that it begins with ({node['inputs']['image']}: --init)")
            break
    for node in _upstream(graph, number, names=("positive",)):
        if isinstance(name := node["inputs"].get("control_net_name"), str):
            lost.append(f"the picture that it follows ({name}: --control)")
    return list(loras), lost


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors").replace(":", "-")


def _text(graph: Graph, number: str, side: str) -> str:
    """The words that lead into one side of a sampler: those of several nodes are joined, each once."""
    texts: dict[str, None] = {}
    start = _start(graph, number, side)
    queue, seen = [start] if start is not None else [], set()
    for current in queue:
        node = graph.get(current)
        if node is None or current in seen or "ZeroOut" in str(node["class_type"]):  # that takes the words away
            continue
        seen.add(current)
        inputs = node["inputs"]
        given = [inputs.get(name) for name in TEXTS] + [value for value in (inputs.get(side),) if isinstance(value, str)]
        own = [text for value in given if (text := _words(graph, value, set()))]
        if own:
            texts |= dict.fromkeys(own)
            continue
        both = {"positive", "negative"} <= inputs.keys()  # such a node passes each side on to its own
        names = [side] if both else [name for name in inputs if name not in ("clip", "vae", "model")]
        queue += [link for name in names if (link := _link(inputs.get(name))) is not None]
    # round brackets weigh there as in the web UI, square ones are plain text
    joined = ", ".join(text.strip() for text in texts if text.strip())
    return joined.replace("[", r"\[").replace("]", r"\]")


def _start(graph: Graph, number: str, side: str) -> str | None:
    names = (side, "conditioning") if side == "positive" else (side,)
    for node in _upstream(graph, number, names=("guider", "basic_pipe", "context")):
        for name in names:
            if (link := _link(node["inputs"].get(name))) is not None:
                return link
    return None


def _words(graph: Graph, value: Any, seen: set[str]) -> str:
    """A text, also where it is put together by other nodes."""
    if isinstance(value, str):
        return value
    link = _link(value)
    if link is None or link in seen or len(seen) > DEEPEST:
        return ""
    seen.add(link)
    inputs = graph.get(link, {}).get("inputs", {})
    found = [text for name in (*TEXTS, *JOINED) if (text := _words(graph, inputs.get(name), seen))]
    return ", ".join(dict.fromkeys(found))
