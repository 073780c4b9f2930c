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

/** What a fix does, in a few words. */
export const fixing = ({ suggestion }) => `Fix: ${suggestion ? `write ${visible(suggestion)}` : "take it away"}`;

/** What check found, a mark each: `go(mark)` when one is chosen, `fix(mark)` when its fix is. */
export function problems(list, marks, go, fix) {
  fill(list, marks.map((mark) => {
    const { message, suggestion } = mark.finding;
    const found = make("button", `${mark.line}:${mark.column} ${message}`, { type: "button" });
    found.addEventListener("click", () => go(mark));
    if (suggestion === null) return [found];
    const mend = make("button", fixing(mark.finding), { type: "button", class: "fix" });
    mend.addEventListener("click", () => fix(mark));
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

/** The tokens before the cursor, each shaded by the share of one token's attention that it gets: first of the last
 * token's, then of that which is clicked or reached by the arrow keys. `said`: where the greatest shares are named. */
export function attention(place, said, { tokens, weights }) {
  const spans = tokens.map((token) => make("span", token));
  let chosen = -1;
  const look = (number) => {
    chosen = Math.min(Math.max(number, 0), tokens.length - 1);
    const own = weights[chosen];
    const most = Math.max(...own.slice(0, chosen + 1), 1e-6);
    spans.forEach((shown, at) => {
      const share = at <= chosen ? own[at] : 0; // no token sees what comes behind it
      shown.style.setProperty("--share", (0.75 * share) / most);
      shown.title = `${(100 * share).toFixed(1)}%`;
      shown.className = at === chosen ? "self" : at > chosen ? "unseen" : "";
    });
    const best = own.slice(0, chosen + 1).map((share, at) => [share, at]).sort(([one], [other]) => other - one).slice(0, 3);
    const named = best.map(([share, at]) => `${visible(tokens[at])} ${Math.round(100 * share)}%`);
    said.textContent = `${visible(tokens[chosen])} looks at ${named.join(", ")}`;
    const { offsetTop: top, offsetHeight: height } = spans[chosen]; // scroll this box alone, never the page
    place.scrollTop = Math.min(Math.max(place.scrollTop, top + height - place.clientHeight), top);
  };
  place.replaceChildren(...spans);
  place.onclick = ({ target }) => { if (spans.includes(target)) look(spans.indexOf(target)); };
  place.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -tokens.length, End: tokens.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    look(chosen + step);
  };
  look(tokens.length - 1);
}

/** The choices of a list: "mean", then a number each. */
export function choices(select, count) {
  if (select.options.length === count + 1) return;
  select.replaceChildren(make("option", "mean", { value: "" }));
  for (let number = 0; number < count; number += 1) select.append(make("option", number, { value: number }));
}
