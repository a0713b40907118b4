"""What genkit offers from Python; made of the verbs' declarations by `.ci/docs.py`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from genkit.cards import Card
from genkit.errors import GenkitError as GenkitError
from genkit.errors import InputError as InputError
from genkit.errors import OutputError as OutputError
from genkit.errors import RunError as RunError
from genkit.errors import UsageError as UsageError
from genkit.errors import WeightsError as WeightsError
from genkit.python.batches import Result
from genkit.python.models import Model
from genkit.version import __version__ as __version__

Events = Callable[[dict[str, Any]], None]

def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Model: ...
def list_models(verb: str | None = None) -> list[Card]: ...
def batch(verb: str, inputs: Iterable[Any], output: str | Path | None = None, **values: Any) -> Iterator[Result]: ...
def upscale(
    image: Any,
    output: str | Path | None = None,
    *,
    scale: float | None = None,
    size: str | None = None,
    width: int | None = None,
    height: int | None = None,
    sharpen: float = 0.0,
    tile: str = "auto",
    wrap: bool = False,
    tta: bool = False,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    only: Literal['pictures', 'films'] | None = None,
    begin: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: str | None = None,
    codec: Literal['h264', 'hevc', 'av1', 'vp9', 'prores', 'ffv1', 'copy-like'] | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    audio: Literal['copy', 'aac', 'opus', 'none'] | None = None,
    deinterlace: bool = False,
    events: Events | None = None,
) -> Any:
    """Enlarge pictures: files, folders, whole trees. Metadata, transparency, 16 bits and the format are kept.

    Without -o the result lies beside its input: photo.jpg gives photo_x4.jpg.

    scale: How many times as wide and high, such as 2 or 1.5.
    size: Fit inside this, in pixels, or inside 720p, 1080p, 1440p (2k), 4k, 5k or 8k.
    width: Width in pixels.
    height: Height in pixels.
    sharpen: Sharpen the result by an unsharp mask.
    tile: auto (by free memory), 0 for the whole picture at once, or a side in input pixels.
    wrap: Keep a seamless texture seamless: edges go round.
    tta: Average eight turned and mirrored passes: 8 times as slow, a bit better.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.
    only: Take of what is named the pictures alone, or the films alone.
    begin: Begin at this time of the film: 12.5 or 1:02:03.5.
    end: End before this time.
    frames: Take these frames alone, counted from 1.
    fps: Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.
    codec: h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.
    crf: Constant quality of the codec: less is better.
    preset: How long to look for a smaller file: ultrafast to veryslow.
    pix_fmt: Pixel format, such as yuv420p10le.
    audio: copy, aac, opus or none.
    deinterlace: Make whole pictures of interlaced fields first.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def colorize(
    image: Any,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    hint: Any = None,
    reference: Any = None,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    only: Literal['pictures', 'films'] | None = None,
    begin: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: str | None = None,
    codec: Literal['h264', 'hevc', 'av1', 'vp9', 'prores', 'ffv1', 'copy-like'] | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    audio: Literal['copy', 'aac', 'opus', 'none'] | None = None,
    deinterlace: bool = False,
    events: Events | None = None,
) -> Any:
    """Colour black-and-white pictures: files, folders, whole trees. Lightness, transparency, 16 bits and metadata are kept.

    Pictures in colour are turned to grey first. Hints are drawn on the picture as it is shown: upright, whichever way the
    camera was held. Without -o, photo.jpg gives photo_colorized.jpg beside it.

    strength: How much colour: 0 none (grey), 1 what the model says, up to 2 twice as much.
    hint: Coloured strokes on transparency that say which colour is where: a file, or a folder named as the inputs.
    reference: Take the palette of this picture; one for a whole folder gives it the same colours throughout.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.
    only: Take of what is named the pictures alone, or the films alone.
    begin: Begin at this time of the film: 12.5 or 1:02:03.5.
    end: End before this time.
    frames: Take these frames alone, counted from 1.
    fps: Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.
    codec: h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.
    crf: Constant quality of the codec: less is better.
    preset: How long to look for a smaller file: ultrafast to veryslow.
    pix_fmt: Pixel format, such as yuv420p10le.
    audio: copy, aac, opus or none.
    deinterlace: Make whole pictures of interlaced fields first.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def inpaint(
    image: Any,
    output: str | Path | None = None,
    *,
    mask: Any = None,
    mask_model: str | None = None,
    mask_color: str | None = None,
    mask_tolerance: int = 0,
    mask_box: str | None = None,
    outpaint: str | None = None,
    invert_mask: bool = False,
    grow: str | None = None,
    feather: int | None = None,
    hide_feather: bool = False,
    texture: str = "auto",
    wrap: bool = False,
    candidates: int = 1,
    prompt: str | float | None = None,
    negative: str | float | None = None,
    steps: str | float | None = None,
    guidance: str | float | None = None,
    denoise: str | float | None = None,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    only: Literal['pictures', 'films'] | None = None,
    begin: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: str | None = None,
    codec: Literal['h264', 'hevc', 'av1', 'vp9', 'prores', 'ffv1', 'copy-like'] | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    audio: Literal['copy', 'aac', 'opus', 'none'] | None = None,
    deinterlace: bool = False,
    events: Events | None = None,
) -> Any:
    """Repaint a part of pictures: remove things, fill holes, extend the canvas.

    Not one pixel changes outside the mask, its --grow and its --feather. PNG, TIFF and lossless formats so keep every other
    pixel bit for bit; JPEG, and what else is lossy, is encoded again as a whole. A mask counts as white from half on, and what
    is transparent in it as black; one of another size must have the picture's proportions. It is drawn on the picture as it is
    shown: upright, whichever way the camera was held.

    mask: White is repainted: one file for all, a folder paired by name, alpha for the input's own transparency, subject or background for what genkit cutout finds, or another word for a --mask-model that knows it.
    mask_model: The model that finds what a word in --mask's place names: of `genkit cutout`, or one that knows any (clipseg).
    mask_color: Repaint what has this colour.
    mask_tolerance: How far from --mask-color, of 255; JPEG files want about 30.
    mask_box: Repaint a rectangle, in pixels or per cent: 10,20,30%,40.
    outpaint: Extend the canvas by so many pixels (or per cent) left, above, right and below, and paint what is new.
    invert_mask: Repaint what the mask would keep.
    grow: Pixels that the mask grows by first; auto: as far as what it covers has left traces.
    feather: Pixels beyond that, over which it is blended in.
    hide_feather: Hide what --feather blends from the model, as versions before 0.2.0 did.
    texture: How much of the texture around a wide hole to add to what the model painted; auto: where it is lacking.
    wrap: Keep a seamless texture seamless: edges go round.
    candidates: Make N different fillings (_1, _2, ...): by the model's noise, or the texture's.
    prompt: What to paint there.
    negative: What not to paint.
    steps: Steps of the drawing.
    guidance: How closely to follow --prompt.
    denoise: How much of what is under the mask to forget; 1 is all of it.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.
    only: Take of what is named the pictures alone, or the films alone.
    begin: Begin at this time of the film: 12.5 or 1:02:03.5.
    end: End before this time.
    frames: Take these frames alone, counted from 1.
    fps: Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.
    codec: h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.
    crf: Constant quality of the codec: less is better.
    preset: How long to look for a smaller file: ultrafast to veryslow.
    pix_fmt: Pixel format, such as yuv420p10le.
    audio: copy, aac, opus or none.
    deinterlace: Make whole pictures of interlaced fields first.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def cutout(
    image: Any,
    output: str | Path | None = None,
    *,
    background: Any = None,
    matte: bool = False,
    mask_only: bool = False,
    crop: bool = False,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    events: Events | None = None,
) -> Any:
    """Cut the subject out of pictures: people, animals, things that stand out; what is behind them becomes transparent.

    Edges are found at the picture's full resolution, and freed of the colours behind them. 16 bits and metadata are kept. What
    cannot hold transparency (JPEG) becomes PNG, unless there is a --background. Without -o, photo.jpg gives photo_cutout.png
    beside it.

    background: Put the subject before a colour (white, '#ff8800'), a picture, or blur: what was behind it, out of focus.
    matte: Soft edges for hair, fur and glass, solved for; slower.
    mask_only: Give the mask itself: white is the subject.
    crop: Cut the picture to the subject.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def style(
    image: Any,
    output: str | Path | None = None,
    *,
    style: Any = None,
    weight: float | Sequence[float] | None = None,
    style_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    mask: Any = None,
    mask_model: str | None = None,
    tile: str = "auto",
    work_size: int | None = None,
    method: Literal['fast', 'optimize'] = "fast",
    photoreal: bool = False,
    semantic: Any = None,
    style_semantic: Any = None,
    steps: int | None = None,
    start: Any = None,
    style_weight: float | None = None,
    optimizer: Literal['lbfgs', 'adam'] | None = None,
    optimize_size: int | None = None,
    save_steps: int | None = None,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    only: Literal['pictures', 'films'] | None = None,
    begin: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: str | None = None,
    codec: Literal['h264', 'hevc', 'av1', 'vp9', 'prores', 'ffv1', 'copy-like'] | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    audio: Literal['copy', 'aac', 'opus', 'none'] | None = None,
    deinterlace: bool = False,
    events: Events | None = None,
) -> Any:
    """Put pictures into the style of a painting: files, folders, whole trees, at their full resolution.

    Transparency, 16 bits and metadata are kept. Masks and maps are drawn on the picture as it is shown: upright, whichever way
    the camera was held. Without -o, photo.jpg gives photo_styled.jpg beside it.

    style: The picture whose style is wanted; repeated, several are blended. A model of one style takes none.
    weight: The share of each --style, in their order: --weight 3 --weight 1.
    style_size: Bring the shorter side of each style to N pixels: larger gives broader strokes.
    strength: How much style: 0 is the input, 1 all of it.
    keep_colors: Keep the input's colours, and take strokes and light.
    mask: Style only where it is white: one file for all, a folder paired by name, subject or background for what genkit cutout finds, or another word for a --mask-model that knows it.
    mask_model: The model that finds what a word in --mask's place names: of `genkit cutout`, or one that knows any (clipseg).
    tile: Side of the tiles in pixels; 0 takes the whole picture at once. The result is the same.
    work_size: Paint the picture at N pixels on its longer side and enlarge that along its edges: broader strokes.
    method: One pass of a network, or optimisation step by step: minutes.
    photoreal: Take colours and light alone; edges and textures stay the input's.
    semantic: A map of the input in plain colours: what is of one colour takes after what --style-semantic has in it. The input may be the map itself, which becomes a painting.
    style_semantic: The map of --style, in the same colours.
    steps: optimize: iterations in all.
    start: optimize: the picture to begin with.
    style_weight: optimize: how much style against content; 10 is much, 0.1 little.
    optimizer: optimize: what iterates.
    optimize_size: optimize: longest side that is iterated on; a larger picture is enlarged from there along its edges.
    save_steps: optimize: write the picture beside the output after every N steps.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.
    only: Take of what is named the pictures alone, or the films alone.
    begin: Begin at this time of the film: 12.5 or 1:02:03.5.
    end: End before this time.
    frames: Take these frames alone, counted from 1.
    fps: Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.
    codec: h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.
    crf: Constant quality of the codec: less is better.
    preset: How long to look for a smaller file: ultrafast to veryslow.
    pix_fmt: Pixel format, such as yuv420p10le.
    audio: copy, aac, opus or none.
    deinterlace: Make whole pictures of interlaced fields first.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def translate(
    image: Any,
    output: str | Path | None = None,
    *,
    to: str | None = None,
    strength: float = 1.0,
    edges: bool = False,
    work_size: int | None = None,
    prompt: str | float | None = None,
    negative: str | float | None = None,
    steps: str | float | None = None,
    guidance: str | float | None = None,
    image_guidance: str | float | None = None,
    denoise: str | float | None = None,
    recursive: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    again: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int = 0,
    max_pixels: str | None = None,
    only: Literal['pictures', 'films'] | None = None,
    begin: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: str | None = None,
    codec: Literal['h264', 'hevc', 'av1', 'vp9', 'prores', 'ffv1', 'copy-like'] | None = None,
    crf: int | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    audio: Literal['copy', 'aac', 'opus', 'none'] | None = None,
    deinterlace: bool = False,
    events: Events | None = None,
) -> Any:
    """Turn pictures into another kind of picture: photographs into drawings, edges into photographs, what a prompt asks for.

    Width and height stay as they are. `genkit models list --task translate` says what each model turns into what. Without -o,
    photo.jpg gives photo_<model>.jpg beside it (photo_<model>-<domain>.jpg with --to).

    to: What to turn it into, for a model that knows several kinds.
    strength: How much of the result to lay over the input; 0 is the input.
    edges: Draw the edges of the picture first, for a model that starts from edges.
    work_size: Show the model the picture at N pixels on its longer side and enlarge the result: coarser lines, less time.
    prompt: What to change, or what to make of it.
    negative: What it should not be.
    steps: Steps of the drawing.
    guidance: How closely to follow --prompt.
    image_guidance: How closely to follow the picture.
    denoise: How much of the picture to forget; 1 is all of it.
    recursive: Go into sub-folders, and mirror their tree under -o.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif.
    name: Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    again: Work on what this verb itself has made, too, which is left out else.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed, where the model draws noise.
    max_pixels: Refuse inputs of more pixels than this; M is a million.
    only: Take of what is named the pictures alone, or the films alone.
    begin: Begin at this time of the film: 12.5 or 1:02:03.5.
    end: End before this time.
    frames: Take these frames alone, counted from 1.
    fps: Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.
    codec: h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.
    crf: Constant quality of the codec: less is better.
    preset: How long to look for a smaller file: ultrafast to veryslow.
    pix_fmt: Pixel format, such as yuv420p10le.
    audio: copy, aac, opus or none.
    deinterlace: Make whole pictures of interlaced fields first.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def gan(
    seeds: Any = None,
    output: str | Path | None = None,
    *,
    seed: int | None = None,
    label: str | float | None = None,
    truncation: float | None = None,
    grid: str | None = None,
    mix: str | Sequence[str] | None = None,
    latent: Any = None,
    save_latent: bool = False,
    batch_size: int | None = None,
    walk: str | None = None,
    interpolate: Literal['z', 'w'] | None = None,
    seconds: float | None = None,
    fps: float | None = None,
    loop: bool = False,
    frame: int | None = None,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    events: Events | None = None,
) -> Any:
    """Draw pictures from a latent space. A seed gives the same picture alone, in a batch and in a grid.

    seed: One seed.
    label: The class to draw, by name or number, where a model has classes.
    truncation: How far from the mean latents may lie: less gives fewer failures and less variety.
    grid: Lay the pictures out in grids; without --seeds as many as fill one.
    mix: Seed A with the styles of seed B in some layers, as 3:7:0-3; may be repeated.
    latent: Draw a saved latent; may be repeated.
    save_latent: Save each picture's latent beside it (.npz).
    batch_size: Pictures to draw at once.
    walk: Go from seed to seed: -o walk.mp4, walk.gif, or a folder for single pictures.
    interpolate: Straight through the styles (w), or along circles through the latents (z).
    seconds: How long the walk takes.
    fps: Pictures a second.
    loop: Go back to the first seed; a GIF plays again and again.
    frame: This picture of the walk alone.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif, and of mp4.
    name: Output name, with {stem} {model} {verb} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def txt2img(
    prompts: Any,
    output: str | Path | None = None,
    *,
    prompt_list: str | None = None,
    like: str | None = None,
    negative: str | float | None = None,
    seed: int | None = None,
    seeds: str | None = None,
    n: int | None = None,
    size: str | None = None,
    grid: str | None = None,
    sheet: int | None = None,
    upscale: str | None = None,
    steps: str | float | None = None,
    guidance: str | float | None = None,
    scheduler: str | None = None,
    no_safety_checker: bool = False,
    init: Any = None,
    denoise: str | None = None,
    control: Any = None,
    control_strength: float | None = None,
    lora: Any = None,
    vae: Any = None,
    batch_size: str = "auto",
    offload: Literal['auto', 'none', 'model', 'sequential'] = "auto",
    attention: str | None = None,
    compile: bool = False,
    cache: str | None = None,
    save_steps: int | None = None,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    events: Events | None = None,
) -> Any:
    """Draw pictures from words. A prompt and a seed give the same picture, whatever is drawn with them.

    {red|blue} draws each, and so do lists: --guidance 2,4,7. (words:1.3) makes words count for more, where the model takes
    weights. A backslash before { | } ( or ) makes it plain text. A line of a list may bring options of its own: behind the
    prompt in .txt (a red bicycle --steps 20), as columns in .csv, as keys in .jsonl.

    prompt_list: Prompts from .txt, .csv or .jsonl, with options of their own; - is stdin.
    like: Prompt and settings of a picture, ours or another program's; others given win.
    negative: What not to draw.
    seeds: Several seeds: 0-3, or 3,7,9.
    n: Pictures of each prompt.
    size: Width and height: 768x512.
    grid: Lay the pictures out in sheets, with words that say in what they differ.
    sheet: This one alone.
    upscale: Enlarge each with this model at the end.
    steps: Steps; a list (4,8) draws each.
    guidance: How closely to follow the prompt; a list draws each.
    scheduler: How it samples: euler-a, dpmpp-2m-karras, ...
    no_safety_checker: Turn off the checker that some models come with.
    init: Begin with this picture.
    denoise: How much of --init to draw anew; a list draws each.
    control: Follow a picture: canny:photo.jpg, depth:map.png, lines:map.png; may be repeated.
    control_strength: How closely to follow --control.
    lora: Add a LoRA with its weight, as style.safetensors:0.8; may be repeated.
    vae: Another autoencoder.
    batch_size: Pictures to draw at once.
    offload: Keep parts in main memory until their turn comes.
    attention: How attention is computed: flash, sage, xformers, ...
    compile: Compile first: minutes, and faster pictures after them.
    cache: Leave out work that changes little between steps: first-block, ...
    save_steps: Save a preview of every Nth step beside the picture.
    format: jpeg, png, webp, tiff, avif, bmp or heif.
    quality: Quality of jpeg, webp, avif and heif, and of mp4.
    name: Output name, with {stem} {model} {verb} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
def tts(
    texts: Any,
    output: str | Path | None = None,
    *,
    source: str | Sequence[str] | None = None,
    split: bool = False,
    join: bool = False,
    language: str | None = None,
    lexicon: Any = None,
    ssml: bool = False,
    voice: Any = None,
    speed: float = 1.0,
    pitch: float = 0.0,
    pause: float | None = None,
    vocoder: str | float | None = None,
    bits: Literal[16, 24] = 16,
    rate: int | None = None,
    lufs: float | None = None,
    subtitles: Literal['srt', 'vtt', 'json'] | None = None,
    plot: bool = False,
    format: str | None = None,
    quality: int | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    strip_metadata: bool = False,
    sidecar: bool = False,
    model: str | Path | Model | None = None,
    model_options: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    engine: str | None = None,
    seed: int | None = None,
    events: Events | None = None,
) -> Any:
    """Read text aloud.

    source: A text to read: txt, md, html, epub, csv, jsonl (id, text), srt, vtt, ass (with times); a folder; -; repeatable.
    split: One output a line (a row, a chapter): 0001-<first-words>.wav.
    join: Everything in one output, with chapters.
    language: The text's language, such as de or en-GB.
    lexicon: Pronunciations: a word and its ARPAbet phonemes a line.
    ssml: The text is SSML: break, prosody (rate, pitch), say-as, phoneme.
    voice: A speaker of the model, or a file.
    speed: 0.5 to 2: how fast it speaks, at the same pitch.
    pitch: -12 to 12: how high it speaks.
    pause: Seconds between sentences, twice that between paragraphs.
    vocoder: griffin-lim: no network, for comparison.
    bits: Depth of wav and flac.
    rate: Samples a second.
    lufs: How loud (EBU R 128): -16 for podcasts, -23 for TV.
    subtitles: Times beside each output, of words where the voice has them.
    plot: A picture beside each output: waveform and mel spectrogram, with phonemes.
    format: wav, flac, ogg or mp3; raw with -o -.
    quality: Quality of ogg and mp3.
    name: Output name, with {stem} {model} {verb} {seed} {index} {ext}: '{stem}-{index:03}'.
    overwrite: Replace outputs that exist.
    resume: Skip outputs already made from the same input, model and options.
    number: Number outputs whose names are taken: NAME_2.
    strip_metadata: Write neither metadata nor recipe into the output.
    sidecar: Write the recipe to OUTPUT.json beside the output, too.
    model: Model to use; see `genkit models list`.
    model_options: An option of this model alone, which `genkit models info NAME` lists; may be repeated.
    accept_licence: Fetch a model whose licence is not commercial or must be accepted.
    device: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.
    dtype: auto (the model's best on the device), float32, float16 or bfloat16.
    engine: What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).
    seed: Seed.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, ...).
    """
    ...
