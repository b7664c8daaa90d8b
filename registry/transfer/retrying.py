"""A request made again until it is answered, or until that is no use."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import Offline, OfflineMode, SourceError
from .asking import Asker, Opening, Refused, StartAgain
from .broken import Interrupted
from .partial import Version
from .plan import ENDLESS, Claim, Plan
from .tries import Tries


class Stopped(Exception):
    """The download ended while this request was made."""


class Retrying:
    """Asks for claims of one content; several connections may share it."""

    def __init__(
        self, asker: Asker, tries: Tries, plan: Plan, known: Version | None, verifiable: bool
    ) -> None:
        self.known = known
        """The version that all answers must be of, once there is one."""
        self._asker = asker
        self._tries = tries
        self._plan = plan
        self._verifiable = verifiable

    @property
    def renewals(self) -> int:
        """Times that another address was found."""
        return self._asker.renewals

    @property
    def resumable(self) -> bool:
        """Whether bytes of several answers make one file for sure."""
        return self._verifiable or (self.known is not None and self.known.etag is not None)

    def ask(self, claim: Claim, crowded: Callable[[], None]) -> Opening:
        """An answer that delivers the claim from its start on.

        ``crowded`` is called where the server refuses; it raises where others go on without.
        Raises what ``Asker.ask`` raises but ``Refused``, and ``Stopped``.
        """
        end = None if claim.end == ENDLESS or claim.end == self._plan.total else claim.end
        if claim.start and not self.resumable:
            raise StartAgain("its server says too little to go on where it stopped")
        while not self._plan.stopped:
            began = time.monotonic()
            try:
                return self._asker.ask(claim.start, end, self.known)
            except Refused as refused:
                crowded()
                if not self._asker.renew(refused, resuming=claim.start > 0):
                    self._bear(refused)
            except OfflineMode:
                raise
            except (Offline, Interrupted) as error:
                crowded()
                self.failed(error, time.monotonic() - began)
        raise Stopped

    def failed(self, error: SourceError, seconds: float) -> None:
        """Wait before the next try; raises ``error`` where there is none."""
        self._asker.client.rest(0)
        self._plan.pause(self._tries.failed(error, self._plan.received, seconds))

    def _bear(self, refused: Refused) -> None:
        """Wait as long as the server asks; raises its error where that is no use."""
        asked = refused.wait
        # In the middle of a download, 403 is how some say that there were too many requests.
        passing = refused.passing or (refused.status == 403 and self._plan.received > 0)
        if not passing or (asked or 0.0) > self._tries.patience.longest_wait:
            raise refused.error from None
        own = self._tries.failed(refused.error, self._plan.received)
        self._plan.pause(own if asked is None else asked)
