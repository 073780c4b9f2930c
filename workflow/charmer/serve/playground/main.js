// The playground: what happens when somebody types, moves the cursor, or turns a knob.
//
// Each question waits for a pause in typing, and its answer is dropped when the text has changed since.

import { ask, forget, settled } from "./api.js";
import { Editor, characters, offset } from "./editor.js";
import { alternatives, attention, choices, fixing, problems } from "./panels.js";

const PAUSE = { suggest: 200, next: 250, colour: 500, check: 900, look: 300 }; // milliseconds
const SEEN = 60; // words before the cursor that the attention view reads, at most
const START = `def mean(values):
    """The arithmetic mean of a list of numbers."""
    total = 0
    for value in values:
        total += value
    return `;

const $ = (id) => document.getElementById(id);
const editor = new Editor($("text"), $("picture"), $("numbers"));
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
    editor.colour([]);
    $("bits").textContent = "";
    editor.paint();
    return;
  }
  now("/charmer/surprise", { text: editor.text }, (found) => {
    editor.colour(found.pieces);
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
    attention($("looks"), $("looking"), found);
  });
});

/** Mark what check found, and list it. */
function show(findings) {
  editor.marks = findings.map((finding) => {
    const start = offset(editor.text, finding.line, finding.column);
    const end = offset(editor.text, finding.end_line, finding.end_column);
    return { start, end: Math.max(end, start), finding };
  });
  editor.paint();
  list();
}

/** List the marks where they are now. */
function list() {
  for (const mark of editor.marks) {
    const lines = editor.text.slice(0, mark.start).split("\n");
    Object.assign(mark, { line: lines.length, column: characters(lines.at(-1)) + 1 });
  }
  problems($("problems"), editor.marks, go, fix);
  offer();
}

/** A button for the fix of the mark at the cursor. */
function offer() {
  const finding = editor.marked()?.finding;
  $("mend").hidden = !finding || finding.suggestion === null;
  if (finding) $("mend").textContent = fixing(finding);
}

function go({ start, end, finding }) {
  editor.area.focus();
  editor.area.setSelectionRange(start, end);
  say(finding.message);
}

function fix({ start, end, finding }) {
  if (finding.suggestion === null) return say("no fix is known for this");
  editor.replace(start, end, finding.suggestion);
  say("fixed; undo takes it back");
}

/** The first mark behind the cursor, or the first of all. */
function nextMark() {
  const marks = editor.marks.toSorted((one, other) => one.start - other.start);
  return marks.find(({ start }) => start > editor.area.selectionStart) ?? marks[0];
}

/** Grey text goes, and what is on its way to become grey text is not waited for. */
function dismiss() {
  forget("/infill");
  editor.suggest("");
}

function changed() {
  quiet = false;
  if (!editor.followed()) {
    dismiss();
    suggest();
  }
  editor.paint();
  list();
  for (const work of [next, colour, check, look]) work();
}

function moved() {
  if (document.activeElement !== editor.area) return;
  offer();
  if (editor.cursor === editor.at) return;
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
  } else if (event.key === "F8" && plain) {
    event.preventDefault();
    const mark = nextMark();
    if (mark) go(mark);
    else say("nothing is marked");
  } else if ((event.key === "." && event.ctrlKey) || (event.key === "Enter" && event.altKey)) {
    event.preventDefault();
    const mark = editor.marked();
    if (mark) fix(mark);
    else say("no mark at the cursor");
  } else if (event.key === "Escape") {
    dismiss();
    quiet = true;
    say("Tab leaves the editor now");
  }
});

// A telephone has no Tab. These buttons leave the cursor, and with it the keyboard on the screen, in the editor.
editor.onghost = (ghost) => { $("take").hidden = !ghost; };
for (const id of ["take", "mend"]) $(id).addEventListener("pointerdown", (event) => event.preventDefault());
$("take").addEventListener("click", () => editor.take());
$("mend").addEventListener("click", () => fix(editor.marked()));

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
