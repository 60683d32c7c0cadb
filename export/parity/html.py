"""HTML as values that cannot be unescaped by mistake: all text is escaped where it enters.

Only :func:`element` makes :class:`Html`; whatever else stands inside an element (labels,
names of layers, messages of other programs) is text.
"""

from __future__ import annotations

from html import escape

# They have no end tag.
_VOID = frozenset({"br", "img", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, /, *children: Html | str, **attributes: object) -> Html:
    """One element.

    Args:
        tag: Its name.
        children: In order; what is not Html is escaped.
        attributes: By name, with ``_`` for ``-`` and one behind Python's own words
            (``class_``); None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{joined(*children)}</{tag}>")


def joined(*children: Html | str) -> Html:
    """Several pieces, one after the other."""
    return Html("".join(one if isinstance(one, Html) else escape(one) for one in children))
