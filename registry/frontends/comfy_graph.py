"""ComfyUI's saved workflows and API prompts as one kind of graph: nodes, values and links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

MUTED, BYPASSED = 2, 4
"""``mode`` of a node that is never run, and of one that hands its inputs through:
Comfy-Org/ComfyUI_frontend src/lib/litegraph/src/types/globalEnums.ts."""
MOST_WORK = 50_000
"""Nodes and links read of one file, those of a subgraph once for each place it stands at."""
DEEPEST = 12
"""Subgraphs within subgraphs."""
_ENTRY, _EXIT = "-10", "-20"
"""Ids of the two ends of a subgraph: Comfy-Org/ComfyUI_frontend
src/lib/litegraph/src/constants.ts."""

Source: TypeAlias = tuple[str, int]
"""A node's id and the number of its output."""
Item: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Node:
    """One node, whichever format it was saved in."""

    id: str
    type: str
    links: Mapping[str, Source] = field(default_factory=dict)
    """Where its inputs come from, by the input's name."""
    values: Mapping[str, object] = field(default_factory=dict)
    """Its widgets by name, and by number (``"0"``) where the format names none."""
    mode: int = 0
    forward: tuple[Source | None, ...] | None = None
    """What each output only hands on: of a bypassed node, a reroute, the ends of a subgraph."""


Graph: TypeAlias = Mapping[str, Node]


def read_graph(value: object) -> Graph:
    """The nodes of a parsed file by id; empty where it is no workflow.

    A node inside a subgraph has the ids of the nodes around it before its own: ``12:3``.
    """
    if not isinstance(value, dict):
        return {}
    if isinstance(value.get("nodes"), list):
        definitions = _objects(_mapping(value.get("definitions")).get("subgraphs"))
        reader = _Saved({str(one.get("id")): one for one in definitions})
        reader.read(value, "", 0)
        return reader.nodes
    prompt = value.get("prompt")
    return _prompt(prompt if isinstance(prompt, dict) else value)


def _prompt(value: Item) -> dict[str, Node]:
    """The API's format: yzkee/ComfyUI execution.py, ``validate_prompt``."""
    found = {}
    for name, node in value.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            continue
        given = _mapping(node.get("inputs"))
        links = {key: link for key, one in given.items() if (link := _link(one))}
        values = {key: one for key, one in given.items() if key not in links}
        forward = _reroute(node["class_type"], links)
        found[name] = Node(name, node["class_type"], links, values, 0, forward)
    return found


def _link(value: object) -> Source | None:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return (str(value[0]), value[1])
    return None


@dataclass(slots=True)
class _Saved:
    """Reads the interface's format; ``nodes`` grows, subgraphs unfolded into it."""

    definitions: Mapping[str, Item]
    nodes: dict[str, Node] = field(default_factory=dict)
    work: int = 0

    def read(self, graph: Item, prefix: str, depth: int) -> tuple[Source | None, ...]:
        """Adds the nodes of a graph; where it is a subgraph, the sources of its outputs."""
        nodes, links = _objects(graph.get("nodes")), dict(_links(graph.get("links"), prefix))
        self.work += len(nodes) + len(links)
        if self.work > MOST_WORK:
            return ()
        for node in nodes:
            self._add(node, {key: origin for key, (origin, _) in links.items()}, prefix, depth)
        exits = {into[1]: origin for origin, into in links.values() if into[0] == _EXIT}
        return _in_order(exits)

    def _add(self, node: Item, links: Mapping[str, Source], prefix: str, depth: int) -> None:
        name, kind = f"{prefix}{node.get('id')}", str(node.get("type"))
        inputs = _objects(node.get("inputs"))
        linked = {str(one.get("name")): links.get(str(one.get("link"))) for one in inputs}
        sources = {key: source for key, source in linked.items() if source}
        mode = node.get("mode")
        mode = mode if isinstance(mode, int) else 0
        forward = _reroute(kind, sources)
        if mode == BYPASSED:
            forward = _bypass(node, inputs, links)
        elif mode != MUTED and kind in self.definitions and depth < DEEPEST:
            self._entry(node, inputs, links, f"{name}:")
            forward = self.read(self.definitions[kind], f"{name}:", depth + 1)
        self.nodes[name] = Node(name, kind, sources, _widgets(node), mode, forward)

    def _entry(
        self, node: Item, inputs: list[Item], links: Mapping[str, Source], inside: str
    ) -> None:
        """The node that stands for a subgraph's inputs, seen from inside."""
        values = node.get("widgets_values")
        named = [place for place, one in enumerate(inputs) if "widget" in one]
        given = values if isinstance(values, list) and len(values) == len(named) else []
        forward = [links.get(str(one.get("link"))) for one in inputs]
        for place, value in zip(named, given, strict=False):
            # A widget of the subgraph itself: its value stands where a link would lead.
            if forward[place] is None:
                shown_as = f"{inside}={place}"
                self.nodes[shown_as] = Node(shown_as, "PrimitiveNode", values={"0": value})
                forward[place] = (shown_as, 0)
        name = inside + _ENTRY
        self.nodes[name] = Node(name, "subgraph input", forward=tuple(forward))


def _reroute(kind: str, sources: Mapping[str, Source]) -> tuple[Source | None, ...] | None:
    if kind.startswith("Reroute") and len(sources) == 1:
        return (next(iter(sources.values())),)
    return None


def _bypass(
    node: Item, inputs: list[Item], links: Mapping[str, Source]
) -> tuple[Source | None, ...]:
    """A bypassed node's output is its first linked input of the same type."""
    found = []
    for output in _objects(node.get("outputs")):
        same = [one for one in inputs if one.get("type") == output.get("type")]
        sources = [source for one in same if (source := links.get(str(one.get("link"))))]
        found.append(sources[0] if sources else None)
    return tuple(found)


def _in_order(exits: Mapping[int, Source]) -> tuple[Source | None, ...]:
    last = max((place for place in exits if place < MOST_WORK), default=-1)
    return tuple(exits.get(place) for place in range(last + 1))


def _widgets(node: Item) -> dict[str, object]:
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items()}
    named = enumerate(values) if isinstance(values, list) else ()
    return {str(place): value for place, value in named}


def _links(value: object, prefix: str) -> Iterator[tuple[str, tuple[Source, Source]]]:
    """Both spellings: ``[id, from, slot, to, slot, type]`` and an object with names."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    for link in value if isinstance(value, list) else ():
        if isinstance(link, list) and len(link) >= 5:
            name, origin, out, target, into = link[:5]
        elif isinstance(link, dict):
            name, origin, out, target, into = (link.get(key) for key in keys)
        else:
            continue
        if isinstance(out, int) and isinstance(into, int):
            yield str(name), ((f"{prefix}{origin}", out), (str(target), into))


def _objects(value: object) -> list[Item]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> Item:
    return value if isinstance(value, dict) else {}
