"""The keys on the stage: the action that each stands for, and the help that lists them."""

from __future__ import annotations

from live_gradcam.actions import ACTIONS, NAMED_KEYS

ACTION_OF = {action.key: action.name for action in ACTIONS} | {
    "Q": "quit",
    "=": "opacity-up",
    "_": "opacity-down",
    "n": "method-previous",
}
"""Key → action; a key that Shift makes another means the same."""

HELP = (
    *((NAMED_KEYS.get(action.key, action.key), action.text) for action in ACTIONS),
    ("click", "the heat at that point"),
    ("drag", "look only at that part"),
)
"""(key, what it does) for each line of the help, the mouse included."""
