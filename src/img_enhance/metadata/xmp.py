"""XMP: a note of what was done to the photo, and the facts about its pixels set right.

Source: XMP Specification Part 1 (ISO 16684-1), sections 7.3 (packets) and 7.4 (RDF); Part 2, section 1.2 (namespaces).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from img_enhance.metadata import BrokenMetadata

_Element = ElementTree.Element
_Scope = Mapping[str, str]

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
_XMP_NOTE = "http://ns.adobe.com/xmp/note/"
_ST_EVT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"

# The part that HasExtendedXMP points to lies in other segments of the original JPEG, which no result has.
_REMOVED = frozenset((f"{{{_XMP}}}Thumbnails", f"{{{_XMP_NOTE}}}HasExtendedXMP"))
_LISTS = frozenset(f"{{{_RDF}}}{name}" for name in ("Seq", "Bag", "Alt"))
_HISTORY = f"{{{_XMP_MM}}}History"

_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'.encode()

_MOST_BYTES = 16 << 20
_MOST_NODES = 200_000
_MOST_NAMESPACES = 200
_DEEPEST = 100

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Packet:
    """Elements and attributes with the prefixes they came with, and what the prefixes mean at each element."""

    root: _Element
    scopes: Mapping[_Element, _Scope]


def with_note(xmp: bytes | None, *, note: str, tool: str, width: int, height: int, keep_gps: bool, upright: bool = True) -> bytes:
    """The packet `xmp`, or a new one, with `note` about what `tool` did at the end of its history (xmpMM:History).

    Where it states orientation and size, they are 1, `width` and `height`; the orientation stays unless the picture is `upright`.
    Thumbnails are gone, and unless `keep_gps` every property whose name begins with GPS, in any namespace. Everything else keeps its
    prefixes and order. There is no date in it: the same photo gives the same bytes.

    Raises: BrokenMetadata when the packet cannot be read, declares a document type, or is too large or too deep.
    """
    packet = _parsed(_EMPTY if xmp is None else xmp)
    rdf = next((element for element in packet.scopes if _name(packet, element) == f"{{{_RDF}}}RDF"), None)
    if rdf is None:
        raise BrokenMetadata("it has no rdf:RDF")
    if not keep_gps:
        _remove_gps(packet)
    correct = {
        **({f"{{{_TIFF}}}Orientation": "1"} if upright else {}),
        f"{{{_TIFF}}}ImageWidth": str(width),
        f"{{{_TIFF}}}ImageLength": str(height),
        f"{{{_EXIF}}}PixelXDimension": str(width),
        f"{{{_EXIF}}}PixelYDimension": str(height),
    }
    for description in rdf:
        _remove(packet, description, _REMOVED)
        _set_right(packet, description, correct)
    _add_event(packet, rdf, {"action": "edited", "softwareAgent": tool, "parameters": note})
    return (_START + ElementTree.tostring(packet.root, encoding="unicode") + _END).encode("utf-8")


def notes(xmp: bytes, *, tool: str) -> tuple[str, ...]:
    """What programs whose name begins with `tool` noted in the packet's history, oldest first, as `with_note` wrote it.

    Raises: BrokenMetadata as `with_note`.
    """
    packet = _parsed(xmp)
    found = []
    for rdf in (element for element in packet.scopes if _name(packet, element) == f"{{{_RDF}}}RDF"):
        for history in _histories(packet, rdf):
            events = [_event(packet, entry) for entry in history]
            found += [event["parameters"] for event in events if event.get("softwareAgent", "").startswith(tool) and "parameters" in event]
    return tuple(found)


def _event(packet: _Packet, entry: _Element) -> dict[str, str]:
    """The properties of an event, which other programs write as elements, inside a description or not."""
    named = {_attribute_name(packet, element, name): value for element in (entry, *entry) for name, value in element.attrib.items()}
    inside = [child for element in (entry, *entry) for child in element]
    named |= {_name(packet, child): child.text or "" for child in inside}
    return {name.removeprefix(f"{{{_ST_EVT}}}"): value for name, value in named.items() if name.startswith(f"{{{_ST_EVT}}}")}


def _parsed(xmp: bytes) -> _Packet:
    """Raw names, so that prefixes survive; expat itself, so that a document type is refused before anything in it is read."""
    if len(xmp) > _MOST_BYTES:
        raise BrokenMetadata(f"it has {len(xmp)} bytes, allowed {_MOST_BYTES}")
    packet = _PacketBuilder()
    try:
        _parser_into(packet).Parse(xmp.strip(b"\0 \t\r\n"), True)
    except BrokenMetadata:  # a ValueError too, with better words
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BrokenMetadata(f"it is not XML: {error}") from None
    return _checked(packet.close())


class _PacketBuilder:
    """Makes a packet of what a parser finds, as long as it is neither too large nor too deep."""

    def __init__(self) -> None:
        self._elements = ElementTree.TreeBuilder()
        self._scopes: dict[_Element, _Scope] = {}
        self._open_scopes: list[_Scope] = [{"xml": "http://www.w3.org/XML/1998/namespace"}]
        self._nodes = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > _MOST_NODES or len(self._open_scopes) > _DEEPEST:
            raise BrokenMetadata(f"it has more than {_MOST_NODES} properties, or is more than {_DEEPEST} deep")
        self._open_scopes.append(_scope_inside(self._open_scopes[-1], attributes))
        self._scopes[self._elements.start(name, attributes)] = self._open_scopes[-1]

    def data(self, text: str) -> None:
        self._elements.data(text)

    def end(self, name: str) -> None:
        self._open_scopes.pop()
        self._elements.end(name)

    def close(self) -> _Packet:
        return _Packet(self._elements.close(), self._scopes)


def _parser_into(packet: _PacketBuilder) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = packet.start
    parser.EndElementHandler = packet.end
    parser.CharacterDataHandler = packet.data
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.EntityDeclHandler = _refuse_declaration
    return parser


def _refuse_declaration(*_declaration: object) -> None:
    raise BrokenMetadata("it declares a document type, which XMP must not")


def _checked(packet: _Packet) -> _Packet:
    """The packet, if every prefix in it stands for a namespace."""
    for element in packet.scopes:
        _name(packet, element)
        for attribute in element.attrib:
            _attribute_name(packet, element, attribute)
    return packet


def _scope_inside(outer: _Scope, attributes: Mapping[str, str]) -> _Scope:
    declared = {name[6:]: uri for name, uri in attributes.items() if name == "xmlns" or name.startswith("xmlns:")}
    if not declared:
        return outer
    scope = {**outer, **declared}
    if len(scope) > _MOST_NAMESPACES:
        raise BrokenMetadata(f"it has more than {_MOST_NAMESPACES} namespaces")
    return scope


def _name(packet: _Packet, element: _Element) -> str:
    return _expanded(element.tag, packet.scopes[element])


def _attribute_name(packet: _Packet, element: _Element, attribute: str) -> str:
    """Unlike an element, an attribute without a prefix is in no namespace."""
    if attribute == "xmlns" or attribute.startswith("xmlns:"):
        return "xmlns"
    return _expanded(attribute, packet.scopes[element]) if ":" in attribute else attribute


def _expanded(name: str, scope: _Scope) -> str:
    prefix, _, local = name.rpartition(":")
    if prefix not in scope and prefix:
        raise BrokenMetadata(f"its prefix '{prefix}' stands for no namespace")
    return f"{{{scope.get(prefix, '')}}}{local}"


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _remove_gps(packet: _Packet) -> None:
    for element in packet.scopes:
        for attribute in [name for name in element.attrib if _is_gps(name) and not name.startswith("xmlns:")]:
            del element.attrib[attribute]
        element[:] = [child for child in element if not _is_gps(child.tag)]


def _is_gps(name: str) -> bool:
    return _local(name).lower().startswith("gps")


def _remove(packet: _Packet, description: _Element, names: frozenset[str]) -> None:
    for attribute in [name for name in description.attrib if _attribute_name(packet, description, name) in names]:
        del description.attrib[attribute]
    description[:] = [child for child in description if _name(packet, child) not in names]


def _set_right(packet: _Packet, description: _Element, correct: Mapping[str, str]) -> None:
    for attribute in description.attrib:
        name = _attribute_name(packet, description, attribute)
        if name in correct:
            description.set(attribute, correct[name])
    for child in description:
        name = _name(packet, child)
        if name in correct:
            child[:] = []
            child.text = correct[name]
            for attribute in [name for name in child.attrib if not name.startswith("xmlns")]:
                del child.attrib[attribute]


def _add_event(packet: _Packet, rdf: _Element, event: Mapping[str, str]) -> None:
    attributes = {f"stEvt:{name}": _NOT_IN_XML.sub("?", value) for name, value in event.items()}
    history = next(_histories(packet, rdf), None)
    if history is not None:
        ElementTree.SubElement(history, "rdf:li", {"xmlns:rdf": _RDF, "xmlns:stEvt": _ST_EVT, **attributes})
        return
    about = next((value for description in rdf for value in _abouts(packet, description)), "")
    names = {"xmlns:rdf": _RDF, "xmlns:xmpMM": _XMP_MM, "xmlns:stEvt": _ST_EVT}
    for description in rdf:
        _remove(packet, description, frozenset((_HISTORY,)))
    description = ElementTree.SubElement(rdf, "rdf:Description", {**names, "rdf:about": about})
    sequence = ElementTree.SubElement(ElementTree.SubElement(description, "xmpMM:History"), "rdf:Seq")
    ElementTree.SubElement(sequence, "rdf:li", attributes)


def _histories(packet: _Packet, rdf: _Element) -> Iterator[_Element]:
    """The lists of events that the packet has; more than one is a mistake."""
    for description in rdf:
        for history in description:
            if _name(packet, history) == _HISTORY:
                yield from (entry for entry in history if _name(packet, entry) in _LISTS)


def _abouts(packet: _Packet, description: _Element) -> Iterator[str]:
    """What a packet is about, which all of its descriptions must say alike."""
    for name, value in description.attrib.items():
        if _attribute_name(packet, description, name) == f"{{{_RDF}}}about":
            yield value
