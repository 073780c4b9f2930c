(() => {
  // Draws every plot in the reader's color scheme, from the top down, and again when the scheme changes.
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themes = read("themes");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  async function draw(place) {
    const scheme = dark.matches ? "dark" : "light";
    drawn.get(place)?.finalize();
    drawn.set(place, await vegaEmbed(place, read("plot-" + place.dataset.plot), {
      config: themes[scheme], renderer: "svg", actions: false, tooltip: { theme: scheme },
    }));
  }

  async function drawAll() {
    for (const place of document.querySelectorAll("[data-plot]")) await draw(place);
    document.documentElement.dataset.drawn = drawn.size;
  }

  dark.addEventListener("change", drawAll);
  drawAll();
})();
