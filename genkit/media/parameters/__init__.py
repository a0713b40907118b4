"""How programs that draw from words note down in a picture what they drew it from.

`reading.py` finds the notes in a file, `block.py` reads the web UI's text, `programs.py` what is JSON by one table,
`comfyui.py` a graph, `stealth.py` what is hidden in transparency. All give `Parameters`, in the words of the web UI.
(sd-parsers of the Python Package Index reads five of these programs too, but decodes whatever it is given without a bound,
parts settings at every comma, and knows graphs by their workflow alone.)
"""
