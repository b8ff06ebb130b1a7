"""Formulas on the documentation site: LaTeX becomes MathML while the site is built, so that no page needs a script.

The pages have formulas as GitHub draws them: a block that is fenced as `math` has one of its own lines, and
$`x`$ stands in a sentence. mkdocs.yml names this file as a hook.
"""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

_BLOCK = re.compile(r"^```math\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_BEFORE_BLOCKS_OF_CODE = 27
"""A priority: after the lines were normalised (30), before fenced blocks are found (25)."""

_BEFORE_INLINE_CODE = 195
"""A priority: code in a sentence has 190."""


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs's
    """Add the formulas to the site's Markdown. MkDocs calls this."""
    config.markdown_extensions.append(_Formulas())
    return config


class _Formulas(Extension):  # type: ignore[misc]  # of the site's environment
    def extendMarkdown(self, md: Markdown) -> None:
        """Register both kinds of formulas."""
        md.preprocessors.register(_Blocks(md), "formula-blocks", _BEFORE_BLOCKS_OF_CODE)
        md.inlinePatterns.register(_Inline(r"\$`([^`]+)`\$", md), "formulas", _BEFORE_INLINE_CODE)


class _Blocks(Preprocessor):  # type: ignore[misc]
    def run(self, lines: list[str]) -> list[str]:
        """Put MathML in the place of blocks."""

        def drawn(found: re.Match[str]) -> str:
            # A wide formula scrolls by itself; the keyboard scrolls what has the focus.
            formula = f'<div class="formula" tabindex="0">{convert(found[1], display="block")}</div>'
            return f"\n{self.md.htmlStash.store(formula)}\n"

        return _BLOCK.sub(drawn, "\n".join(lines)).split("\n")


class _Inline(InlineProcessor):  # type: ignore[misc]
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:  # noqa: ARG002
        """Put MathML in the place of a formula in a sentence."""
        return self.md.htmlStash.store(convert(m[1])), m.start(0), m.end(0)
