"""ZIPs: what is written others can read, what others write can be read, and what means harm does none."""

import io
import struct
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.controllers import zip_reading
from postkeep.controllers.zip_reading import (
    MAX_FILE_BYTES,
    FileDamaged,
    FilePacked,
    ZipBomb,
    ZipEntry,
    ZipInvalid,
    ZipReader,
)
from postkeep.domain.posts import PostTooLarge
from postkeep.views import zip_writing
from postkeep.views.zip_writing import ZipWriter

THEN = datetime(2026, 11, 29, 9, 41, 58, tzinfo=UTC)
LATER = datetime(2026, 11, 29, 18, 41, 59, tzinfo=UTC)
MANY = 1000


def packed(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """Return a ZIP as the standard library writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, THEN.timetuple()[:6]), content, method)
    return bytearray(file.getvalue())


def written(*files: tuple[str, bytes]) -> bytes:
    """Return a ZIP as we write it."""
    with ZipWriter() as archive:
        return b"".join([*(archive.add(name, content, THEN) for name, content in files), *archive.end()])


def read(archive: bytes) -> list[tuple[str, bytes]]:
    """Return what is in a ZIP."""
    reader = ZipReader(io.BytesIO(archive), most=MANY)
    return [(entry.name, reader.content(entry)) for entry in reader.entries()]


def first(archive: bytes) -> tuple[ZipReader, ZipEntry]:
    """Return a ZIP's first line."""
    reader = ZipReader(io.BytesIO(archive), most=MANY)
    return reader, next(reader.entries())


FILES = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1), st.binary(max_size=3000)),
    max_size=5,
)


@given(FILES)
def test_what_is_written_can_be_read(files: list[tuple[str, bytes]]) -> None:
    """By us and by the standard library, names, contents, dates and rights."""
    archive = written(*files)
    assert read(archive) == files
    with zipfile.ZipFile(io.BytesIO(archive)) as theirs:
        assert [(info.filename, theirs.read(info)) for info in theirs.infolist()] == files
        assert {info.date_time for info in theirs.infolist()} <= {THEN.timetuple()[:6]}
        assert {info.external_attr >> 16 for info in theirs.infolist()} <= {0o100600}


@given(FILES, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_what_others_write_can_be_read(files: list[tuple[str, bytes]], method: int) -> None:
    """Packed or not."""
    assert read(bytes(packed(*dict(files).items(), method=method))) == list(dict(files).items())


def test_what_is_sent_as_it_is_made_can_be_read() -> None:
    """Sizes stand behind the files there, and in the directory."""

    class Pipe(io.BytesIO):
        """Something that cannot go back."""

        def seekable(self) -> bool:
            """Say so."""
            return False

        def tell(self) -> int:
            """Say nothing."""
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.md", "x" * 100)
    assert read(pipe.getvalue()) == [("a.md", b"x" * 100)]


def test_the_date_and_the_kind_of_a_file_are_told() -> None:
    """A date that is none is none."""
    archive = packed(("a.md", b"a"))
    _, entry = first(bytes(archive))
    assert (entry.modified, entry.is_folder, entry.is_link) == (THEN, False, False)
    at = archive.rindex(b"PK\1\2")
    archive[at + 12 : at + 16] = bytes(4)
    assert first(bytes(archive))[1].modified is None


SECONDS = int(LATER.timestamp())
FILE_TIME = (SECONDS + 11_644_473_600) * 10_000_000


@pytest.mark.parametrize(
    ("extra", "modified"),
    [
        (struct.pack("<HHBl", 0x5455, 5, 1, SECONDS), LATER),
        (struct.pack("<HHBll", 0x5455, 9, 3, SECONDS, 0), LATER),
        (struct.pack("<HHll", 0x5855, 8, 0, SECONDS), LATER),
        (struct.pack("<HHLHHQQQ", 0x000A, 32, 0, 1, 24, FILE_TIME, 0, 0), LATER),
        (struct.pack("<HHBHHBl", 0x7875, 1, 0, 0x5455, 5, 1, SECONDS), LATER),
        (struct.pack("<HHBl", 0x5455, 5, 2, SECONDS), THEN),
        (struct.pack("<HHB", 0x5455, 1, 1), THEN),
        (struct.pack("<HHBl", 0x5455, 5, 1, -1), THEN),
        (struct.pack("<HHl", 0x5855, 4, SECONDS), THEN),
        (struct.pack("<HHLHHQQQ", 0x000A, 32, 0, 2, 24, FILE_TIME, 0, 0), THEN),
        (struct.pack("<HHLHHQQQ", 0x000A, 32, 0, 1, 24, 2**64 - 1, 0, 0), THEN),
        (struct.pack("<HHLHHQQQ", 0x000A, 32, 0, 1, 24, 0, 0, 0), THEN),
    ],
    ids=[
        "zip",
        "zip with more",
        "Finder",
        "7-Zip",
        "behind another",
        "not the change",
        "cut off",
        "before 1970",
        "one of two",
        "another tag",
        "beyond the calendar",
        "none",
    ],
)
def test_the_moment_of_a_change_counts_before_what_a_clock_of_some_zone_said(extra: bytes, modified: datetime) -> None:
    """East of UTC that is in the future: a note of the last hours would be refused. No moment is passed over."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("a.md", THEN.timetuple()[:6])
        info.extra = extra
        archive.writestr(info, b"a")
    assert first(file.getvalue())[1].modified == modified


def test_a_name_may_be_one_of_an_old_pc() -> None:
    """Which said nothing of how it wrote names; those that say nothing today mean UTF-8."""
    archive = packed(("_b.md", b"a"))
    old = bytes(archive).replace(b"_b.md", "é".encode("cp437") + b"b.md")
    assert read(old) == [("éb.md", b"a")]
    new = bytes(archive).replace(b"_b.md", "é".encode() + b".md")
    assert read(new) == [("é.md", b"a")]


def test_as_many_files_as_the_old_form_counts_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """65,535, the number that otherwise says that the right one stands elsewhere; the limit is moved here."""
    monkeypatch.setattr(zip_reading, "MOST_16", 3)
    files = [(f"{n}", b"") for n in range(3)]
    assert read(bytes(packed(*files))) == files


def test_more_files_than_the_old_form_counts_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """65,535 and more; the limit is moved here, and the mark that says so put where it would stand."""
    monkeypatch.setattr(zip_writing, "MOST_16", 3)
    files = [(f"{n}", b"") for n in range(4)]
    archive = bytearray(written(*files))
    struct.pack_into("<HH", archive, archive.rindex(b"PK\5\6") + 8, 0xFFFF, 0xFFFF)
    assert read(bytes(archive)) == files
    with zipfile.ZipFile(io.BytesIO(archive)) as theirs:
        assert theirs.namelist() == [name for name, _ in files]


def test_what_lies_beyond_four_gigabytes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is moved here: such a file would take a while."""
    monkeypatch.setattr(zip_writing, "MOST_32", 200)
    archive = written(("a", b"a" * 100), ("b", bytes(range(256))), ("c", b"c"))
    monkeypatch.undo()
    # Both read where the long form stands whatever the short one says, once it says that it is too short.
    directory = archive.index(b"PK\1\2")
    assert archive[directory:].count(b"\1\0\10\0") == 1
    marked = archive.replace(struct.pack("<L", 200), struct.pack("<L", 0xFFFFFFFF))
    assert read(marked) == [("a", b"a" * 100), ("b", bytes(range(256))), ("c", b"c")]


@pytest.mark.parametrize(("before", "is_found"), [(0, True), (15, True), (16, False), (16_000, False)])
def test_a_long_size_is_looked_for_in_a_lines_first_fields(before: int, *, is_found: bool) -> None:
    """There is room for so many empty ones before it that a file of such lines would take minutes."""
    content, info = b"some text", zipfile.ZipInfo("a.md", THEN.timetuple()[:6])
    info.extra = struct.pack("<HH", 0x9999, 0) * before + struct.pack("<HHQ", 1, 8, len(content))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, content)
    marked = directory_of(bytearray(file.getvalue()), 24, "<L", 0xFFFFFFFF)
    if is_found:
        assert read(marked) == [("a.md", content)]
    else:
        with pytest.raises(ZipInvalid):
            read(marked)


@pytest.mark.parametrize("size", [*range(140), 5000])
def test_a_part_of_a_zip_is_none(size: int) -> None:
    """Wherever it was cut."""
    archive = packed(("a.md", b"a"))
    with pytest.raises(ZipInvalid):
        ZipReader(io.BytesIO(bytes(archive[: min(size, len(archive) - 1)]).ljust(size if size > 4000 else 0)), most=9)


@given(st.data())
def test_whatever_is_changed_nothing_breaks(data: st.DataObject) -> None:
    """It is refused in words, or read as it was meant, or as what it says now."""
    archive = packed(("a.md", b"some text " * 9), ("b.md", b"more"), method=data.draw(st.sampled_from([0, 8])))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    try:
        reader = ZipReader(io.BytesIO(bytes(archive)), most=MANY)
        for entry in reader.entries():
            reader.content(entry)
    except (ZipInvalid, ZipBomb, FileDamaged, FilePacked, PostTooLarge):
        pass


def directory_of(archive: bytearray, offset: int, form: str, value: int) -> bytes:
    """Return a ZIP with another value in the first line of its directory."""
    struct.pack_into(form, archive, archive.index(b"PK\1\2") + offset, value)
    return bytes(archive)


def test_a_file_that_says_to_be_small_is_not_unpacked_any_further() -> None:
    """A gigabyte of zeros in a megabyte, which is called ten bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"".join([packer.compress(bytes(1 << 20)) for _ in range(64)]) + packer.flush()
    archive = packed(("a.md", b"x" * len(zeros)), method=0)
    at = archive.index(b"x" * 100)
    archive[at : at + len(zeros)] = zeros
    struct.pack_into("<H", archive, archive.index(b"PK\1\2") + 10, 8)
    reader, entry = first(directory_of(archive, 24, "<L", 10))
    with pytest.raises(FileDamaged):
        reader.content(entry)


@pytest.mark.parametrize(
    ("offset", "form", "value", "refusal"),
    [
        (8, "<H", 1, FilePacked),
        (10, "<H", 14, FilePacked),
        (16, "<L", 0, FileDamaged),
        (24, "<L", 8, FileDamaged),
        (24, "<L", 10, FileDamaged),
        (24, "<L", MAX_FILE_BYTES + 1, PostTooLarge),
        (42, "<L", 1, FileDamaged),
        (42, "<L", 0xFFFFFFF0, FileDamaged),
    ],
    ids=["encrypted", "packed otherwise", "checksum", "longer", "shorter", "large", "elsewhere", "nowhere"],
)
def test_a_file_that_is_not_as_it_says_is_refused(offset: int, form: str, value: int, refusal: type[Exception]) -> None:
    """By itself: the others may be well."""
    reader, entry = first(directory_of(packed(("a.md", b"some text")), offset, form, value))
    with pytest.raises(refusal):
        reader.content(entry)


def test_a_file_with_two_names_is_refused() -> None:
    """One in the directory, another where it lies."""
    reader, entry = first(bytes(packed(("a.md", b"some text"))).replace(b"a.md", b"b.md", 1))
    with pytest.raises(FileDamaged):
        reader.content(entry)


def test_files_over_each_other_are_refused() -> None:
    """The whole ZIP: it was made to be more than it is (D. Fifield, A better zip bomb)."""
    archive = packed(("a.md", bytes(1000)), ("b.md", bytes(1000)), method=0)
    directory, end = archive.index(b"PK\1\2"), archive.index(b"PK\5\6")
    line = bytes(archive[directory : (directory + end) // 2])
    tail = bytearray(archive[end:])
    struct.pack_into("<HHL", tail, 8, 3, 3, 3 * len(line))
    with pytest.raises(ZipInvalid, match="over each other"):
        ZipReader(io.BytesIO(bytes(archive[:directory]) + 3 * line + tail), most=9)


def test_more_files_than_may_be_are_refused_before_they_are_read() -> None:
    """However few bytes they have."""
    archive = bytes(packed(*((f"{n}", b"") for n in range(11))))
    assert ZipReader(io.BytesIO(archive), most=11).count == 11
    with pytest.raises(ZipBomb):
        ZipReader(io.BytesIO(archive), most=10)


def test_a_zip_out_of_all_proportion_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it says of itself: nothing of it is unpacked for that."""
    archive = bytes(packed(*((f"{n}.md", bytes(100_000)) for n in range(20))))
    assert ZipReader(io.BytesIO(archive), most=MANY).count == 20
    monkeypatch.setattr(zip_reading, "FREE_BYTES", 20 * 100_000 - 20 * len(archive) - 1)
    with pytest.raises(ZipBomb):
        ZipReader(io.BytesIO(archive), most=MANY)
