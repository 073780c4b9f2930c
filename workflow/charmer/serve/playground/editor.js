// A text area whose letters are drawn by the picture under it: colours, marks, and the grey text at the cursor.
//
// The text area keeps what browsers do well: typing, undo, selection, input methods, screen readers.
// Offsets here are those of JavaScript's strings; the server counts characters, see `characters` and `offset`.

/** How many characters a piece of a string has. */
export const characters = (text) => [...text].length;

/** The place in a string of a line and a column that count characters from 1. */
export function offset(text, line, column) {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const own = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("");
  return Math.min(before + own.length, text.length);
}

/** The class of a piece by the bits that each of its characters cost. */
function heat(bits, length) {
  const each = bits / Math.max(length, 1);
  const step = [0.5, 1, 2, 3, 4.5, 6].filter((bound) => each >= bound).length;
  return step ? `s${step}` : "";
}

export class Editor {
  /** `area`: the text area; `picture`: what lies under it. */
  constructor(area, picture) {
    Object.assign(this, { area, picture, pieces: [], marks: [], ghost: "", at: 0, onghost: () => {} });
  }

  get text() {
    return this.area.value;
  }

  /** Where the cursor stands, or null while something is selected. */
  get cursor() {
    const { selectionStart, selectionEnd } = this.area;
    return selectionStart === selectionEnd ? selectionStart : null;
  }

  /** Replace a stretch as if it were typed, so that it can be undone; the cursor stands behind it. */
  replace(start, end, text) {
    this.area.focus();
    this.area.setSelectionRange(start, end);
    const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (!done) {
      this.area.setRangeText(text, start, end, "end");
      this.area.dispatchEvent(new Event("input"));
    }
  }

  /** Grey text at the cursor; none where `text` is empty. */
  suggest(text) {
    this.ghost = text;
    this.at = this.cursor ?? 0;
    this.paint();
    this.onghost(text);
  }

  /** Take the first `length` letters of the grey text; what is left stays grey. */
  take(length = this.ghost.length) {
    const [taken, left] = [this.ghost.slice(0, length), this.ghost.slice(length)];
    this.ghost = "";
    this.replace(this.at, this.at, taken);
    this.suggest(left);
  }

  /** Whether what was typed is the beginning of the grey text, which then goes on behind it. */
  followed() {
    const typed = this.cursor === null ? "" : this.text.slice(this.at, this.cursor);
    if (!this.ghost || !typed || !this.ghost.startsWith(typed)) return false;
    this.suggest(this.ghost.slice(typed.length));
    return this.ghost !== "";
  }

  /** Draw text, colours, marks and grey text anew. */
  paint() {
    const text = this.text;
    const cuts = new Set([0, text.length, this.at]);
    const colours = [];
    let place = 0;
    for (const { text: piece, bits } of this.pieces) {
      if (!text.startsWith(piece, place)) break; // typed since: its colours are on their way
      colours.push([place, place + piece.length, heat(bits, piece.length)]);
      place += piece.length;
      cuts.add(place);
    }
    for (const mark of this.marks) cuts.add(mark.start).add(mark.end);
    const places = [...cuts].filter((cut) => cut <= text.length).sort((one, other) => one - other);
    const drawn = document.createDocumentFragment();
    let colour = 0;
    for (const [number, start] of places.entries()) {
      if (this.ghost && start === this.at) drawn.append(span(this.ghost, "ghost"));
      const end = places[number + 1] ?? start;
      if (end === start) continue;
      while (colours[colour] && colours[colour][1] <= start) colour += 1;
      const marked = this.marks.some((mark) => mark.start <= start && end <= mark.end);
      drawn.append(span(text.slice(start, end), `${colours[colour]?.[2] ?? ""}${marked ? " mark" : ""}`));
    }
    drawn.append("\n"); // a last line that is empty has a height too
    this.picture.replaceChildren(drawn);
  }
}

function span(text, name) {
  const made = document.createElement("span");
  made.textContent = text;
  if (name.trim()) made.className = name.trim();
  return made;
}
