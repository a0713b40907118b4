"""Units and currencies by their signs."""

from __future__ import annotations

_PREFIXES = {"k": "kilo", "M": "mega", "G": "giga", "m": "milli", "c": "centi", "µ": "micro", "μ": "micro", "n": "nano"}

# sign: (one, more); "" for more is the plural in s
UNITS: dict[str, tuple[str, str]] = {
    "m": ("meter", ""), "dm": ("decimeter", ""), "mi": ("mile", ""), "yd": ("yard", ""), "yds": ("yard", ""),
    "ft.": ("foot", "feet"), "ft": ("foot", "feet"), "in.": ("inch", "inches"), '"': ("inch", "inches"),
    "″": ("inch", "inches"), "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "km/h": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"), "m/s": ("meter per second", "meters per second"),
    "m/s²": ("meter per second squared", "meters per second squared"), "kn": ("knot", ""), "ly": ("light year", ""),
    "sq ft": ("square foot", "square feet"), "sq. ft.": ("square foot", "square feet"),
    "sq mi": ("square mile", "square miles"), "ha": ("hectare", ""), "cc": ("C C", "C C"), "L": ("liter", ""),
    "l": ("liter", ""), "dL": ("deciliter", ""), "dl": ("deciliter", ""), "mL": ("milliliter", ""),
    "ml": ("milliliter", ""), "cl": ("centiliter", ""), "gal": ("gallon", ""), "qt": ("quart", ""), "pt": ("point", ""),
    "oz": ("ounce", ""), "oz.": ("ounce", ""), "lb": ("pound", ""), "lb.": ("pound", ""), "lbs": ("pound", ""),
    "lbs.": ("pound", ""), "tbsp": ("tablespoon", ""), "tsp": ("teaspoon", ""), "tsp.": ("teaspoon", ""),
    "tbsp.": ("tablespoon", ""), "g": ("gram", ""), "t": ("ton", ""), "mcg": ("microgram", ""), "s": ("second", ""),
    "sec": ("second", ""), "sec.": ("second", ""), "secs": ("second", ""), "min": ("minute", ""), "min.": ("minute", ""),
    "mins": ("minute", ""), "h": ("hour", ""), "hr": ("hour", ""), "hr.": ("hour", ""), "hrs": ("hour", ""),
    "hrs.": ("hour", ""), "wk": ("week", ""), "wks": ("week", ""), "yr": ("year", ""), "yrs": ("year", ""),
    "yrs.": ("year", ""), "mo": ("month", ""), "Hz": ("hertz", "hertz"), "rpm": ("R P M", "R P M"),
    "fps": ("frame per second", "frames per second"), "dpi": ("D P I", "D P I"), "ppi": ("P P I", "P P I"),
    "px": ("pixel", ""), "psi": ("P S I", "P S I"), "ppm": ("part per million", "parts per million"), "Pa": ("pascal", ""),
    "hPa": ("hectopascal", ""), "cal": ("calorie", ""), "J": ("joule", ""), "N": ("newton", ""), "dB": ("decibel", ""),
    "Ω": ("ohm", ""), "V": ("volt", ""), "A": ("amp", ""), "mAh": ("milliamp hour", ""), "Ah": ("amp hour", ""),
    "W": ("watt", ""), "Wh": ("watt hour", ""), "hp": ("horsepower", "horsepower"), "mol": ("mole", ""),
    "lm": ("lumen", ""), "lx": ("lux", "lux"), "bit": ("bit", ""), "bits": ("bit", ""),
    "kbit": ("kilobit", ""), "Mbit": ("megabit", ""), "Gbit": ("gigabit", ""),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"), "KB": ("kilobyte", ""),
    "MB": ("megabyte", ""), "GB": ("gigabyte", ""), "TB": ("terabyte", ""), "PB": ("petabyte", ""), "kB": ("kilobyte", ""),
    "KiB": ("kibibyte", ""), "MiB": ("mebibyte", ""), "GiB": ("gibibyte", ""),
    "kbps": ("kilobit per second", "kilobits per second"), "Kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "THz": ("terahertz", "terahertz"), "TW": ("terawatt", ""), "%": ("percent", "percent"), "‰": ("per mille", "per mille"),
    "°": ("degree", ""), "°C": ("degree celsius", "degrees celsius"), "℃": ("degree celsius", "degrees celsius"),
    "° C": ("degree celsius", "degrees celsius"), "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "℉": ("degree fahrenheit", "degrees fahrenheit"), "° F": ("degree fahrenheit", "degrees fahrenheit"),
    "ºC": ("degree celsius", "degrees celsius"), "ºF": ("degree fahrenheit", "degrees fahrenheit"),
    "percent": ("percent", "percent"),
}  # fmt: skip
for _sign, _name, _of in (
    ("m", "meter", "kcmnµμ"), ("g", "gram", "kmµμn"), ("s", "second", "mµμn"), ("Hz", "hertz", "kMG"), ("W", "watt", "kMGm"),
    ("V", "volt", "km"), ("A", "amp", "mk"), ("Wh", "watt hour", "kMG"), ("Pa", "pascal", "kM"), ("J", "joule", "kM"),
    ("cal", "calorie", "k"), ("Ω", "ohm", "kM"), ("l", "liter", "µμ"), ("L", "liter", "µμ"),
):  # fmt: skip
    for _prefix in _of:
        UNITS.setdefault(_prefix + _sign, (_PREFIXES[_prefix] + _name, ("hertz" in _name and _PREFIXES[_prefix] + _name) or ""))

# sign: (one, more, hundredth, hundredths)
CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"), "US$": ("U S dollar", "U S dollars", "cent", "cents"),
    "C$": ("canadian dollar", "canadian dollars", "cent", "cents"),
    "CA$": ("canadian dollar", "canadian dollars", "cent", "cents"),
    "A$": ("australian dollar", "australian dollars", "cent", "cents"),
    "AU$": ("australian dollar", "australian dollars", "cent", "cents"),
    "NZ$": ("new zealand dollar", "new zealand dollars", "cent", "cents"),
    "HK$": ("hong kong dollar", "hong kong dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"), "¥": ("yen", "yen", "", ""), "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopek", "kopeks"), "₩": ("won", "won", "", ""), "₿": ("bitcoin", "bitcoins", "", ""),
    "Rs.": ("rupee", "rupees", "paisa", "paise"), "Rs": ("rupee", "rupees", "paisa", "paise"),
    "R$": ("real", "reais", "centavo", "centavos"), "S$": ("singapore dollar", "singapore dollars", "cent", "cents"),
    "¢": ("cent", "cents", "", ""), "Fr": ("franc", "francs", "centime", "centimes"), "元": ("yuan", "yuan", "", ""),
}  # fmt: skip
CODES = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CHF": "Fr", "CAD": "C$", "AUD": "A$", "NZD": "NZ$", "HKD": "HK$",
    "INR": "₹", "RUB": "₽", "KRW": "₩", "CNY": "元", "BTC": "₿",
}  # fmt: skip
MAGNITUDES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "b": "billion", "B": "billion",
              "bn": "billion", "T": "trillion", "tn": "trillion"}  # fmt: skip


def plural_of(sign: str) -> str:
    one, more = UNITS[sign]
    return more or one + "s"
