"""What the training of a GAN remembers from step to step, and how a failure is noticed.

Two failures end a run: the generator draws nearly the same whatever the seed (mode collapse), and the discriminator has won, so
that nothing is left to learn from it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genkit.errors import RunError

MEMORY = 0.99  # of running means, a step
WON = 0.02  # the loss of a discriminator that makes no mistakes; 1.386 is that of one that cannot tell
POOR = 0.15  # spread of drawn pictures, in shares of the real ones'
PATIENCE = 2  # measurements in a row
COARSE = 16  # pictures are compared at this side


class CollapseMonitor(nn.Module):
    """Numbers that are saved with the run: steps, the probability of augmentation, running means (of the sign of real logits,
    of the discriminator's loss, of path lengths), how long it has gone badly."""

    steps: Tensor
    probability: Tensor
    sign: Tensor
    loss: Tensor
    path: Tensor
    won: Tensor
    poor: Tensor

    def __init__(self, probability: float):
        super().__init__()
        start = {"steps": 0.0, "probability": probability, "sign": 0.0, "loss": 1.386, "path": 0.0, "won": 0.0, "poor": 0.0}
        for name, value in start.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    @torch.no_grad()
    def follow(self, real_logits: Tensor, loss: float, *, target: float, images: int, patience: int) -> None:
        """Take account of one step of the discriminator: its logits of real pictures and its loss without penalty.

        With `target` the probability of augmentation rises while the mean sign of logits is above it, from 0 to 1 within
        `images` real pictures, and falls else (equation 1 of arXiv 2006.06676).

        Raises:
            RunError: its running loss was below `WON` for `patience` steps.
        """
        self.steps += 1
        keep = min(MEMORY, float(self.steps) / (float(self.steps) + 10))
        self.sign.lerp_(real_logits.detach().sign().double().mean().to(self.sign.device), 1 - keep)
        self.loss.lerp_(torch.tensor(loss, dtype=torch.float64, device=self.loss.device), 1 - keep)
        if target:
            self.probability += torch.sign(self.sign - target) * (len(real_logits) / images)
            self.probability.clamp_(0, 1)
        self.won.copy_(self.won + 1 if float(self.loss) < WON else torch.zeros_like(self.won))
        if patience and float(self.won) >= patience:
            raise RunError(
                f"the discriminator has won: its loss is {float(self.loss):.4f} for {patience} steps, and the generator learns "
                "nothing from it",
                "a larger data.r1, more of data.augment, a smaller loop.discriminator_rate, or more pictures; start anew",
            )

    def check_spread(self, spread: float, after: int) -> None:
        """Take account of a measurement of `spread`, once `after` steps are done.

        Raises:
            RunError: the pictures were too much alike `PATIENCE` times in a row.
        """
        if float(self.steps) < after:
            return
        self.poor.copy_(self.poor + 1 if spread < POOR else torch.zeros_like(self.poor))
        if float(self.poor) >= PATIENCE:
            raise RunError(
                f"the generator has collapsed: its pictures differ by {spread:.0%} of what real ones do, whatever the seed",
                "a larger data.r1, more of data.augment, or a smaller loop.learning_rate; start anew",
            )


def difference(images: Tensor, labels: Tensor) -> float:
    """The mean distance of pictures (N, C, H, W) of one class from each other, coarsely; root mean square, 0 where no class
    has two."""
    coarse = torch.nn.functional.adaptive_avg_pool2d(images.float(), min(COARSE, images.shape[-1])).flatten(1)
    classes = [members for label in labels.unique() if len(members := coarse[labels == label]) > 1]
    means = [torch.pdist(members).mean() / coarse.shape[1] ** 0.5 for members in classes]
    return float(torch.stack(means).mean()) if means else 0.0
