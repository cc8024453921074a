#!/usr/bin/env python3
"""Checks that the C++ in the documentation is C++ that is compiled.

Every ```cpp block of README.md and docs/**/*.md must be, byte for byte, a region of a source file under examples/,
tests/docs/ or tests/explore/. A region stands between two marker lines, and is compared without the indentation that
its lines share:

    // [echo]
    ...
    // [/echo]

usage: snippets.py SOURCE-TREE
"""

import pathlib
import re
import sys
import textwrap

SOURCE_FOLDERS = ("examples", "tests/docs", "tests/explore")
SOURCE_SUFFIXES = {".cc", ".hpp"}
MARKER = re.compile(r"^\s*// \[(/?)([\w.-]+)\]\s*$")
FENCE = re.compile(r"^(\s*)(`{3,})\s*(\S*)")


class Malformed(Exception):
    """A file that cannot be read as intended; the message starts with its place."""


def blocks_of(text, name):
    """The C++ blocks of a Markdown text, as (line number, content)."""
    blocks = []
    opened = None  # (indent, fence, language, line number)
    content = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        fence = FENCE.match(line)
        if opened is None:
            if fence:
                opened = (fence[1], fence[2], fence[3].lower(), number)
                content = []
        elif fence and len(fence[2]) >= len(opened[1]) and not fence[3]:
            if opened[2] in ("cpp", "c++", "cc", "cxx"):
                blocks.append((opened[3], "".join(content)))
            opened = None
        else:
            content.append(line.removeprefix(opened[0]))
    if opened:
        raise Malformed(f"{name}:{opened[3]}: this code block is never closed")
    return blocks


def regions_of(text, name):
    """The marked regions of a source file, as a map of name to content. Regions may nest; markers are left out."""
    regions = {}
    opened = {}
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        marker = MARKER.match(line)
        if not marker:
            for lines in opened.values():
                lines.append(line)
            continue
        closing, region = marker.groups()
        if not closing:
            if region in opened or region in regions:
                raise Malformed(f"{name}:{number}: region [{region}] is there twice")
            opened[region] = []
        elif region in opened:
            regions[region] = textwrap.dedent("".join(opened.pop(region)))
        else:
            raise Malformed(f"{name}:{number}: [/{region}] closes a region that was not opened")
    if opened:
        raise Malformed(f"{name}: no end of {', '.join(f'[{region}]' for region in opened)}")
    return regions


def built_files(folder):
    """The sources in a folder that a BUILD file there or above it names, by itself or by a pattern."""
    build_file = folder / "BUILD"
    if not build_file.is_file():
        return []
    patterns = re.findall(r'"([^"\s]+)"', build_file.read_text(encoding="utf-8"))
    found = set()
    for pattern in patterns:
        if pathlib.PurePath(pattern).suffix in SOURCE_SUFFIXES and not pattern.startswith(("/", ":", "@")):
            found.update(path for path in folder.glob(pattern) if path.is_file())
    return found


def compiled_sources(root):
    sources = set()
    for folder in SOURCE_FOLDERS:
        for build_file in (root / folder).rglob("BUILD"):
            sources.update(built_files(build_file.parent))
    return sorted(sources)


def documents(root):
    return [path for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))] if path.is_file()]


def check(root):
    """Returns (number of blocks, list of complaints)."""
    complaints = []
    regions = {}  # content -> "file [region]"
    for source in compiled_sources(root):
        name = str(source.relative_to(root))
        try:
            for region, content in regions_of(source.read_text(encoding="utf-8"), name).items():
                regions[content] = f"{name} [{region}]"
        except Malformed as error:
            complaints.append(str(error))

    count = 0
    for document in documents(root):
        name = str(document.relative_to(root))
        try:
            blocks = blocks_of(document.read_text(encoding="utf-8"), name)
        except Malformed as error:
            complaints.append(str(error))
            continue
        for number, block in blocks:
            count += 1
            if block in regions:
                print(f"{name}:{number}: {regions[block]}")
            else:
                complaints.append(f"{name}:{number}: this ```cpp block is no region of a compiled file:\n"
                                  + textwrap.indent(block, "    ")
                                  + nearest(block, regions))
    return count, complaints


def nearest(block, regions):
    """Says where the block probably comes from and which line differs first."""
    first = next((line for line in block.splitlines() if line.strip()), "")
    for content, place in regions.items():
        if first not in content.splitlines():
            continue
        ours, theirs = block.splitlines(), content.splitlines()
        for number, line in enumerate(ours, 1):
            if number > len(theirs) or line != theirs[number - 1]:
                expected = theirs[number - 1] if number <= len(theirs) else "(the end)"
                return f"  It resembles {place}, but line {number} is there: {expected}\n"
        return f"  It resembles {place}, which goes on: {theirs[len(ours)] if len(ours) < len(theirs) else ''}\n"
    folders = " and ".join(f"{folder}/" for folder in SOURCE_FOLDERS)
    return f"  Put // [name] and // [/name] around it in a file of {folders} that a BUILD file names.\n"


def main(arguments):
    if len(arguments) != 2 or not pathlib.Path(arguments[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    count, complaints = check(pathlib.Path(arguments[1]).resolve())
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{count} C++ blocks in the documentation, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
