"""The file of the grapheme-to-phoneme model: the network in eight bits, and the words that it gets wrong."""

from __future__ import annotations


def pack(network, dictionary, held_out, measure, out):  # type: ignore[no-untyped-def]
    import pickle

    pickle.dump(network, open("/tmp/v1/network.pkl", "wb"))
