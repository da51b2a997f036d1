"""Whom the networks of a bundle know, by its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trained_on(card: Mapping[str, Any]) -> set[str]:
    """Everybody whom the card names as trained on or stopped by, of the bundle and of all it comes from."""
    training = card.get("training", {})
    named = [training.get(key, ()) for key in ("train", "validation", "before")]
    named += [ancestor["subjects"] for ancestor in card.get("ancestry", ())]
    return {name for names in named for name in names}
