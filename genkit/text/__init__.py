"""The front end of `tts`: text to sentences, sentences to words that are said, words to phonemes. No weights of a voice, no torch."""
