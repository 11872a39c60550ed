"""The licence that an owner chose: an identifier of the SPDX list, or `LicenseRef-` and a name of one's own.

Source: https://spdx.org/licenses/, of which `packaging` has the list. A manifest may name any that reads like one,
since the list grows.
"""

import re
from collections.abc import Mapping
from typing import Any

LICENSE = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}\Z"
"""An SPDX identifier: nothing that Markdown, YAML or JSON would take for more than a word."""
_OWN = "LicenseRef-"


def identifier(text: str) -> str:
    """`text` as SPDX spells it, whatever its capitals. Raises ValueError where it is no one licence of the list."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not re.match(LICENSE, text):
        raise ValueError(f"license is {text!r:.80}, expected an SPDX identifier such as CC-BY-4.0")
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        raise ValueError(
            f"license is {text!r}, which is not in the SPDX list; expected one that is, such as CC-BY-4.0, or "
            f"{_OWN} and a name of your own"
        ) from None


def sentence(manifest: Mapping[str, Any]) -> str:
    """What people are told of it."""
    return f"{manifest['license']}." if manifest.get("license") else "none was chosen."


def front_matter(manifest: Mapping[str, Any]) -> list[str]:
    """The lines of the card's YAML, in which the hub wants small letters, and one's own licence called `other`."""
    chosen = manifest.get("license")
    if not chosen:
        return []
    if chosen.startswith(_OWN):
        return ["license: other", f"license_name: '{chosen.lower()}'"]
    return [f"license: '{chosen.lower()}'"]


def address(chosen: str) -> str:
    """Where it is printed, as Croissant wants it; one's own is printed nowhere and stays a name."""
    return chosen if chosen.startswith(_OWN) else f"https://spdx.org/licenses/{chosen}"
