"""The prepared folder in the layouts that other tools read: one table of layouts, one loop that writes them."""

from __future__ import annotations

from labelprep.exports.layouts import LAYOUTS
from labelprep.exports.values import Item, Layout
from labelprep.exports.write import Exported, export

__all__ = ["LAYOUTS", "Exported", "Item", "Layout", "export"]
