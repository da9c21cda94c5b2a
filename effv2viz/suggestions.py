"""The error for a name that is not known: it lists the nearest names that are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(what: str, name: object, known: Iterable[str]) -> ValueError:
    """A ``ValueError`` to raise, such as "unknown model 'efficientnetv2s'; did you mean 'efficientnetv2_s'?".

    Args:
        what: what the name is of, such as ``"model"``.
        name: what was given.
        known: the valid names; all are listed where none is near and they are few.
    """
    known = list(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    if near:
        advice = "did you mean " + " or ".join(repr(n) for n in near) + "?"
    elif known:
        shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
        advice = f"the known ones are {shown}"
    else:
        advice = "there is none"
    return ValueError(f"unknown {what} {name!r}; {advice}")
