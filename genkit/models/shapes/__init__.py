"""The shapes of loaded models: what a caller may ask of each, as typed protocols. No torch is imported to name one.

`genkit.models.load_model` gives a model of the shape that its verb wants. A class that is one inherits the protocol, and with
it the values that a model has where it has nothing to say; so callers read attributes and never ask whether they are there.
"""

from genkit.models.shapes.colorize import ColorizeModel
from genkit.models.shapes.draw import DrawModel
from genkit.models.shapes.features import FeaturesModel
from genkit.models.shapes.fill import FillModel
from genkit.models.shapes.mask import MaskModel, WordMaskModel
from genkit.models.shapes.model import Model, PixelModel, TiledModel
from genkit.models.shapes.sample import SampleModel
from genkit.models.shapes.speak import Chunk, Mark, SpeakModel
from genkit.models.shapes.style import StyleModel
from genkit.models.shapes.transform import TransformModel
from genkit.models.shapes.translate import TranslateModel

__all__ = [
    "Chunk",
    "ColorizeModel",
    "DrawModel",
    "FeaturesModel",
    "FillModel",
    "Mark",
    "MaskModel",
    "Model",
    "PixelModel",
    "SampleModel",
    "SpeakModel",
    "StyleModel",
    "TiledModel",
    "TransformModel",
    "TranslateModel",
    "WordMaskModel",
]
