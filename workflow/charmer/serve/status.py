"""The status page: what the server does now, and what became of the last requests."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import datetime
from html import escape

from charmer.serve.outcomes import KINDS, Outcome
from charmer.serve.safety import POLICY
from charmer.serve.service import Service

SECONDS = 3  # between two readings of the page
STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.served { color: light-dark(#15691f, #7ad487); } .empty, .cancelled { color: GrayText; }
.refused, .failed, .too-slow { color: light-dark(#a3260f, #ff9d85); }
.wide { overflow-x: auto; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": POLICY["Content-Security-Policy"].replace(
        "style-src 'self'", f"style-src 'sha256-{_HASH}'"
    ),
    "Cache-Control": "no-store",
}


def page(service: Service) -> str:
    """The page as HTML."""
    load, outcomes = service.scheduler.load, service.outcomes
    counts = ", ".join(f"{outcomes.counts[kind]} {kind}" for kind in KINDS if outcomes.counts[kind]) or "none yet"
    per_step = f"{load.tokens / load.steps:.1f}" if load.steps else "-"
    facts = {
        "model": service.name,
        "up for": f"{(time.time() - outcomes.since) / 60:.0f} minutes",
        "now": f"{load.running} completions run, {load.waiting} wait; {service.desk.inside} requests are open",
        "requests": counts,
        "written": f"{load.tokens:,} tokens in {load.steps:,} steps ({per_step} a step)",
    }
    listed = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    rows = "".join(_row(outcome) for outcome in reversed(outcomes.latest))
    heads = "".join(
        f"<th>{name}</th>" for name in ("time", "outcome", "", "request", "ms", "prompt", "known", "new", "why")
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Charmer: status</title>'
        f'<meta http-equiv="refresh" content="{SECONDS}"><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body><h1>Charmer</h1><table>{listed}</table><h2>Last requests</h2>"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></body></html>'
    )


def _row(outcome: Outcome) -> str:
    clock = datetime.fromtimestamp(outcome.at).strftime("%H:%M:%S")
    request = escape(f"{outcome.method} {outcome.path}"[:200])
    numbers = (round(outcome.seconds * 1000), outcome.prompt_tokens, outcome.cached_tokens, outcome.tokens)
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    kind = f'<td class="{outcome.kind.replace(" ", "-")}">{outcome.kind}</td>'
    return (
        f"<tr><td>{clock}</td>{kind}<td>{outcome.status or ''}</td><td>{request}</td>{cells}"
        f"<td>{escape(outcome.why)}</td></tr>"
    )
