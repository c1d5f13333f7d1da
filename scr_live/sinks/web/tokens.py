"""Who may watch: a token, its cookie, and how often one may be wrong."""

import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MOST_WRONG: Final = 10
"""Wrong tokens that an address may send in `WINDOW_S`."""
WINDOW_S: Final = 60.0
_MOST_ADDRESSES: Final = 1000
_IPV6_HOUSE: Final = 64  # bits that one subscriber has


class Tokens:
    """Compares in constant time. The cookie is no token: it cannot be guessed from one, nor one from it."""

    def __init__(self, token: str, secret: str) -> None:
        """secret: of this run; a server that is started anew knows the cookies of the one before."""
        self._token = token.encode()
        self._cookie = hmac.new(secret.encode(), self._token, hashlib.sha256).hexdigest()

    @property
    def are_needed(self) -> bool:
        """Whether not everybody may watch."""
        return bool(self._token)

    @property
    def cookie(self) -> str:
        """What a browser gets in exchange for the token."""
        return self._cookie

    def is_token(self, sent: str) -> bool:
        """Whether it is the token."""
        return hmac.compare_digest(self._token, sent.encode())

    def is_cookie(self, sent: str) -> bool:
        """Whether it is the cookie."""
        return hmac.compare_digest(self._cookie.encode(), sent.encode())


class Guesses:
    """Counts wrong tokens by address; knows the latest thousand addresses that sent any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str) -> None:
        """Count one."""
        house = _house(address)
        times = self._wrong.setdefault(house, deque(maxlen=MOST_WRONG))
        times.append(self._clock())
        self._wrong.move_to_end(house)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def wait_s(self, address: str) -> int:
        """Return for how many seconds no token of this address is looked at; 0: it may try."""
        times = self._wrong.get(_house(address))
        if times is None or len(times) < MOST_WRONG:
            return 0
        return max(0, math.ceil(times[0] + WINDOW_S - self._clock()))


def _house(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:  # noqa: PLR2004 - the version
        return str(ipaddress.ip_network((found, _IPV6_HOUSE), strict=False))
    return str(found)
