"""`classes`: list or search ImageNet's class names."""

from __future__ import annotations

from typing import Annotated

import typer

from live_gradcam.commands.options import shared
from live_gradcam.config import DEFAULT_LANG
from live_gradcam.fixed_choices import Lang
from live_gradcam.name_suggestions import nearest


def classes(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="Part of a name; leave it out to list all names.")
    ] = "",
    lang: Annotated[
        Lang, shared("lang", "Language of the names; QUERY may be in either language.")
    ] = DEFAULT_LANG,
) -> None:
    """List the 1000 ImageNet classes, or those whose name contains QUERY."""
    from live_gradcam.models.labels import imagenet_labels

    labels, english = imagenet_labels(lang), imagenet_labels()
    found = labels.search(query)
    if query.strip().isdecimal() and not found:
        found = [labels.find(query)]  # fails with the valid numbers
    for class_id in found:
        name = labels[class_id]
        others = ", ".join(each for each in (english[class_id], *english.synonyms[class_id]) if each != name)
        typer.echo(f"{class_id:4d}  {name}" + (f"  ({others})" if others else ""))
    if not found:
        near = nearest(query, [*labels, *(each for names in labels.other_names for each in names)])
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        typer.echo(
            f"None of the {len(labels)} classes is called '{query}'.{hint} They are things, animals, plants and food; "
            "person, for one, is not among them.",
            err=True,
        )
        raise typer.Exit(1)
