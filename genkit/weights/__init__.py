"""Model weights: from a card to local files that are the right ones, and from a file to tensors without running anything.

`choose` decides, `resolve` acts: shipped files are used in place, cached ones once they proved good, missing ones are fetched
under a lock, resumed after a break, hashed on the way and moved into place only when the hash is right. Nothing heavy is
imported until it is needed.
"""

from genkit.files import size_text
from genkit.weights.adopting import adopt, read_any, refuse_taken
from genkit.weights.choice import Choice, choose, is_allowed
from genkit.weights.obtaining import at_hand, obtain, other_release
from genkit.weights.packages import sharing_archives
from genkit.weights.pinning import is_offline, pinned, settings_of
from genkit.weights.reading import read_state_dict
from genkit.weights.resolving import Verdict, local_files, remove, resolve, state, verify
from genkit.weights.store import folder_of

__all__ = [
    "Choice",
    "Verdict",
    "adopt",
    "at_hand",
    "choose",
    "folder_of",
    "is_allowed",
    "is_offline",
    "local_files",
    "obtain",
    "other_release",
    "pinned",
    "read_any",
    "read_state_dict",
    "refuse_taken",
    "remove",
    "resolve",
    "settings_of",
    "sharing_archives",
    "size_text",
    "state",
    "verify",
]
