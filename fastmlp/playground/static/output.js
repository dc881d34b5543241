// The large map of the output, or of a unit that is looked at, with the points.

import { colors, paint, signed } from "./colors.js";
import { byId, format, make, prepare } from "./dom.js";
import { inputMap, unitName } from "./units.js";

export class OutputView {
  constructor(state, onChoose) {
    Object.assign(this, { state, onChoose, pinned: null, hovered: null, chosen: null });
    this.canvas = byId("output-map");
    this.image = make("canvas");
    this.toggles = ["show-train", "show-test", "sharp"].map(byId);
    for (const toggle of this.toggles) toggle.addEventListener("change", () => this.redraw());
    this.canvas.addEventListener("pointermove", (event) => this.read(event));
    this.canvas.addEventListener("pointerleave", () => this.showHint());
    this.canvas.addEventListener("click", (event) => this.choose(event));
  }

  /** Show another unit's map: until the pointer leaves it, or (`pin`) until another click. */
  look(place, pin) {
    if (pin) {
      const same = this.isPinned(place.layer, place.unit);
      this.pinned = same ? null : place;
    } else {
      this.hovered = place;
    }
    this.redraw();
  }

  isPinned(layer, unit) {
    return this.pinned?.layer === layer && this.pinned.unit === unit;
  }

  showData() {
    [this.pinned, this.hovered, this.chosen] = [null, null, null];
    this.showHint();
  }

  showHint() {
    byId("readout").textContent = "Point at the picture to read values; click a training point to see its numbers.";
  }

  redraw() {
    if (this.state.frame) this.draw(this.state.frame);
  }

  /** The unit that is shown: its map, scale, name and the texts at the ends of the scale. */
  shown(frame) {
    const sizes = frame.intercepts.map((layer) => layer.length),
      { data, page } = this.state;
    const place = this.hovered ?? this.pinned;
    const exists = place && place.layer <= sizes.length && place.unit < (place.layer ? sizes[place.layer - 1] : 2);
    if (!exists || place.layer === sizes.length) {
      const title = data.is_regression
        ? `Output: predicted ${data.names[2]}`
        : `Output: probability of ${data.labels[1]}`;
      return { map: frame.maps.at(-1), scale: 1, title, ends: data.labels, isOutput: true };
    }
    const name = unitName(this.state, place.layer, place.unit);
    const title = name[0].toUpperCase() + name.slice(1);
    if (place.layer === 0) {
      const map = inputMap(page.map_size, place.unit);
      return { map, scale: page.edge, title, ends: [format(-page.edge), format(page.edge)] };
    }
    const first = sizes.slice(0, place.layer - 1).reduce((sum, width) => sum + width, 0);
    const scale = frame.scales[place.layer - 1];
    return { map: frame.maps[first + place.unit], scale, title, ends: [format(-scale, 3), format(scale, 3)] };
  }

  draw(frame) {
    const { page, data } = this.state,
      [train, test, sharp] = this.toggles.map((toggle) => toggle.checked);
    const shown = this.shown(frame);
    byId("output-title").textContent = shown.title;
    [byId("low").textContent, byId("high").textContent] = shown.ends;
    this.drawScale();
    paint(this.image, shown.map, page.map_size, "soft", sharp);
    const { context, width, height } = prepare(this.canvas);
    context.imageSmoothingEnabled = !sharp;
    context.drawImage(this.image, 0, 0, width, height);
    if (test) for (const point of data.test) this.point(context, point, width, height, true);
    if (train) for (const point of data.train) this.point(context, point, width, height, false);
    if (this.chosen !== null && data.train[this.chosen]) this.ring(context, data.train[this.chosen], width, height);
  }

  drawScale() {
    const canvas = byId("scale"),
      context = canvas.getContext("2d"),
      image = context.createImageData(255, 1);
    image.data.set(colors().soft);
    context.putImageData(image, 0, 0);
  }

  place([x, y], width, height) {
    const { edge } = this.state.page;
    return [((x / edge + 1) / 2) * width, ((1 - y / edge) / 2) * height];
  }

  point(context, point, width, height, isTest) {
    const [x, y] = this.place(point, width, height),
      { is_regression: number } = this.state.data;
    const many = this.state.data.train.length > 600,
      radius = many ? 2 : 3.2;
    context.beginPath();
    if (isTest) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = signed(number ? point[2] : point[2] - 0.5);
    context.globalAlpha = number ? 0.25 + 0.75 * Math.abs(point[2]) : 1;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = many ? 0.6 : 1.2;
    context.strokeStyle = isTest ? colors().text : colors().card;
    context.stroke();
  }

  ring(context, point, width, height) {
    context.beginPath();
    context.arc(...this.place(point, width, height), 7, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = colors().text;
    context.stroke();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect(),
      { edge } = this.state.page;
    const across = (event.clientX - box.left) / box.width,
      down = (event.clientY - box.top) / box.height;
    return { across, down, x: (across * 2 - 1) * edge, y: (1 - down * 2) * edge };
  }

  read(event) {
    if (!this.state.frame) return;
    const { across, down, x, y } = this.at(event),
      n = this.state.page.map_size,
      { data } = this.state;
    const cell = (share) => Math.max(0, Math.min(n - 1, Math.floor(share * n)));
    const { map, scale, isOutput } = this.shown(this.state.frame);
    let value = (map[cell(down) * n + cell(across)] / 127) * scale;
    if (isOutput && !data.is_regression) value = (value + 1) / 2;
    const [first, second] = [x, y].map((scaled, k) => format(data.scales[k][0] + data.scales[k][1] * scaled, 3));
    const what = isOutput ? (data.is_regression ? "output (scaled)" : `probability of ${data.labels[1]}`) : "value";
    byId("readout").textContent =
      `${data.names[0]} = ${first}, ${data.names[1]} = ${second}: ${what} ${format(value, 2)}`;
  }

  /** Choose the training point that was clicked. */
  choose(event) {
    const { x, y } = this.at(event),
      { data, page } = this.state;
    let best = null,
      least = (page.edge / 10) ** 2;
    data.train.forEach(([px, py], row) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [row, distance];
    });
    if (best === null) return;
    this.chosen = best;
    this.onChoose(best);
    this.redraw();
  }
}
