// A text area whose letters are drawn by the picture under it: colours, marks, and the grey text at the cursor.
//
// The text area keeps what browsers do well: typing, undo, selection, input methods, screen readers.
// Colours and marks belong to places of the text, and move along when it is edited (`edited`).
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

/** How warm a piece is, from 0 to 6, by the bits that each of its characters cost. */
function heat(bits, length) {
  const each = bits / Math.max(length, 1);
  return [0.5, 1, 2, 3, 4.5, 6].filter((bound) => each >= bound).length;
}

export class Editor {
  /** `area`: the text area; `picture`: what lies under it; `numbers`: where its lines are counted.
   *
   * `marks` are objects with `start` and `end`. `onghost(text)` is called when the grey text is another. */
  constructor(area, picture, numbers) {
    Object.assign(this, { area, picture, numbers, marks: [], ghost: "", at: 0, onghost: () => {} });
    this.known = ""; // the text to which `heats` and `marks` belong
    this.heats = new Uint8Array(0); // of each letter
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

  /** Colour the text by pieces of it, each with the bits that it cost. */
  colour(pieces) {
    this.edited();
    this.heats.fill(0);
    let place = 0;
    for (const { text, bits } of pieces) {
      this.heats.fill(heat(bits, text.length), place, place + text.length);
      place += text.length;
    }
  }

  /** The text is another now: colours and marks behind the edit move with their letters, marks inside of it go. */
  edited() {
    const { known: old, text } = this;
    if (old === text) return;
    const most = Math.min(old.length, text.length);
    let same = 0;
    while (same < most && old[same] === text[same]) same += 1;
    let behind = 0;
    while (behind < most - same && old[old.length - 1 - behind] === text[text.length - 1 - behind]) behind += 1;
    const heats = new Uint8Array(text.length);
    heats.set(this.heats.subarray(0, same));
    heats.set(this.heats.subarray(old.length - behind), text.length - behind);
    const shift = text.length - old.length;
    this.marks = this.marks.filter(({ start, end }) => end < same || start > old.length - behind);
    for (const mark of this.marks.filter(({ start }) => start >= same)) {
      mark.start += shift;
      mark.end += shift;
    }
    Object.assign(this, { known: text, heats });
  }

  /** The mark at the cursor, if one is there. */
  marked() {
    const at = this.area.selectionStart;
    return this.marks.find(({ start, end }) => start <= at && at <= end);
  }

  /** Draw text, colours, marks and grey text anew. */
  paint() {
    this.edited();
    const { text, ghost, at, heats } = this;
    const wavy = new Uint8Array(text.length);
    for (const { start, end } of this.marks) {
      const seen = start < end || /[^\n]/.test(text[start] ?? "\n"); // where something is missing, a letter beside it
      wavy.fill(1, seen ? start : Math.max(start - 1, 0), seen ? Math.max(end, start + 1) : start);
    }
    const drawn = document.createDocumentFragment();
    for (let start = 0; start <= text.length;) {
      if (ghost && start === at) drawn.append(span(ghost, "ghost"));
      let end = start + 1;
      while (end < text.length && heats[end] === heats[start] && wavy[end] === wavy[start] && !(ghost && end === at)) end += 1;
      const names = [heats[start] && `s${heats[start]}`, wavy[start] && "mark"].filter(Boolean);
      if (start < text.length) drawn.append(span(text.slice(start, end), names.join(" ")));
      start = end;
    }
    drawn.append("\n"); // a last line that is empty has a height too
    this.picture.replaceChildren(drawn);
    const above = text.slice(0, ghost ? at : text.length).split("\n").length;
    const all = text.split("\n").map((_, number) => number + 1);
    all.splice(above, 0, ...Array(ghost.split("\n").length - 1).fill(""));
    this.numbers.textContent = all.join("\n");
  }
}

function span(text, name) {
  const made = document.createElement("span");
  made.textContent = text;
  if (name) made.className = name;
  return made;
}
