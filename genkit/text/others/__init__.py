"""Languages other than English: numbers by num2words, units, currencies and months by CLDR (babel), the rest in languages.toml.

What a language has no word for here is left to the voice as it stands, and never dropped.
"""
