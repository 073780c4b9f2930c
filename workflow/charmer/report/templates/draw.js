(() => {
  // Draws every plot in the reader's color scheme, and again when that changes. Plots far below wait until needed.
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themes = read("themes");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll("[data-plot]")];
  const drawn = new Map();

  async function draw(place) {
    const specification = read("plot-" + place.dataset.plot);
    const config = dark.matches ? themes.dark : themes.light;
    drawn.get(place)?.finalize();
    drawn.set(place, await vegaEmbed(place, specification, {
      config, renderer: "svg", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" },
    }));
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
    }
  }, { rootMargin: "1500px" });
  places.forEach((place) => seen.observe(place));
  dark.addEventListener("change", () => [...drawn.keys()].forEach(draw));
  addEventListener("beforeprint", () => places.filter((place) => !drawn.has(place)).forEach(draw));
})();
