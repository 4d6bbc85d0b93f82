"""The sizes of panoramas in XMP follow the picture, and whether one goes all the way round is read from it."""

import pytest

from img_enhance.geometry import Box, Framing, Size
from img_enhance.metadata.panorama import is_full_circle
from img_enhance.metadata.xmp import properties_of, with_note

NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"
# A part of a sphere, as a phone's panorama shows it.
SIZES = {
    "CroppedAreaImageWidthPixels": "96",
    "CroppedAreaImageHeightPixels": "72",
    "FullPanoWidthPixels": "192",
    "FullPanoHeightPixels": "96",
    "CroppedAreaLeftPixels": "48",
    "CroppedAreaTopPixels": "12",
}
INTERIOR = {f"LargestValidInteriorRect{side}": value for side, value in (("Left", "2"), ("Top", "3"), ("Width", "90"), ("Height", "66"))}
WHOLE_SPHERE = SIZES | {"CroppedAreaImageWidthPixels": "192", "CroppedAreaLeftPixels": "0"}
PHOTO = Size(96, 72)


def packet(properties: dict[str, str], *, elements: bool = False, projection: str = "equirectangular") -> bytes:
    properties = properties | {"ProjectionType": projection, "PoseHeadingDegrees": "350.0"}
    attributes = "" if elements else " ".join(f'GPano:{name}="{value}"' for name, value in properties.items())
    inside = "".join(f"<GPano:{name}>{value}</GPano:{name}>" for name, value in properties.items()) if elements else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:GPano="{NAMESPACE}" {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def framed(xmp: bytes, framing: Framing) -> dict[str, str]:
    size = framing.part.size
    after = with_note(xmp, note="", tool="", width=size.width, height=size.height, keep_gps=True, framing=framing)
    return {name.rpartition("}")[2]: value for name, value in properties_of(after).items() if name.startswith(f"{{{NAMESPACE}}}")}


@pytest.mark.parametrize("elements", [False, True])
def test_all_sizes_scale_with_the_picture(elements: bool) -> None:
    result = Size(384, 216)
    found = framed(packet(SIZES | INTERIOR, elements=elements), Framing(PHOTO, result, result.box))
    assert [found[name] for name in SIZES] == ["384", "216", "768", "288", "192", "36"]
    assert [found[name] for name in INTERIOR] == ["8", "9", "360", "198"]
    assert (found["ProjectionType"], found["PoseHeadingDegrees"]) == ("equirectangular", "350.0")


def test_a_part_begins_further_to_the_right_and_down() -> None:
    found = framed(packet(SIZES | INTERIOR), Framing(PHOTO, Size(192, 144), Box(100, 40, 180, 100)))
    assert [found[name] for name in SIZES] == ["80", "60", "384", "192", "196", "64"]
    assert not set(found) & set(INTERIOR), "what lies within the whole picture is not true of a part"


def test_a_picture_that_was_made_smaller_before_is_what_it_says() -> None:
    halved = Size(48, 36)
    found = framed(packet(SIZES), Framing(halved, halved.scaled(4), halved.scaled(4).box))
    assert [found[name] for name in SIZES] == ["192", "144", "384", "192", "96", "24"]


@pytest.mark.parametrize("broken", ["", "nan", "-5", "1e300", "many"])
def test_sizes_that_are_none_are_left_out(broken: str) -> None:
    found = framed(packet(SIZES | {"FullPanoWidthPixels": broken}), Framing(PHOTO, PHOTO, PHOTO.box))
    assert "FullPanoWidthPixels" not in found
    assert found["FullPanoHeightPixels"] == "96"


def test_a_size_that_is_not_stated_is_not_made_up() -> None:
    found = framed(packet({"FullPanoWidthPixels": "192"}), Framing(PHOTO, PHOTO.scaled(2), PHOTO.scaled(2).box))
    assert set(found) == {"FullPanoWidthPixels", "ProjectionType", "PoseHeadingDegrees"}
    assert found["FullPanoWidthPixels"] == "384"


def test_only_a_full_equirectangular_panorama_goes_all_the_way_round() -> None:
    assert is_full_circle(properties_of(packet(WHOLE_SPHERE)))
    assert is_full_circle(properties_of(packet(WHOLE_SPHERE, elements=True)))
    assert not is_full_circle(properties_of(packet(WHOLE_SPHERE, projection="cylindrical")))
    assert not is_full_circle(properties_of(packet(SIZES)))
    assert not is_full_circle(properties_of(packet({})))
