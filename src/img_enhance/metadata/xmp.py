"""XMP: a note of what was done to the photo, and the facts about its pixels set right.

Source: XMP Specification Part 1 (ISO 16684-1), sections 7.3 (packets) and 7.4 (RDF); Part 2, section 1.2 (namespaces).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from img_enhance.geometry import Framing
from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.panorama import is_full_circle, panorama_framed

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
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = f"{_CONTAINER}item/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
_DIRECTORY, _VIDEO_OFFSET = f"{{{_CONTAINER}}}Directory", f"{{{_CAMERA}}}MicroVideoOffset"

_REMOVED = frozenset((f"{{{_XMP}}}Thumbnails", f"{{{_XMP_NOTE}}}HasExtendedXMP"))
_LISTS = frozenset(f"{{{_RDF}}}{name}" for name in ("Seq", "Bag", "Alt"))
_HISTORY = f"{{{_XMP_MM}}}History"

# Places in words. Source: IPTC Photo Metadata Standard 2023.2, which has some of them in Photoshop's namespace.
_PLACES = frozenset(("city", "state", "country", "countrycode", "location", "locationcreated", "locationshown"))

_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'.encode()

_MOST_BYTES = 16 << 20
_MOST_NODES = 200_000
_MOST_NAMESPACES = 200
_DEEPEST = 100

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Attached:
    """The bytes of what XMP says lies behind the picture in its file; `video` is 0 where there is one of an unstated length.

    `padding` are bytes between the picture and the first of them.
    """

    gain_map: int | None = None
    video: int | None = None
    padding: int = 0


@dataclass(frozen=True)
class _Packet:
    """Elements and attributes with the prefixes they came with, and what the prefixes mean at each element."""

    root: _Element
    scopes: Mapping[_Element, _Scope]


def with_note(
    xmp: bytes | None,
    *,
    note: str,
    tool: str,
    width: int,
    height: int,
    keep_gps: bool,
    upright: bool = True,
    framing: Framing | None = None,
    attached: Attached | None = None,
) -> bytes:
    """The packet `xmp`, or a new one, with `note` about what `tool` did at the end of its history (xmpMM:History).

    Where it states orientation and size, they are 1, `width` and `height`; the orientation stays unless the picture is `upright`. The
    sizes of a panorama follow `framing`, and of what phones put behind a picture only `attached` is spoken of. Thumbnails are gone, and
    unless `keep_gps` every property that says where it was taken: by its name, in any namespace. Everything else keeps its prefixes and
    order. There is no date in it: the same photo gives the same bytes.

    Raises: BrokenMetadata when the packet cannot be read, declares a document type, or is too large or too deep.
    """
    packet = _parsed(_EMPTY if xmp is None else xmp)
    rdf = _rdf_of(packet)
    if not keep_gps:
        _remove_places(packet)
    correct = {
        **({f"{{{_TIFF}}}Orientation": "1"} if upright else {}),
        f"{{{_TIFF}}}ImageWidth": str(width),
        f"{{{_TIFF}}}ImageLength": str(height),
        f"{{{_EXIF}}}PixelXDimension": str(width),
        f"{{{_EXIF}}}PixelYDimension": str(height),
    }
    framed = {} if framing is None else panorama_framed(_simple_properties(packet, rdf), framing)
    correct |= {name: value for name, value in framed.items() if value is not None}
    removed = _REMOVED | {name for name, value in framed.items() if value is None}
    for description in rdf:
        _remove(packet, description, removed)
        _set_right(packet, description, correct)
        _set_attached(packet, description, attached or Attached())
    _add_event(packet, rdf, {"action": "edited", "softwareAgent": tool, "parameters": note})
    return (_START + ElementTree.tostring(packet.root, encoding="unicode") + _END).encode("utf-8")


def attached_in(xmp: bytes) -> Attached:
    """What the packet says lies behind the picture in its file.

    Raises: BrokenMetadata as `with_note`.
    """
    packet = _parsed(xmp)
    rdf = _rdf_of(packet)
    simple = _simple_properties(packet, rdf)
    items = [item for description in rdf for item, _ in _items(packet, description)]
    lengths = {item.get("Semantic"): _count(item.get("Length")) for item in items}
    padding = next((_count(item.get("Padding")) for item in items if item.get("Semantic") == "Primary"), 0)
    video = lengths.get("MotionPhoto")
    if video is None and (simple.get(f"{{{_CAMERA}}}MicroVideo") == "1" or simple.get(f"{{{_CAMERA}}}MotionPhoto") == "1"):
        video = _count(simple.get(_VIDEO_OFFSET))
    return Attached(lengths.get("GainMap"), video, padding)


def goes_round(xmp: bytes | None) -> bool:
    """Whether the packet says that the right edge of its picture goes on at its left; one that cannot be read says nothing."""
    try:
        return xmp is not None and is_full_circle(properties_of(xmp))
    except BrokenMetadata:
        return False


def properties_of(xmp: bytes) -> dict[str, str]:
    """The packet's properties whose value is a text, by their names as "{namespace}name".

    Raises: BrokenMetadata as `with_note`.
    """
    packet = _parsed(xmp)
    return _simple_properties(packet, _rdf_of(packet))


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


def _rdf_of(packet: _Packet) -> _Element:
    rdf = next((element for element in packet.scopes if _name(packet, element) == f"{{{_RDF}}}RDF"), None)
    if rdf is None:
        raise BrokenMetadata("it has no rdf:RDF")
    return rdf


def _simple_properties(packet: _Packet, rdf: _Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for description in rdf:
        found |= {_attribute_name(packet, description, name): value for name, value in description.attrib.items()}
        found |= {_name(packet, child): child.text or "" for child in description if len(child) == 0}
    return found


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


def _remove_places(packet: _Packet) -> None:
    for element in packet.scopes:
        for attribute in [name for name in element.attrib if _says_where(name) and not name.startswith("xmlns:")]:
            del element.attrib[attribute]
        element[:] = [child for child in element if not _says_where(child.tag)]


def _says_where(name: str) -> bool:
    local = _local(name).lower()
    return local.startswith("gps") or local in _PLACES


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


def _count(text: str | None) -> int:
    """A number of bytes, 0 for none."""
    return int(text) if text and re.fullmatch("[0-9]{1,10}", text) else 0


def _items(packet: _Packet, description: _Element) -> Iterator[tuple[dict[str, str], _Element]]:
    """What a description's directory lists, each as its properties, with the element of the list."""
    for directory in (child for child in description if _name(packet, child) == _DIRECTORY):
        for entry in (entry for each in directory for entry in each):
            item: dict[str, str] = {}
            for element in entry.iter():
                named = {_attribute_name(packet, element, name): value for name, value in element.attrib.items()}
                named[_name(packet, element)] = element.text or ""
                item |= {name.removeprefix(f"{{{_ITEM}}}"): value for name, value in named.items() if name.startswith(f"{{{_ITEM}}}")}
            yield item, entry


def _set_attached(packet: _Packet, description: _Element, attached: Attached) -> None:
    """State the lengths of what is attached, without padding, and take out what is said of anything else."""
    lengths = {"GainMap": attached.gain_map, "MotionPhoto": attached.video}
    for item, entry in list(_items(packet, description)):
        length = 0 if item.get("Semantic") == "Primary" else lengths.get(item.get("Semantic", ""))
        if length is None:
            for parent in description.iter():
                parent[:] = [child for child in parent if child is not entry]
        else:
            for element in entry.iter():
                _set_right(packet, element, {f"{{{_ITEM}}}Length": str(length), f"{{{_ITEM}}}Padding": "0"})
    gone: tuple[str, ...] = ()
    if attached.video is None:
        gone += (f"{{{_CAMERA}}}MotionPhoto", f"{{{_CAMERA}}}MicroVideo")
    if attached.gain_map is None:
        gone += (f"{{{_GAIN_MAP}}}",)
    if attached.gain_map is None and attached.video is None:
        gone += (_DIRECTORY,)
    names = {_attribute_name(packet, description, name) for name in description.attrib} | {_name(packet, child) for child in description}
    _remove(packet, description, frozenset(name for name in names if name.startswith(gone)))
    _set_right(packet, description, {_VIDEO_OFFSET: str(attached.video)})
