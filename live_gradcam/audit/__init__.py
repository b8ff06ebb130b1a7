"""Audits: by what does a network recognise each class, the thing or its background?

The package is also the public function: `live_gradcam.audit(model, photos, …)` calls `live_gradcam.audit.audit.audit`,
whose docstring has its arguments.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live_gradcam.audit.findings import AuditReport


class _CallableRoom(ModuleType):
    """A package that can be called: Python gives a package and a function of one name the same attribute."""

    def __call__(self, *arguments: Any, **named: Any) -> AuditReport:  # noqa: ANN401 - those of `audit`
        """Audit a network: see `live_gradcam.audit.audit.audit`."""
        from live_gradcam.audit.audit import audit

        return audit(*arguments, **named)


sys.modules[__name__].__class__ = _CallableRoom
