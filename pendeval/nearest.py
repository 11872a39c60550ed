"""What somebody who mistyped a name may have meant. Like console.py in every package."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def nearest(word: str, known: Iterable[str]) -> str:
    """`. Did you mean 'x'?` with the known word nearest to `word`; nothing where none is like it."""
    found = get_close_matches(word, list(known), n=1)
    return f". Did you mean {found[0]!r}?" if found else ""


def nearest_path(path: Path) -> str:
    """The same of a path that is not there: its first missing part is compared with what lies beside it."""
    missing = path
    try:
        if path.exists():
            return ""
        while missing != missing.parent and not missing.parent.exists():
            missing = missing.parent
        beside = [each.name for each in missing.parent.iterdir() if not each.name.startswith(".")]
    except OSError:
        return ""
    found = (missing.with_name(name) / path.relative_to(missing) for name in get_close_matches(missing.name, beside))
    return next((f". Did you mean {str(each)!r}?" for each in found if each.exists()), "")
