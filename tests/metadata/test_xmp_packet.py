import contextlib
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.xmp import notes, with_note

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EVT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
MM = "{http://ns.adobe.com/xap/1.0/mm/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
# Of the processor, because machines are shared; what grows with the square takes minutes.
SECONDS = 10.0

NAMESPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmlns:drone="http://www.dji.com/drone-dji/1.0/"'
)


def packet(attributes: str = "", properties: str = "") -> bytes:
    description = f'<rdf:Description rdf:about="" {attributes}>{properties}</rdf:Description>'
    root = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMESPACES}>{description}</rdf:RDF></x:xmpmeta>'
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{root}\n{" " * 100}\n<?xpacket end="w"?>'.encode()


def noted(xmp: bytes | None, *, note: str = "denoised", keep_gps: bool = True) -> bytes:
    return with_note(xmp, note=note, tool="img-enhance 1", width=800, height=600, keep_gps=keep_gps)


def events(xmp: bytes) -> list[dict[str, str]]:
    """The history as an XML library sees it, each event by attributes or elements."""
    root = ElementTree.fromstring(xmp)
    lists = root.findall(f".//{MM}History/*")
    assert len(lists) == len(root.findall(f".//{MM}History")) == 1
    assert not root.findall(f".//*[@{MM}History]")
    return [{key.removeprefix(EVT): value for key, value in (*e.items(), *((c.tag, c.text or "") for c in e))} for e in lists[0]]


EVENT = {"action": "edited", "softwareAgent": "img-enhance 1", "parameters": "denoised"}


def test_a_new_packet_holds_the_note_and_nothing_else() -> None:
    xmp = noted(None)
    assert events(xmp) == [EVENT]
    assert xmp.startswith(b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert xmp.endswith(b'<?xpacket end="w"?>')
    assert noted(None) == xmp, "the same photo, the same bytes"


def test_a_packet_without_a_history_gets_one() -> None:
    xmp = noted(packet('dc:format="image/jpeg" xmp:CreatorTool="Camera"'))
    assert events(xmp) == [EVENT]
    assert b'xmp:CreatorTool="Camera"' in xmp


@pytest.mark.parametrize("kind", ["Seq", "Bag"])
def test_the_note_comes_last_in_a_history(kind: str) -> None:
    old = '<rdf:li rdf:parseType="Resource"><stEvt:action>created</stEvt:action></rdf:li>'
    xmp = noted(packet("", f"<xmpMM:History><rdf:{kind}>{old}</rdf:{kind}></xmpMM:History>"))
    assert events(xmp) == [{f"{RDF}parseType": "Resource", "action": "created"}, EVENT]
    assert [event["parameters"] for event in events(noted(noted(xmp), note="again"))[1:]] == ["denoised", "denoised", "again"]


def test_a_history_that_is_no_list_is_replaced() -> None:
    assert events(noted(packet('xmpMM:History="x"'))) == [EVENT]
    assert events(noted(packet("", "<xmpMM:History>x</xmpMM:History>"))) == [EVENT]


def test_orientation_and_size_are_set_right_as_attributes() -> None:
    sizes = 'tiff:ImageWidth="4" tiff:ImageLength="3" exif:PixelXDimension="4" exif:PixelYDimension="3"'
    xmp = noted(packet(f'tiff:Orientation="6" {sizes}'))
    description = ElementTree.fromstring(xmp).find(f".//{RDF}Description")
    assert description is not None
    expected = {"Orientation": "1", "ImageWidth": "800", "ImageLength": "600"}
    assert {name: description.get(TIFF + name) for name in expected} == expected
    assert (description.get(f"{EXIF}PixelXDimension"), description.get(f"{EXIF}PixelYDimension")) == ("800", "600")


def test_orientation_and_size_are_set_right_as_elements() -> None:
    xmp = noted(packet("", "<tiff:Orientation>8</tiff:Orientation><exif:PixelXDimension><b/>4</exif:PixelXDimension>"))
    root = ElementTree.fromstring(xmp)
    assert root.findtext(f".//{TIFF}Orientation") == "1"
    assert root.findtext(f".//{EXIF}PixelXDimension") == "800"


def test_absent_properties_stay_absent() -> None:
    for name in (b"Orientation", b"ImageWidth", b"PixelXDimension"):
        assert name not in noted(packet())


def test_thumbnails_and_the_pointer_to_an_extended_packet_go() -> None:
    xmp = noted(packet('xmpNote:HasExtendedXMP="A1"', "<xmp:Thumbnails><rdf:Alt><rdf:li>x</rdf:li></rdf:Alt></xmp:Thumbnails>"))
    assert b"Thumbnails" not in xmp
    assert b"HasExtendedXMP" not in xmp


def test_gps_goes_unless_it_is_kept() -> None:
    before = packet(
        'exif:GPSLatitude="48,8N" drone:GpsLongitude="11.5"',
        "<exif:GPSLongitude>11,34E</exif:GPSLongitude><dc:x><rdf:Description exif:GPSAltitude='500/1'/></dc:x>",
    )
    assert b"gps" not in noted(before, keep_gps=False).lower()
    assert noted(before).count(b"48,8N") == noted(before).count(b"11,34E") == noted(before).count(b"500/1") == 1


def test_the_place_in_words_goes_with_gps_and_what_is_called_alike_stays() -> None:
    spaces = 'xmlns:ps="http://ns.adobe.com/photoshop/1.0/" xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
    spaces += 'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" ps:CaptionWriter="Statler" '
    before = packet(
        spaces + 'ps:City="Paris" ps:State="Paris" core:Location="Paris"',
        "<ps:Country>Paris</ps:Country><core:CountryCode>Paris</core:CountryCode>"
        "<ext:LocationCreated><rdf:Bag><rdf:li ext:Sublocation='Paris'/></rdf:Bag></ext:LocationCreated>"
        "<ext:LocationShown><rdf:Bag><rdf:li><rdf:Description><ext:CountryName>Paris</ext:CountryName></rdf:Description></rdf:li></rdf:Bag>"
        "</ext:LocationShown>",
    )
    assert b"Paris" not in noted(before, keep_gps=False)
    assert b"Statler" in noted(before, keep_gps=False)
    assert noted(before).count(b"Paris") == 7


def test_prefixes_text_and_languages_survive() -> None:
    title = '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">M\u00fcller &amp; &lt;S\u00f6hne&gt; \U0001f431</rdf:li></rdf:Alt></dc:title>'
    xmp = noted(packet('xmlns:my="http://example.org/" my:note="a&#10;b &quot;c&quot;"', title))
    assert title.encode() in xmp
    assert b'my:note="a&#10;b &quot;c&quot;"' in xmp


def test_other_prefixes_for_the_same_namespaces_are_understood() -> None:
    xmp = (
        b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description r:about="uuid:1" '
        b'xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:rdf="http://example.org/" t:Orientation="6" rdf:x="1"/></r:RDF>'
    )
    after = noted(xmp)
    assert b't:Orientation="1"' in after
    assert events(after) == [EVENT]
    assert [d.get(f"{RDF}about") for d in ElementTree.fromstring(after)] == ["uuid:1", "uuid:1"]


def test_a_note_may_hold_anything() -> None:
    note = 'a<b>&"c\x00\x1f\ud800\n'
    assert events(noted(None, note=note))[0]["parameters"] == 'a<b>&"c???\n'


def test_own_notes_are_read_back_in_order() -> None:
    first = with_note(None, note="a < b", tool="img-enhance 0.1", width=1, height=1, keep_gps=True)
    second = with_note(first, note="theirs", tool="Other 2", width=1, height=1, keep_gps=True)
    third = with_note(second, note="c", tool="img-enhance 0.2", width=1, height=1, keep_gps=True)
    assert notes(third, tool="img-enhance") == ("a < b", "c")
    assert notes(packet(), tool="img-enhance") == ()


@pytest.mark.parametrize(
    "event",
    [
        '<rdf:li rdf:parseType="Resource"><E:softwareAgent>img-enhance 1</E:softwareAgent><E:parameters>toned</E:parameters></rdf:li>',
        '<rdf:li><rdf:Description E:softwareAgent="img-enhance 1"><E:parameters>toned</E:parameters></rdf:Description></rdf:li>',
        '<rdf:li E:softwareAgent="img-enhance 1" E:parameters="toned"/>',
    ],
)
def test_notes_are_read_however_other_programs_write_them(event: str) -> None:
    names = 'xmlns:M="http://ns.adobe.com/xap/1.0/mm/" xmlns:E="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
    history = f"<M:History {names}><rdf:Seq>{event}<rdf:li/></rdf:Seq></M:History>"
    assert notes(packet(properties=history), tool="img-enhance") == ("toned",)


@pytest.mark.parametrize("broken", [b"", b"<", b"<!DOCTYPE a><a/>"])
def test_notes_of_no_harmless_packet_are_refused(broken: bytes) -> None:
    with pytest.raises(BrokenMetadata):
        notes(broken, tool="img-enhance")


@pytest.mark.parametrize("padding", [b"\0\0\0", b"\n   "])
def test_padding_around_a_packet_is_no_harm(padding: bytes) -> None:
    assert events(noted(padding + packet() + padding)) == [EVENT]


def test_a_packet_in_utf_16_which_no_photo_may_hold_is_refused() -> None:
    with pytest.raises(BrokenMetadata):
        noted(packet().decode().split("\n")[1].encode("utf-16"))


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"", "not XML"),
        (b"<a", "not XML"),
        (b"<a/>", "no rdf:RDF"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "not XML"),
        (b'<?xml version="1.0" encoding="idna"?><a/>', "not XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "not XML"),
        (b"<a>\xff</a>", "not XML"),
        (b"<x:a/>", "namespace"),
        (b"<a x:b='1'/>", "namespace"),
        (f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><a>&a9;</a>'.encode(), "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>&nope;</a>", "not XML"),
        (b"<a>" * 200 + b"</a>" * 200, "deep"),
        (b"<a>" + b"<b/>" * 250_000 + b"</a>", "properties"),
        (bytes(17 << 20), "allowed"),
        (b"<a " + b" ".join(b'xmlns:p%d="u"' % n for n in range(300)) + b"/>", "namespaces"),
    ],
)
def test_what_is_no_harmless_packet_is_refused(broken: bytes, words: str) -> None:
    start = time.process_time()
    with pytest.raises(BrokenMetadata, match=words):
        noted(broken)
    assert time.process_time() - start < SECONDS


def test_a_packet_cut_anywhere_raises_nothing_else() -> None:
    whole = noted(packet('tiff:Orientation="6"', "<xmpMM:History><rdf:Seq/></xmpMM:History>"))
    for end in range(len(whole)):
        with contextlib.suppress(BrokenMetadata):
            noted(whole[:end])


@pytest.mark.parametrize(
    "many", [b'<d:a xmlns:d="u"/>' * 60_000, b"<rdf:Description><xmp:Thumbnails/><xmp:gpsx/></rdf:Description>" * 30_000]
)
def test_large_packets_take_no_time_that_grows_with_their_square(many: bytes) -> None:
    whole = packet().replace(b"</rdf:RDF>", many + b"</rdf:RDF>")
    start = time.process_time()
    noted(whole, keep_gps=False)
    assert time.process_time() - start < SECONDS


PIECES = (
    "<rdf:RDF>",
    "</rdf:RDF>",
    "<rdf:Seq>",
    "<xmpMM:History>",
    "</xmpMM:History>",
    "</rdf:Seq>",
    "<rdf:li/>",
    "<a b='1'>",
    "</a>",
    "&#0;",
    "<x:",
    "]]>",
    "GPS",
)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30))
def test_random_pieces_raise_nothing_else(pieces: list[str]) -> None:
    words = "".join(pieces).encode("utf-8", "replace")
    for xmp in (words, packet().replace(b"</rdf:Description>", words + b"</rdf:Description>")):
        with contextlib.suppress(BrokenMetadata):
            noted(xmp, keep_gps=False)


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with contextlib.suppress(BrokenMetadata):
        noted(data)
