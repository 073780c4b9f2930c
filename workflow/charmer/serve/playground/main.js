// The playground: what happens when somebody types, moves the cursor, or turns a knob.
//
// Each question waits for a pause in typing, and its answer is dropped when the text has changed since.

import { ask, forget, settled } from "./api.js";
import { Editor, characters, offset } from "./editor.js";
import { alternatives, attention, choices, problems } from "./panels.js";

const PAUSE = { suggest: 200, next: 250, colour: 500, check: 900, look: 300 }; // milliseconds
const SEEN = 60; // words before the cursor that the attention view reads, at most
const START = `def mean(values):
    """The arithmetic mean of a list of numbers."""
    total = 0
    for value in values:
        total += value
    return `;

const $ = (id) => document.getElementById(id);
const editor = new Editor($("text"), $("picture"));
const said = $("said");
let quiet = false; // Esc was the last key: Tab leaves the editor

const say = (words) => { said.textContent = words; };

/** Ask with the text as it is now; what comes back when it has changed is dropped. */
async function now(path, body, use) {
  const before = editor.text;
  try {
    const found = await ask(path, body);
    if (found && editor.text === before) use(found);
  } catch (error) {
    say(error.message);
  }
}

const knobs = () => Object.fromEntries([...$("knobs").querySelectorAll("input")].map((knob) => [knob.id, Number(knob.value)]));

const suggest = settled(PAUSE.suggest, () => {
  const at = editor.cursor;
  if (!$("suggesting").checked || at === null || quiet) return;
  const body = { input_prefix: editor.text.slice(0, at), input_suffix: editor.text.slice(at), ...knobs() };
  now("/infill", body, ({ content, timings }) => {
    if (editor.cursor !== at) return;
    editor.suggest(content);
    const pace = timings?.predicted_ms ? ` in ${Math.round(timings.prompt_ms + timings.predicted_ms)} ms` : "";
    say(content.trim() ? `suggestion${pace}: ${content.trim().split("\n")[0]}` : "no suggestion here");
  });
});

const next = settled(PAUSE.next, () => {
  const at = editor.cursor;
  if (at === null) return;
  const body = { text: editor.text, at: characters(editor.text.slice(0, at)), count: 8 };
  now("/charmer/alternatives", body, (found) => {
    alternatives($("next"), found.alternatives, found.begin, (text) => editor.replace(at, at, text));
  });
});

const colour = settled(PAUSE.colour, () => {
  if (!$("colouring").checked || !editor.text) {
    editor.pieces = [];
    $("bits").textContent = "";
    editor.paint();
    return;
  }
  now("/charmer/surprise", { text: editor.text }, (found) => {
    editor.pieces = found.pieces;
    $("bits").textContent = `${found.bits_per_byte.toFixed(2)} bits/byte`;
    editor.paint();
  });
});

const check = settled(PAUSE.check, () => {
  if (!$("checking").checked || !editor.text.trim()) return show([]);
  now("/check", { text: editor.text }, ({ findings }) => show(findings));
});

const look = settled(PAUSE.look, () => {
  const at = editor.cursor;
  if (!$("attention").open || at === null) return;
  const words = editor.text.slice(0, at).match(/\s*\S+|\s+/g) ?? [];
  const chosen = (id) => ($(id).value === "" ? null : Number($(id).value));
  const body = { text: words.slice(-SEEN).join("").slice(-250), layer: chosen("layer"), head: chosen("head") };
  now("/charmer/attention", body, (found) => {
    choices($("layer"), found.layers);
    choices($("head"), found.heads);
    attention($("looks"), found);
  });
});

/** List and mark what check found. */
function show(findings) {
  const span = ({ line, column, end_line, end_column }) => {
    const start = offset(editor.text, line, column);
    const end = offset(editor.text, end_line, end_column);
    return { start, end };
  };
  editor.marks = findings.map(span).map(({ start, end }) => ({ start, end: Math.max(end, start + 1) }));
  editor.paint();
  const go = (finding) => {
    const { start, end } = span(finding);
    editor.area.focus();
    editor.area.setSelectionRange(start, end);
  };
  const fix = (finding) => {
    const { start, end } = span(finding);
    editor.replace(start, end, finding.suggestion);
    say("fixed; undo takes it back");
  };
  problems($("problems"), findings, go, fix);
}

/** Grey text goes, and what is on its way to become grey text is not waited for. */
function dismiss() {
  forget("/infill");
  editor.suggest("");
}

function changed() {
  editor.marks = [];
  quiet = false;
  if (!editor.followed()) {
    dismiss();
    suggest();
  }
  editor.paint();
  for (const work of [next, colour, check, look]) work();
}

function moved() {
  if (document.activeElement !== editor.area || editor.cursor === editor.at) return;
  dismiss();
  for (const work of [suggest, next, look]) work();
}

editor.area.addEventListener("input", changed);
document.addEventListener("selectionchange", moved);
editor.area.addEventListener("keydown", (event) => {
  const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (event.key === "Tab" && plain && editor.ghost) {
    event.preventDefault();
    editor.take();
  } else if (event.key === "Tab" && plain && !quiet) {
    event.preventDefault();
    editor.replace(editor.area.selectionStart, editor.area.selectionEnd, "    ");
  } else if (event.key === "ArrowRight" && event.ctrlKey && editor.ghost) {
    event.preventDefault();
    editor.take(editor.ghost.match(/^\s*(\w+|\W)/)?.[0].length);
  } else if (event.key === "Escape") {
    dismiss();
    quiet = true;
    say("Tab leaves the editor now");
  }
});

// A telephone has no Tab. The button takes the suggestion without taking the cursor out of the editor.
editor.onghost = (ghost) => { $("take").hidden = !ghost; };
$("take").addEventListener("pointerdown", (event) => event.preventDefault());
$("take").addEventListener("click", () => editor.take());

for (const knob of $("knobs").querySelectorAll("input")) {
  const shown = knob.nextElementSibling;
  const show = () => { shown.textContent = knob.value; };
  knob.addEventListener("input", () => { show(); dismiss(); suggest(); });
  show();
}
$("suggesting").addEventListener("change", () => { dismiss(); suggest(); });
$("colouring").addEventListener("change", colour);
$("checking").addEventListener("change", check);
for (const id of ["layer", "head"]) $(id).addEventListener("change", look);
$("attention").addEventListener("toggle", look);

fetch("/v1/models").then((answer) => answer.json()).then(({ data }) => { $("model").textContent = data[0].id; });
editor.area.value = START;
editor.area.focus();
editor.area.setSelectionRange(START.length, START.length);
changed();
