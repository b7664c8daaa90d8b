"""The commands in a batch file or shell script, as far as they can be told without running it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HARMLESS = ("HOME", "USERPROFILE", "USERNAME", "USER", "APPDATA", "LOCALAPPDATA", "PROGRAMFILES")
"""Variables of the environment that are filled in: they are part of paths and hold no secrets."""
_SET = re.compile(r"\s*set\s+(?!/)(.*)", re.IGNORECASE | re.DOTALL)
_CONDITION = re.compile(
    r"\s*(?:\)\s*)?(?:else\b\s*)?(?:if\s+(?:/i\s+)?(?:not\s+)?"
    r"(?:defined\s+\S+|exist\s+(?:\"[^\"]*\"|\S+)|(?:\"[^\"]*\"|\S+?)\s*==\s*(?:\"[^\"]*\"|\S+))"
    r"\s*)?\(?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%~dp0|%~0|%([A-Za-z_]\w*)(?::[^%]*)?%", re.IGNORECASE)
_DOLLAR = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?[-=?+][^}]*)?\}|([A-Za-z_]\w*))")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_LEADING = ("export", "declare", "local", "readonly", "then", "do", "else", "exec", "sudo", "nohup")
_OPENING, _CLOSING = ("if", "case", "while", "for"), ("fi", "esac", "done")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a script."""

    words: tuple[str, ...]
    sets: str | None = None
    """The variable that it sets; its words are then the value."""
    conditional: bool = False
    computed: bool = False
    """A part of it comes from another command."""


def batch_commands(text: str, folder: str, variables: dict[str, str]) -> list[Command]:
    """The commands of a batch file; ``variables`` are filled in and updated on the way.

    Knows ``set`` with and without quotes, ``rem`` and ``::``, labels, carets at line ends, ``&``,
    ``%NAME%`` and ``%~dp0``; names of variables count in any case.
    """
    found: list[Command] = []
    depth = 0
    for line in re.sub(r"\^[ \t]*\r?\n", " ", text).splitlines():
        bare = line.strip().lstrip("@").strip()
        if bare.startswith(":") or re.match(r"rem(\s|$)", bare, re.IGNORECASE):
            continue
        prefix = _CONDITION.match(bare)
        start = prefix.group() if prefix else ""
        conditional = depth > 0 or bool(start.strip(" \t("))
        depth = max(0, depth + bare.count("(") - bare.count(")"))
        for piece in _unquoted_pieces(bare[len(start) :]):
            filled = _filled(piece, folder, variables)
            found.append(_batch_command(filled, conditional, variables))
    return found


def shell_commands(text: str, folder: str, variables: dict[str, str]) -> list[Command]:
    """The commands of a POSIX shell script, as ``batch_commands``.

    Knows quotes of both kinds, backslashes, comments, ``export``, ``+=``, ``$NAME`` and ``~``;
    what ``$(...)`` and backticks would give is left out, and the command marked.
    """
    found: list[Command] = []
    depth = 0
    for words, computed in _Shell(text, folder, variables).commands():
        while words and words[0] in (*_LEADING, *_OPENING, *_CLOSING):
            depth += (words[0] in _OPENING) - (words[0] in _CLOSING)
            words = words[1:]
        while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
            name, plus, value = assignment.groups()
            variables[name] = variables.get(name, "") + value if plus else value
            found.append(Command((value,), name, depth > 0, computed))
            words = words[1:]
        if words:
            found.append(Command(tuple(words), None, depth > 0, computed))
    return found


def _unquoted_pieces(line: str) -> list[str]:
    """A line of batch parted at ``&`` and ``|`` outside quotes."""
    return [piece for piece in re.findall(r"(?:\"[^\"]*\"?|[^\"&|])+", line) if piece.strip()]


def _batch_command(piece: str, conditional: bool, variables: dict[str, str]) -> Command:
    setting = _SET.fullmatch(piece)
    if setting is None:
        words = re.findall(r"(?:\"[^\"]*\"?|[^\s\"])+", piece.strip())
        return Command(tuple(word.replace('"', "") for word in words), None, conditional)
    body = setting.group(1).strip()
    if body.startswith('"'):
        # What follows the last quote is no part of the value.
        body = body[1:].rpartition('"')[0] or body[1:]
    elif conditional and body.count(")") > body.count("("):
        body = body.rpartition(")")[0]
    name, equals, value = body.partition("=")
    name = name.strip().upper()
    if equals:
        variables[name] = value.rstrip()
    return Command((value.rstrip(),), name, conditional)


def _filled(piece: str, folder: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return folder.rstrip("\\/") + os.sep
        name = name.upper()
        if name in variables or name == "COMMANDLINE_ARGS":
            return variables.get(name, "")
        if name == "CD":
            return folder
        return os.environ.get(name, found.group()) if name in HARMLESS else found.group()

    return _PERCENT.sub(value, piece)


@dataclass(slots=True)
class _Shell:
    """A reader of shell words; ``place`` runs over the text."""

    text: str
    folder: str
    variables: Mapping[str, str]
    place: int = 0
    computed: bool = False
    words: list[str] = field(default_factory=list)
    word: list[str] | None = None

    def commands(self) -> Iterator[tuple[list[str], bool]]:
        """One after another: what a command sets must be known when the next is read."""
        while self.place < len(self.text):
            if self._step(self.text[self.place]):
                yield from self._end()
        yield from self._end()

    def _step(self, letter: str) -> bool:
        """Takes the next letters; True at the end of a command."""
        self.place += 1
        if letter in "\n;&|()":
            return True
        if letter in " \t\r":
            self._close()
        elif letter == "#" and self.word is None:
            end = self.text.find("\n", self.place)
            self.place = end if end >= 0 else len(self.text)
        elif letter == "'":
            self._add(self._until("'"))
        elif letter == '"':
            self._double()
        elif letter == "\\":
            self._escaped()
        elif letter in "$`":
            self._add(self._dollar(letter))
        elif letter == "~" and self.word is None:
            self._add(os.path.expanduser("~"))
        else:
            self._add(letter)
        return False

    def _add(self, text: str) -> None:
        self.word = self.word or []
        self.word.append(text)

    def _close(self) -> None:
        if self.word is not None:
            self.words.append("".join(self.word))
        self.word = None

    def _end(self) -> Iterator[tuple[list[str], bool]]:
        self._close()
        if self.words:
            yield self.words, self.computed
        self.words, self.computed = [], False

    def _until(self, closing: str) -> str:
        end = self.text.find(closing, self.place)
        end = end if end >= 0 else len(self.text)
        inner, self.place = self.text[self.place : end], end + 1
        return inner

    def _escaped(self) -> None:
        follower = self.text[self.place : self.place + 1]
        self.place += 1
        if follower != "\n":
            self._add(follower)

    def _double(self) -> None:
        self._add("")
        while self.place < len(self.text):
            letter = self.text[self.place]
            self.place += 1
            if letter == '"':
                return
            if letter == "\\" and self.text[self.place : self.place + 1] in ('"', "\\", "$", "\n"):
                self._escaped()
            else:
                self._add(self._dollar(letter) if letter in "$`" else letter)

    def _dollar(self, letter: str) -> str:
        """What a ``$`` or backtick stands for; ``place`` is behind it."""
        if letter == "`":
            self._until("`")
        elif self.text.startswith("(", self.place):
            self._skip_parentheses()
        else:
            found = _DOLLAR.match(self.text, self.place - 1)
            if found is None:
                return letter
            self.place = found.end()
            return self._value(found)
        self.computed = True
        return ""

    def _skip_parentheses(self) -> None:
        depth = 0
        while self.place < len(self.text):
            depth += {"(": 1, ")": -1}.get(self.text[self.place], 0)
            self.place += 1
            if depth == 0:
                return

    def _value(self, found: re.Match[str]) -> str:
        name = found.group(1) or found.group(2)
        if name in self.variables or name == "COMMANDLINE_ARGS":
            return self.variables.get(name, "")
        if name == "PWD":
            return self.folder
        return os.environ.get(name, found.group()) if name in HARMLESS else found.group()
