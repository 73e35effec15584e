"""What a user can get wrong, said in one sentence that names the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake of the user's: the command line prints the sentence and exits with code 2."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` with the nearest known name, or nothing when none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def unknown(name: str, what: str, known: Iterable[str], remedy: str = "") -> UserError:
    """The error for a name that is not in its table. `what` follows `is not`: "a method"."""
    known = list(known)
    listed = ", ".join(known) if known else "nothing"
    tail = f"; {remedy}" if remedy else ""
    return UserError(f"{name!r} is not {what}; there is {listed}{tail}.{suggestion(name, known)}")
