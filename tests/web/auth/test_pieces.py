"""What the door is made of, by itself: passwords, the throttle, the seal."""

from __future__ import annotations

import ast
import asyncio
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fakes.door import HASH, HASHER, PASSWORD, auth, web

import prober.web.auth as room
from prober.clock import MovedClock
from prober.web.auth import passwords
from prober.web.auth.passwords import Passwords, make_hash
from prober.web.auth.rules import Rules
from prober.web.auth.seal import Seal
from prober.web.auth.throttle import MOST_CLIENTS, Throttle


class Spy:
    """Stands before the hashing: what was asked of it, on which thread, and how many at a time."""

    def __init__(self, real: object) -> None:
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.most = self._now = 0
        self._real = real
        self._lock = threading.Lock()

    def __call__(self, hash_: str, password: str) -> bool:
        with self._lock:
            self.asked.append(hash_)
            self.threads.add(threading.get_ident())
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return bool(self._real(hash_, password))  # type: ignore[operator]
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy(passwords._fits)
    monkeypatch.setattr(passwords, "_fits", spy)
    return spy


def parameters(hash_: str) -> str:
    return hash_.rpartition("$")[0].rpartition("$")[0]


def test_a_name_nobody_has_costs_a_whole_hash_with_somebodys_parameters(spy: Spy) -> None:
    dear = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1).hash("x")
    hashes = {"ada": HASH, "bob": dear}
    asked = Passwords(MovedClock())

    async def ask() -> list[bool]:
        return [await asked.right(hashes, name, PASSWORD) for name in ("eve", "eve", "mallory", "trent", "x1", "x2")]

    assert asyncio.run(ask()) == [False] * 6
    assert {parameters(hash_) for hash_ in spy.asked} <= {parameters(HASH), parameters(dear)}
    assert parameters(spy.asked[0]) == parameters(spy.asked[1])  # the same name always costs the same
    for decoy in spy.asked:
        assert decoy not in hashes.values()
        with pytest.raises(VerifyMismatchError):  # worked through to its end, not given up as malformed
            HASHER.verify(decoy, PASSWORD)


def test_passwords_are_hashed_off_the_loop_and_two_at_a_time(spy: Spy) -> None:
    slow = PasswordHasher(time_cost=2, memory_cost=4096, parallelism=1).hash(PASSWORD)
    asked = Passwords(MovedClock())

    async def ask() -> list[bool]:
        return list(await asyncio.gather(*(asked.right({"ada": slow}, "ada", PASSWORD) for _ in range(12))))

    assert asyncio.run(ask()) == [True] * 12
    assert spy.most <= 2
    assert threading.get_ident() not in spy.threads


def test_what_was_right_is_known_for_a_while_and_by_that_hash_only() -> None:
    clock = MovedClock()
    asked = Passwords(clock)
    assert not asked.known({"ada": HASH}, "ada", PASSWORD)
    assert asyncio.run(asked.right({"ada": HASH}, "ada", PASSWORD))
    assert asked.known({"ada": HASH}, "ada", PASSWORD)
    assert not asked.known({"ada": HASHER.hash(PASSWORD)}, "ada", PASSWORD)
    assert not asked.known({"ad": HASH}, "ad", f"a{PASSWORD}")
    assert not asked.known({}, "ada", PASSWORD)
    clock.advance(300)
    assert not asked.known({"ada": HASH}, "ada", PASSWORD)


def test_wrong_passwords_leave_nothing_behind() -> None:
    asked = Passwords(MovedClock())
    for guess in ("a", "b", "c"):
        assert not asyncio.run(asked.right({"ada": HASH}, "ada", guess))
    assert asked._right == {}


def test_the_hash_of_a_password_can_stand_in_the_configuration() -> None:
    hash_ = make_hash(PASSWORD)
    assert hash_.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert "$$" not in hash_  # which a configuration would read as one dollar sign
    rules = Rules(web(auth=auth(users={"ada": {"password": hash_}})), b"")
    assert asyncio.run(Passwords(MovedClock()).right(rules.hashes, "ada", PASSWORD))


def test_the_throttle_knows_clients_apart_and_limits_all_of_them() -> None:
    clock = MovedClock()
    throttle = Throttle(clock)
    assert [throttle.admit("192.0.2.1") for _ in range(11)] == [0.0] * 10 + [6.0]
    assert throttle.admit("192.0.2.2") == 0.0
    assert throttle.admit("::ffff:192.0.2.3") == 0.0
    for number in range(48):
        assert throttle.admit(f"198.51.100.{number}") == 0.0
    assert throttle.admit("203.0.113.1") == 1.0
    clock.advance(1)
    assert throttle.admit("203.0.113.1") == 0.0


def test_one_network_of_ipv6_is_one_client() -> None:
    throttle = Throttle(MovedClock())
    waits = [throttle.admit(f"2001:db8:0:1::{number:x}") for number in range(1, 12)]
    assert waits == [0.0] * 10 + [6.0]
    assert throttle.admit("2001:db8:0:2::1") == 0.0


def test_a_right_password_does_not_count() -> None:
    throttle = Throttle(MovedClock())
    for _ in range(100):
        assert throttle.admit("192.0.2.1") == 0.0
        throttle.forgive("192.0.2.1")


def test_the_throttle_remembers_so_many_clients_and_no_more() -> None:
    clock = MovedClock()
    throttle = Throttle(clock)
    for number in range(MOST_CLIENTS + 500):
        clock.advance(1)
        throttle.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._full_at) == MOST_CLIENTS


def test_a_seal_is_for_one_purpose_and_a_time() -> None:
    seal, other = Seal(b"k" * 32), Seal(b"j" * 32)
    text = seal.write("session", {"user": "ada"}, ends_at=100.0)
    assert dict(seal.read("session", text, 99.0) or {}) == {"user": "ada", "ends_at": 100.0}
    assert seal.read("session", text, 100.0) is None
    assert seal.read("form", text, 99.0) is None
    assert other.read("session", text, 99.0) is None
    assert seal.token("a", "b", "c") != seal.token("a", "bc") != seal.token("ab", "c")


def test_no_secret_is_compared_but_in_constant_time() -> None:
    """Where it is decided, by its source: no ``==`` on what a client has sent."""
    files = {"seal.py", "rules.py", "sessions.py", "forms.py", "login.py", "oidc.py"}
    for file in files:
        source = Path(room.__file__ or "").with_name(file).read_text()
        assert "hmac.compare_digest" in source, file
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                words = ast.unparse(node)
                assert not any(word in words for word in ("csrf", "proof", "signature", "digest", "state", "token")), (
                    words
                )


def test_every_token_is_looked_at_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(web(auth=auth()), b"")
    compared: list[bytes] = []
    monkeypatch.setattr(
        "prober.web.auth.rules.hmac.compare_digest", lambda one, other: compared.append(one) or one == other
    )
    for name in ("read", "admin", "none"):
        compared.clear()
        assert rules.token(f"token-of-{name}-0123456789").name == (name if name != "none" else "")
        assert (len(compared), {len(one) for one in compared}) == (5, {32})
