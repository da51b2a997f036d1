"""The running model's card in a few lines, out of its bundle's manifest; the laboratory tells all of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jetson_runtime.dashboard.view import Row
from jetson_runtime.inference.bundle import MANIFEST


def of_bundle(folder: Path, sha256: str) -> list[Row]:
    """Of the bundle that runs, known by its hash; nothing where another one lies in `folder`, or none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["sha256"] == sha256:
            return rows(manifest)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # the card is a courtesy of the page: the service has checked the bundle, and says what is wrong with it
    return []


def rows(manifest: Mapping[str, Any]) -> list[Row]:
    """What it was made of, how it errs, what it must not be used for; what is not told there is left out."""
    card = manifest.get("card") or {}
    training, test = card.get("training") or {}, card.get("test") or {}
    told = [Row("Made", str(manifest.get("created", ""))[:10])]
    if training:
        wearers = training.get("wearers", "")
        told.append(
            Row(
                "Trained on",
                f"{training.get('subjects')} {wearers} subjects, {training.get('hours')} h: "
                f"{' '.join(training.get('tasks', ()))}",
            )
        )
    errors = {
        name: kinds.get("network", {}).get("rmse") for name, kinds in (card.get("errors") or {}).items()
    }
    if errors and test:
        each = ", ".join(f"{name} {value:.2g}" for name, value in errors.items() if value is not None)
        told.append(Row(f"RMSE on {test.get('subjects')} others", f"{each} (degrees, Nm/kg)"))
    told += [Row("Not for", str(limit), "wait") for limit in card.get("limits", ())]
    if card.get("note"):
        told.append(Row("Note", str(card["note"])))
    return told
