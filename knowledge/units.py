"""Units of measure as they stand in help pages: what is the same in other units, and what is not."""

from __future__ import annotations

from dataclasses import dataclass

_SCALES: dict[str, tuple[str, float]] = {}
_KINDS: dict[str, dict[str, float]] = {
    "time": {
        "seconds second secs sec s": 1,
        "minutes minute mins min": 60,
        "hours hour hrs hr h": 3600,
        "days day": 86400,
        "weeks week": 604800,
    },
    "calendar": {"months month": 1, "years year": 12},
    "working days": {"business_days business_day working_days working_day workdays workday": 1},
    "length": {"mm millimetres": 1, "cm centimetres centimeters": 10, "m metres meters": 1000, "km kilometres": 1e6},
    "inches": {"in inches inch": 1, "ft feet foot": 12},
    "mass": {"g grams gram": 1, "kg kilograms kilogram kilos": 1000},
    "pounds of weight": {"lb lbs": 1},
    "volume": {"ml millilitres": 1, "l litres liters litre liter": 1000},
    "fluid ounces": {"fl_oz": 1},
    "ounces": {"oz ounces": 1},
    "data": {"kb": 1, "mb": 1000, "gb": 1e6, "tb": 1e9},
    "dollars": {"$ usd dollars dollar": 1},
    "pounds": {"£ gbp pounds": 1},
    "euros": {"€ eur euros euro": 1},
    "per cent": {"% percent per_cent": 1},
    "volts": {"v volts volt": 1},
    "watts": {"w watts watt": 1},
    "amperes": {"amperes amps amp": 1, "ma": 0.001},
    "hertz": {"hz": 1, "khz": 1000, "mhz": 1e6, "ghz": 1e9},
    "times": {"times": 1},
    "degrees": {"°c": 1},
    "degrees Fahrenheit": {"°f": 1},
}
for _kind, _names in _KINDS.items():
    for _spellings, _scale in _names.items():
        for _spelling in _spellings.split():
            _SCALES[_spelling.replace("_", " ")] = (_kind, _scale)


def spelt(*wanted: str) -> str:
    """Return a regular expression of the units of some kinds, to be matched without regard to case.

    "5 in the box" are no inches.
    """
    names = sorted((name for name, (kind, _) in _SCALES.items() if kind in wanted), key=len, reverse=True)
    written = (name.replace(" ", r"\s").replace("$", r"\$") for name in names)
    return "|".join(name if name != "in" else r"in(?=\s*(?:[),.;×x/]|$))" for name in written)


UNIT = spelt(*_KINDS)
"""A regular expression of every unit."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number as given, and the same in the base unit of its kind; `kind` is empty without a unit."""

    value: float
    kind: str = ""
    base: float = 0.0

    def same(self, other: Measure) -> bool:
        """Whether both are one amount; a number without a unit is the same as that number of anything."""
        if self.kind and other.kind:
            return self.kind == other.kind and abs(self.base - other.base) < 1e-6 * max(abs(self.base), 1.0)
        return self.value == other.value


def measure(value: float, unit: str) -> Measure:
    """Return an amount of a unit as it is spelt; an unknown unit is none."""
    kind, scale = _SCALES.get(" ".join(unit.lower().split()), ("", 1.0))
    return Measure(value=value, kind=kind, base=value * scale)
