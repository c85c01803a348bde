"""The messages that ship with the recipe."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).with_name("messages.csv")
