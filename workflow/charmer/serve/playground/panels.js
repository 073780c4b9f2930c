// The lists beside the editor: what check found, what could stand at the cursor, where a token looks.

/** An element with a text and attributes. */
export function make(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Blanks and newlines as signs, so that they can be seen in a list. */
const visible = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/ /g, "·");

function fill(list, items, none) {
  list.replaceChildren(...items.map((parts) => {
    const item = document.createElement("li");
    item.append(...parts);
    return item;
  }));
  if (!items.length) list.append(make("li", none, { class: "none" }));
}

/** What check found: `go(finding)` when one is chosen, `fix(finding)` when its fix is. */
export function problems(list, findings, go, fix) {
  fill(list, findings.map((finding) => {
    const found = make("button", `${finding.line}:${finding.column} ${finding.message}`, { type: "button" });
    found.addEventListener("click", () => go(finding));
    if (finding.suggestion === null) return [found];
    const what = finding.suggestion ? `write ${visible(finding.suggestion)}` : "take it away";
    const mend = make("button", `Fix: ${what}`, { type: "button", class: "fix" });
    mend.addEventListener("click", () => fix(finding));
    return [found, mend];
  }), "nothing that looks wrong");
}

/** The likeliest tokens at the cursor, which write what is left of a word that `begin` begins. */
export function alternatives(list, found, begin, take) {
  fill(list, found.map(({ text, probability }) => {
    const button = make("button", "", { type: "button", "aria-label": `${text}, ${(100 * probability).toFixed(1)} percent` });
    const meter = make("meter", "", { min: 0, max: 1, value: probability, "aria-hidden": "true" });
    button.append(make("code", visible(text)), meter, make("output", `${(100 * probability).toFixed(1)}%`));
    button.addEventListener("click", () => take(text.startsWith(begin) ? text.slice(begin.length) : ""));
    return [button];
  }), "place the cursor");
}

/** The tokens before the cursor, each shaded by the share of the last token's attention that it gets. */
export function attention(place, { tokens, weights }) {
  const own = weights.at(-1) ?? [];
  const most = Math.max(...own, 1e-6);
  place.replaceChildren(...tokens.map((token, number) => {
    const share = own[number] ?? 0;
    const shown = make("span", token, { title: `${(100 * share).toFixed(1)}%` });
    shown.style.setProperty("--share", (0.75 * share) / most);
    if (number === tokens.length - 1) shown.className = "self";
    return shown;
  }));
  place.scrollTop = place.scrollHeight; // the cursor's token is the last
}

/** The choices of a list: "mean", then a number each. */
export function choices(select, count) {
  if (select.options.length === count + 1) return;
  select.replaceChildren(make("option", "mean", { value: "" }));
  for (let number = 0; number < count; number += 1) select.append(make("option", number, { value: number }));
}
