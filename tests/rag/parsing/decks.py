"""Presentations made of their smallest parts. ECMA-376 part 1, 19."""

from collections.abc import Mapping, Sequence

from tests.rag.parsing.damage import package

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    f'xmlns:r="{_OFFICE}/relationships"'
)
_ABOUT = f"""<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{{title}}</dc:title>
<dcterms:modified xsi:type="dcterms:W3CDTF">{{date}}</dcterms:modified></cp:coreProperties>"""
_TYPES = f"""<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/ppt/presentation.xml"
ContentType="application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"/></Types>"""


def shape(*lines: str, kind: str = "", bullet: str = "", description: str = "") -> str:
    place = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
    mark = f'<a:pPr><a:buChar char="{bullet}"/></a:pPr>' if bullet else ""
    words = "".join(f"<a:p>{mark}<a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    about = f'<p:nvSpPr><p:cNvPr id="2" name="n" descr="{description}"/><p:cNvSpPr/>{place}</p:nvSpPr>'
    return f"<p:sp>{about}<p:spPr/><p:txBody><a:bodyPr/>{words}</p:txBody></p:sp>"


def table(*rows: Sequence[str]) -> str:
    cell = "<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
    lines = "".join(f'<a:tr h="1">{"".join(map(cell.format, row))}</a:tr>' for row in rows)
    grid = "".join('<a:gridCol w="1"/>' for _ in rows[0])
    inner = f'<a:tbl><a:tblPr firstRow="1"/><a:tblGrid>{grid}</a:tblGrid>{lines}</a:tbl>'
    about = (
        '<p:nvGraphicFramePr><p:cNvPr id="4" name="T"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/>'
    )
    uri = "http://schemas.openxmlformats.org/drawingml/2006/table"
    return (
        f'<p:graphicFrame>{about}<a:graphic><a:graphicData uri="{uri}">{inner}</a:graphicData></a:graphic>'
        "</p:graphicFrame>"
    )


def slide(content: str, more: str = "") -> str:
    return f"<p:sld {_SPACES} {more}><p:cSld><p:spTree>{content}</p:spTree></p:cSld></p:sld>"


def notes(*lines: str) -> str:
    body = shape(*lines, kind="body")
    return f"<p:notes {_SPACES}><p:cSld><p:spTree>{body}</p:spTree></p:cSld></p:notes>"


def links(*found: tuple[str, str, str]) -> str:
    """Relationships of identity, kind and target."""
    lines = (
        f'<Relationship Id="{one}" Type="{_OFFICE}/relationships/{kind}" Target="{to}"/>' for one, kind, to in found
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}</Relationships>'


def deck(
    slides: Sequence[str],
    order: Sequence[int] = (),
    more: Mapping[str, str] | None = None,
    title: str = "",
    date: str = "2024-05-01T10:00:00Z",
) -> bytes:
    """A presentation whose slides are in files of their numbers from 1, and are shown in the order given."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{256 + number}" r:id="s{number}"/>' for number in order or numbers)
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": links(("r1", "officeDocument", "ppt/presentation.xml")),
        "docProps/core.xml": _ABOUT.format(title=title, date=date),
        "ppt/presentation.xml": f"<p:presentation {_SPACES}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": links(*((f"s{n}", "slide", f"slides/slide{n}.xml") for n in numbers)),
    }
    parts |= {f"ppt/slides/slide{number}.xml": content for number, content in enumerate(slides, 1)}
    return package(parts | dict(more or {}))
