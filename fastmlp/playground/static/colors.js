// Colours: orange for negative, blue for positive, which all kinds of colour vision tell apart.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
let palette = null;

function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function read() {
  const colors = Object.fromEntries(
    [
      "negative",
      "zero",
      "positive",
      "text",
      "muted",
      "line",
      "card",
      "map-negative",
      "map-positive",
      "soft-negative",
      "soft-positive",
    ].map((name) => [name, variable(`--${name}`)]),
  );
  const strong = scale(colors["map-negative"], colors.zero, colors["map-positive"]);
  return { ...colors, strong, soft: scale(colors["soft-negative"], colors.zero, colors["soft-positive"]) };
}

/** Red, green, blue and opacity for −127 … 127. */
function scale(...ends) {
  const [negative, zero, positive] = ends.map(channels),
    table = new Uint8ClampedArray(255 * 4);
  for (let step = -127; step <= 127; step++) {
    const end = step < 0 ? negative : positive,
      share = Math.abs(step) / 127;
    const rgb = zero.map((from, channel) => from + (end[channel] - from) * share);
    table.set([...rgb, 255], (step + 127) * 4);
  }
  return table;
}

/** The colours of the theme; `strong` and `soft` are scales for maps, soft under points. */
export function colors() {
  palette ??= read();
  return palette;
}

export function onThemeChange(work) {
  dark.addEventListener("change", () => {
    palette = null;
    work();
  });
}

/** The colour of a weight, or of a point with a target in [−1, 1]. */
export const signed = (value) => (value < 0 ? colors().negative : colors().positive);

/** Draw n × n values −127 … 127 into a canvas of the same size; `sharp` shows their signs alone. */
export function paint(canvas, values, n, kind = "strong", sharp = false) {
  if (canvas.width !== n || canvas.height !== n) [canvas.width, canvas.height] = [n, n];
  const table = colors()[kind],
    context = canvas.getContext("2d"),
    image = context.createImageData(n, n);
  for (let at = 0; at < n * n; at++) {
    const value = sharp ? Math.sign(values[at]) * 110 : values[at];
    const from = (value + 127) * 4;
    for (let channel = 0; channel < 4; channel++) image.data[at * 4 + channel] = table[from + channel];
  }
  context.putImageData(image, 0, 0);
}
