"""`classes`: what the network knows."""

from __future__ import annotations

from typing import Annotated

import typer


def classes(
    query: Annotated[str, typer.Argument(help="Part of a name; nothing lists them all.")] = "",
) -> None:
    """List the 1000 ImageNet classes, or those whose name contains QUERY."""
    from live_gradcam.models.labels import imagenet_labels

    labels = imagenet_labels()
    found = labels.search(query)
    for class_id in found:
        others = ", ".join(labels.synonyms[class_id])
        typer.echo(f"{class_id:4d}  {labels[class_id]}" + (f"  ({others})" if others else ""))
    if not found:
        typer.echo(
            f"None of the {len(labels)} classes is called '{query}'. They are things, animals, plants and food; "
            "person, for one, is not among them.",
            err=True,
        )
        raise typer.Exit(1)
