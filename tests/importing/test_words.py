import pytest

from sensor.errors import SignatureError
from signatures.importing.read import FileType, ImportOptions, file_type_of, import_file
from signatures.importing.result import Imported
from signatures.importing.rules import RuleOptions
from signatures.importing.words import ListOptions
from signatures.model import Buffer, Category

OPTIONS = ImportOptions(
    RuleOptions(), ListOptions(category=Category.POLICY, buffers=(Buffer.HTTP_URI,), title="words")
)
TEXT = "# 例\n機密\r\n\n  遠隔操作 \n機密\nanydesk\n"


def read(octets: bytes, name: str = "words.txt", file_type: FileType | None = None) -> Imported:
    return import_file(octets, name, file_type, OPTIONS)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_in_each_charset(charset: str) -> None:
    result = read(TEXT.encode(charset))
    assert [each.clauses[0].keywords for each in result.signatures] == [
        ("機密",),
        ("遠隔操作",),
        ("anydesk",),
    ]
    assert [each.sid for each in result.signatures] == [2_900_000, 2_900_001, 2_900_002]
    assert result.read_as.startswith("list, ")
    assert charset.removesuffix("-sig") in (result.read_as.removeprefix("list, "), "utf-16")


def test_what_becomes_of_each_line() -> None:
    result = read(TEXT.encode())
    assert [(each.line, each.option) for each in result.refusals] == [(5, "(word)")]
    assert (result.read, result.came, result.passed_over) == (4, 3, 2)
    first = result.signatures[0]
    assert (first.category, first.buffers, first.source) == (
        Category.POLICY,
        (Buffer.HTTP_URI,),
        "words.txt:2",
    )
    # What a list looks for is nothing for names, which go into logs and tables.
    assert first.title("ja") == first.title("en") == "words #1"


@pytest.mark.parametrize("name", ["words.txt", "x.rules"])
@pytest.mark.parametrize(("octets", "passed_over"), [(b"", 0), (b"\n", 1), (b"# a", 1), (b"# a\n \n", 2)])
def test_the_end_of_the_last_line_is_no_line(name: str, octets: bytes, passed_over: int) -> None:
    result = read(octets, name)
    assert (result.read, result.passed_over, result.unit) == (0, passed_over, "line")


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("my.toml", b"sets = 1"),
        ("-", b"# mine\n\n[[signature]]\nsid = 2000001\n"),
        ("a.txt", b'[set]\nname = "x"\n'),
        ("a.json", b"[[ override ]] # x\n"),
    ],
)
def test_a_signature_file_needs_no_import(name: str, octets: bytes) -> None:
    with pytest.raises(SignatureError, match=rf"{name}: is a signature file already, and needs no import"):
        file_type_of(octets, name)


def test_a_word_that_is_none() -> None:
    result = read(b"x" * 300)
    assert result.options() == [("keywords", 1)]


def test_octets_that_are_no_text() -> None:
    with pytest.raises(SignatureError, match=r"words\.txt: is not UTF-8, UTF-16 or CP932"):
        read(b"\x81\xff\xfe\xfd")


def test_the_type_is_told_by_name_and_contents() -> None:
    rule = b'# x\nalert http any any -> any any (http.uri; content:"/x"; sid:1;)\n'
    assert read(rule).read_as == read(rule, "x.rules").read_as == "rules, utf-8"
    assert read(rule, file_type=FileType.LIST).read_as == "list, utf-8"
    assert read(b"word\n", "x.rules").options() == [("(form)", 1)]
    assert read(b"msg \x81\xff\n", "x.rules").read_as == "rules, iso8859-1"
