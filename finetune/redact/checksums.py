"""The two checksums that tell a payment number from any other: Luhn (ISO/IEC 7812-1) and mod 97 (ISO 13616)."""

from __future__ import annotations

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Say whether ASCII digits carry a valid Luhn check digit; one digit repeated throughout does not count."""
    total = sum(_DOUBLED[int(d)] if k % 2 else int(d) for k, d in enumerate(reversed(digits)))
    return total % 10 == 0 and len(set(digits)) > 1


def mod97(iban: str) -> bool:
    """Say whether an IBAN without spaces, in any case, leaves remainder 1."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
