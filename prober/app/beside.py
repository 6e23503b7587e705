"""The store of a configuration, opened beside the prober that may be running on it."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from prober.app.assemble import redactor_for, require_resolved
from prober.app.logs import configure_logs
from prober.config import Loaded
from prober.config.wording import suggest
from prober.faults import UserFault
from prober.store import Store, StoreFault, open_store

SHORT = 8
"""So many characters of an id are shown, and are enough to name it."""
SHORTEST = 4


@contextmanager
def store_beside(loaded: Loaded) -> Iterator[Store]:
    """The store that a prober with this configuration uses; one that is not there yet is not made.

    Raises UserFault for what is wrong with it, also while it is in use.
    """
    require_resolved(loaded, (), "store")
    configure_logs(redactor_for(loaded), loaded.config.logs.format, "warning")
    store = _opened(loaded)
    try:
        yield store
    except StoreFault as fault:
        raise UserFault(f"the store {store.label} did not answer as it should, try again: {fault}") from None
    finally:
        store.close()


def _opened(loaded: Loaded) -> Store:
    spec = loaded.config.store
    if spec.url is not None:
        return open_store(spec.url, exclusive=False)
    path = loaded.base / spec.path
    if not path.is_file():
        raise UserFault(
            f"there is no store at {path}: `prober serve` makes it; does {loaded.source} belong to the one that runs?"
        )
    return open_store(path, exclusive=False)


def person(by: str | None) -> str:
    """Who does it: ``by``, else the name this terminal is logged in with."""
    try:
        name = getpass.getuser() if by is None else by
    except (KeyError, OSError):  # a container's user need not have one
        name = ""
    if not name.strip():
        raise UserFault("who are you? Say it by --by NAME")
    return name.strip()


def find_id(given: str, known: Mapping[str, str], noun: str) -> str:
    """The one id that begins with ``given``. ``known`` says of each what it is about, to suggest it by that too."""
    fitting = [identity for identity in known if identity.startswith(given)] if len(given) >= SHORTEST else []
    if given in fitting or len(fitting) == 1:
        return given if given in fitting else fitting[0]
    if fitting:
        raise UserFault(
            f"{given!r} begins {len(fitting)} ids: {_listed(fitting, known)}; write more of the one you mean"
        )
    about = [identity for identity, subject in known.items() if subject == given]
    if about:
        raise UserFault(f"{given!r} is no {noun}: do you mean {_listed(about, known)}?")
    shown = f"there are {_listed(known, known)}" if known else f"there is no {noun} at all"
    raise UserFault(f"no {noun} {given!r}: {shown}")


def _listed(ids: Iterable[str], known: Mapping[str, str]) -> str:
    found = [f"{identity[:SHORT]} ({known[identity]})" for identity in ids]
    return ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")


def nearest(word: str, known: Iterable[str], noun: str) -> str:
    """What to add to a complaint about ``word``: the nearest of those there are, or all of them."""
    hint = suggest(word, known, f"the {noun}s are")
    return f": {hint}" if hint else ""
