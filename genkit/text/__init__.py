"""The front end of `tts`: text to sentences, to words that are said, to phonemes. No weights of a voice, no torch."""
