"""Every error vaereg raises on purpose; each knows its JSON code and its exit code.

VaeregError
├── UsageError                 wrong usage (exit 2)
├── NotFound                   no such name, path or hash
├── Ambiguous                  several models answer to one name
├── FileError
│   ├── Unreadable             truncated, damaged, not a regular file, no permission
│   ├── UnsafePickle           a pickle that asks for more than tensors
│   └── UnsupportedFormat      a known format that vaereg does not read
├── MissingDependency          an optional part is not installed
├── NoSpace                    the disk is full
├── SourceError                a model on another machine cannot be had
│   ├── NeedsToken             the service wants to know who asks
│   ├── Forbidden              it knows, and does not allow it
│   ├── RateLimited            it asks to come back later
│   ├── Offline                nothing can be reached
│   │   └── OfflineMode        offline mode is on
│   └── DownloadBroken         what arrives is not what was promised
├── ProbeError
│   ├── NoDevice               the device asked for is not there
│   ├── OutOfMemory            the device has too little memory for this VAE
│   └── CannotRun              no runner for this architecture, or its weights are not whole
└── StoreError
    ├── DatabaseLocked         another process holds the registry
    ├── DatabaseUnreachable    no server answers at the registry's address
    ├── StoreFull              the disk that holds the registry is full
    └── NewerDatabase          the registry was written by a newer vaereg
"""

from __future__ import annotations

from typing import ClassVar

INSTALL_PROBES = "pip install 'vaereg[probe]'"
"""Brings what probes need; the end of hints."""


class VaeregError(Exception):
    """Something could not be done; ``message`` says what and where, ``hint`` what to do next."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VaeregError):
    """The command was called in a way it does not understand."""

    code = "usage"
    exit_code = 2


class NotFound(VaeregError):
    """No model, file or folder answers to that name."""

    code = "not_found"


class Ambiguous(VaeregError):
    """Several models answer to that name; the message lists them."""

    code = "ambiguous"


class FileError(VaeregError):
    """A file cannot be taken for what it claims to be."""

    code = "unreadable_file"


class Unreadable(FileError):
    """The file is truncated, damaged, not a regular file, or may not be read."""


class UnsafePickle(FileError):
    """The pickle asks for objects that a file of weights never needs."""

    code = "unsafe_pickle"


class UnsupportedFormat(FileError):
    """The file is whole, but of a format that vaereg does not read."""

    code = "unsupported_format"


class MissingDependency(VaeregError):
    """An optional part of vaereg is not installed."""

    code = "missing_dependency"


class NoSpace(VaeregError):
    """The disk has too little room for what is to be written."""

    code = "no_space"


class SourceError(VaeregError):
    """A model on another machine cannot be had; a leaf says why."""

    code = "download_broken"


class NeedsToken(SourceError):
    """The service gives this only to those who sign in; the hint says where to get a token."""

    code = "needs_token"


class Forbidden(SourceError):
    """The service knows who asks and refuses: licence not accepted, early access, taken down."""

    code = "forbidden"


class RateLimited(SourceError):
    """The service asks to come back later."""

    code = "rate_limited"


class Offline(SourceError):
    """Nothing answers."""

    code = "offline"


class OfflineMode(Offline):
    """The user switched the network off: asking again is no use."""


class DownloadBroken(SourceError):
    """What arrives is not what was promised: cut short, another length or hash, a web page."""

    code = "download_broken"


class ProbeError(VaeregError):
    """A probe could not be run; reported as an unsupported format unless a leaf says otherwise."""

    code = "unsupported_format"


class NoDevice(ProbeError):
    """The device asked for is not there."""

    code = "no_device"


class OutOfMemory(ProbeError):
    """The device has too little memory for what was asked."""

    code = "out_of_memory"


class CannotRun(ProbeError):
    """This VAE has no runner: an unknown architecture, missing tensors, unknown group count."""


class StoreError(VaeregError):
    """The registry's database cannot be used; reported as an unreadable file."""

    code = "unreadable_file"


class DatabaseLocked(StoreError):
    """Another process kept the registry locked for too long."""

    code = "database_locked"


class DatabaseUnreachable(StoreError):
    """No server answers at the registry's address."""

    code = "offline"


class StoreFull(StoreError):
    """The disk that holds the registry is full."""

    code = "no_space"


class NewerDatabase(StoreError):
    """The registry was written by a newer version of vaereg."""

    code = "newer_database"
