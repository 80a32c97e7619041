"""Builds the wheel, in which all of our packages lie under `ratchet`.

In a checkout, and in an editable install of one, they are folders of their own. Those names are too
common for somebody's site-packages, so a wheel has `search` as `ratchet.search`, and so on; imports
of them are rewritten as the files are copied. What names a module in a string is left as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MOVED = ("analysis", "greedy_core", "search", "spaces")
"""Packages that a wheel has under `ratchet`."""


class BuildUnderRatchet(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies modules and data to where a wheel has them; editable installs copy nothing."""

    package_dir: dict[str, str]
    packages: list[str]
    package_data: dict[str, list[str]]

    def finalize_options(self) -> None:
        """Say where each package comes from and goes to."""
        super().finalize_options()
        self.package_dir = {**self.package_dir, **{f"ratchet.{name}": name for name in MOVED}}
        self.packages = [_moved(name) for name in self.packages]
        self.package_data = {_moved(name): files for name, files in self.package_data.items()}

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copy a module, with the imports that it needs there."""
        file, is_new = super().build_module(module, module_file, package)
        if is_new:
            path = Path(file)
            path.write_bytes(moved_imports(path.read_bytes()))
        return file, is_new


def moved_imports(source: bytes) -> bytes:
    """A module's source in which `search` is imported as `ratchet.search`, and so on.

    Raises:
        ValueError: an import is written in a way that cannot be rewritten.
    """
    lines = source.splitlines(keepends=True)
    for line, column, old, new in reversed([*_changes(ast.parse(source))]):
        text = lines[line - 1]
        if not text.startswith(old, column):
            raise ValueError(f"line {line}: {old.decode()!r} was expected, but got {text!r}")
        lines[line - 1] = text[:column] + new + text[column + len(old) :]
    return b"".join(lines)


def _changes(tree: ast.Module) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Line, column in bytes, what stands there and what is to stand there, from top to bottom."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.Import):
            for name in node.names:
                if _moved(name.name) != name.name:
                    new = _moved(name.name) + ("" if name.asname else f" as {name.name}")
                    _require(name)
                    yield name.lineno, name.col_offset, name.name.encode(), new.encode()
        elif node.level == 0 and _moved(node.module or "") != node.module:
            old, new = (f"from {name} " for name in (node.module, _moved(node.module or "")))
            yield node.lineno, node.col_offset, old.encode(), new.encode()


def _require(name: ast.alias) -> None:
    """Refuse `import search.tune`: what it binds is `search`, and would be `ratchet`."""
    if name.asname is None and "." in name.name:
        raise ValueError(
            f"line {name.lineno}: `import {name.name}` must be written from ... import"
        )


def _moved(name: str) -> str:
    """The name of a package or module in a wheel."""
    return f"ratchet.{name}" if name.partition(".")[0] in MOVED else name


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildUnderRatchet})
