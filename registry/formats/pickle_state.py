"""The state of a pickle's run: stack, marks, memo and what was met on the way."""

from __future__ import annotations

from collections.abc import Callable

from .faults import Damaged
from .pickle_calls import describe_storage
from .pickle_globals import find_global
from .pickle_values import Storage

MOST_STACKED = 1_000_000
MOST_MADE = 1_000_000
"""Three times what the largest allowed number of tensors needs."""


class State:
    """What the instructions of ``pickle_opcodes`` work on."""

    __slots__ = (
        "_below",
        "_waiting",
        "data",
        "made",
        "members",
        "memo",
        "passive",
        "size",
        "stack",
        "storages",
    )

    def __init__(self, data: bytes, size: int, members: int) -> None:
        self.data = data
        self.size = size  # of the whole file, where data is its beginning
        self.members = members  # of a reference to a storage
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}  # a list would grow to the largest index a file names
        self.storages: dict[str, Storage] = {}
        self.passive: dict[str, None] = {}
        self.made = 0
        self._waiting: list[list[object]] = []
        self._below = 0

    def mark(self) -> None:
        """Begin a new stack on top of the present one."""
        self._below += len(self.stack) + 1
        self._waiting.append(self.stack)
        self.stack = []

    def unmark(self) -> list[object]:
        """Everything above the last mark, which goes away; ``IndexError`` where there is none."""
        items = self.stack
        self.stack = self._waiting.pop()
        self._below -= len(self.stack) + 1
        return items

    def take_global(self, module: str, name: str) -> None:
        """Push an allowed name."""
        found = find_global(module, name)
        if found.kind == "passive":
            self.passive[found.name] = None
        self.stack.append(found)

    def take_storage(self, reference: object) -> None:
        """Push the storage a persistent id describes; one key must always mean one storage."""
        storage = describe_storage(reference, self.members)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise Damaged(f"describes its storage {storage.key} in two ways")
        self.stack.append(storage)

    @property
    def marked(self) -> bool:
        """Whether a mark is still open."""
        return bool(self._waiting)

    def require_room(self) -> None:
        """Raise ``Damaged`` when stack, memo or objects grow beyond any file of weights."""
        if len(self.stack) + self._below > MOST_STACKED:
            raise Damaged(f"stacks more than {MOST_STACKED:,} values in its pickle")
        if max(self.made, len(self.memo)) > MOST_MADE:
            raise Damaged(f"makes more than {MOST_MADE:,} objects in its pickle")


Handler = Callable[[State, int], int]
"""An instruction: takes the position of its operand, answers that of the next instruction."""
