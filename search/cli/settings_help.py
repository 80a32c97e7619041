"""`ratchet config --help`: every setting with its type, range, default and meaning."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class SettingsHelp(TyperCommand):
    """A command whose help ends with all settings; they are looked up only then."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the settings, a group at a time."""
        from search.config.described import described

        group = None
        with formatter.section("Settings (key, default, values)"):
            for each in described():
                if each.group != group:
                    group = each.group
                    formatter.write_paragraph()
                formatter.write_text(f"{each.key} = {each.default}  ({each.values})")
                with formatter.indentation():
                    formatter.write_text(each.text)
        super().format_epilog(ctx, formatter)
