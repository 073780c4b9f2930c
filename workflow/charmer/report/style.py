"""How every plot looks, in light and in dark, and how one becomes SVG.

Plots name styles ("model", "baseline", "band"), never colors; the two themes give the styles their colors. So one
specification serves the page in both schemes and the SVG beside it.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import vl_convert

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

LIGHT = {"ink": "#1f2328", "soft": "#59636e", "rule": "#d8dee4", "grid": "#eceff2", "accent": "#0b62b8"}
DARK = {"ink": "#e6e8eb", "soft": "#9aa4af", "rule": "#3a424b", "grid": "#262c33", "accent": "#6cb0f5"}

# Of several lines: colors told apart by the color-blind (after Okabe and Ito 2008), and ramps away from the background.
CATEGORIES = ["#2a78c2", "#d9822b", "#1f9d76", "#b5509c", "#8f8f1f", "#c4473a", "#6a6fd0", "#7d8790"]
RAMP_LIGHT, RAMP_DARK = ["#9cc7f0", "#2a78c2", "#0a2f5c"], ["#35618f", "#6cb0f5", "#e0f0ff"]


def theme(dark: bool) -> dict[str, Any]:
    """The Vega-Lite configuration of one color scheme."""
    color = DARK if dark else LIGHT
    return {
        "background": None,
        "font": SANS,
        "view": {"stroke": None},
        "axis": {
            "labelColor": color["soft"],
            "titleColor": color["soft"],
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "domainColor": color["rule"],
            "tickColor": color["rule"],
            "gridColor": color["grid"],
            "labelFlush": False,
        },
        "axisX": {"tickCount": 5, "labelSeparation": 8},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5, "labelPadding": 6},
        "axisYDiscrete": {
            "labelColor": color["ink"],
            "grid": False,
            "labelPadding": 10,
            "labelLimit": {"expr": "isFinite(containerSize()[0]) ? 0.45 * containerSize()[0] : 300"},
        },
        "legend": {
            "labelColor": color["ink"],
            "titleColor": color["soft"],
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
        "range": {"category": CATEGORIES, "ordinal": {"scheme": RAMP_DARK if dark else RAMP_LIGHT}},
        "style": {
            "model": {"color": color["accent"]},
            "model-line": {"color": color["accent"], "strokeWidth": 1.75},
            "baseline": {"color": color["soft"]},
            "band": {"color": color["accent"], "fillOpacity": 0.16},
            "interval": {"color": color["accent"], "strokeWidth": 2, "opacity": 0.55},
            "interval-baseline": {"color": color["soft"], "strokeWidth": 2, "opacity": 0.55},
            "value": {"color": color["ink"], "fontSize": 12, "align": "left", "dx": 8},
        },
    }


def svg(specification: dict[str, Any], width: int = 620) -> str:
    """The plot as SVG for papers: the light theme at a fixed width."""
    fixed = {**specification, "width": width, "autosize": {"type": "pad"}}
    return vl_convert.vegalite_to_svg(json.dumps(fixed), config=theme(dark=False))


@functools.cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script without any further dependency."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
