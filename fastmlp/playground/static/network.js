// The network as a graph: a map for each unit, a line for each weight, a small square for each bias.

import { colors, paint, signed } from "./colors.js";
import { byId, make } from "./dom.js";
import { inputMap, unitName } from "./units.js";

const TOP = 58,
  LEAST_COLUMN = 80;
/** Height that the units of the widest layer share, and the least and most for one of them. */
const HEIGHT = 268,
  LEAST_PITCH = 46,
  MOST_PITCH = 74;

export class NetworkView {
  constructor(state, send, editor, output) {
    Object.assign(this, { state, send, editor, output, shape: "" });
    this.graph = byId("columns");
    this.inputs = [0, 1].map((feature) => inputMap(state.page.map_size, feature));
    new ResizeObserver(() => {
      this.shape = "";
      if (state.frame) this.draw(state.frame);
    }).observe(byId("graph"));
  }

  /** Ask for other hidden layers; quick clicks count from what was asked for last. */
  configure(hidden) {
    this.asked = hidden;
    this.send({ type: "configure", values: { hidden } });
  }

  /** The hidden layers that were asked for last. */
  hidden() {
    return this.asked ?? this.state.choices.hidden;
  }

  /** The server has answered: nothing is asked for any more, unless this answers an earlier wish. */
  settle(refused) {
    if (refused || String(this.asked) === String(this.state.choices.hidden)) this.asked = null;
  }

  draw(frame) {
    const sizes = [2, ...frame.intercepts.map((layer) => layer.length)],
      { names } = this.state.data;
    const shape = [...sizes, byId("graph").clientWidth, ...names].join();
    if (shape !== this.shape) this.build(sizes);
    this.shape = shape;
    const n = this.state.page.map_size;
    this.units[0].forEach(({ canvas }, unit) => paint(canvas, this.inputs[unit], n));
    let map = 0;
    for (const layer of this.units.slice(1)) for (const { canvas } of layer) paint(canvas, frame.maps[map++], n);
    this.units.forEach((layer, at) =>
      layer.forEach(({ picture }, unit) => picture.setAttribute("aria-pressed", this.output.isPinned(at, unit))),
    );
    frame.intercepts.forEach((layer, at) =>
      layer.forEach((bias, unit) => this.showBias(this.units[at + 1][unit].bias, bias)),
    );
    for (const { line, layer, source, unit } of this.edges) this.showWeight(line, frame.coefs[layer][source][unit]);
  }

  showBias(square, value) {
    square.style.background = signed(value);
    square.style.opacity = String(0.25 + 0.75 * Math.min(1, Math.abs(value)));
  }

  showWeight(line, value) {
    line.setAttribute("stroke", value === 0 ? colors().line : signed(value));
    line.setAttribute("stroke-width", (0.6 + Math.min(7, 1.5 * Math.abs(value))).toFixed(2));
    line.setAttribute("stroke-opacity", (0.35 + 0.6 * Math.min(1, Math.abs(value))).toFixed(2));
  }

  /** Lay out all units and lines. */
  build(sizes) {
    const width = Math.max(byId("graph").clientWidth, sizes.length * LEAST_COLUMN);
    const tallest = Math.max(...sizes),
      pitch = Math.max(LEAST_PITCH, Math.min(MOST_PITCH, HEIGHT / tallest));
    const size = Math.min(52, Math.round(pitch - 9)),
      height = TOP + Math.max(HEIGHT, tallest * pitch) + 6;
    const column = (width - size - 20) / (sizes.length - 1),
      middle = (TOP + height - 6) / 2;
    const x = (layer) => 10 + size / 2 + column * layer;
    const y = (layer, unit) => middle + (layer ? pitch : MOST_PITCH) * (unit - (sizes[layer] - 1) / 2);
    this.size = size;
    const svg = make("svg", { width, height });
    this.graph.replaceChildren(svg);
    this.graph.style.cssText = `width:${width}px;height:${height}px`;
    this.edges = [];
    for (let layer = 0; layer + 1 < sizes.length; layer++) {
      for (let source = 0; source < sizes[layer]; source++) {
        for (let unit = 0; unit < sizes[layer + 1]; unit++) {
          const from = [x(layer) + size / 2, y(layer, source)],
            to = [x(layer + 1) - size / 2, y(layer + 1, unit)];
          this.addEdge(svg, from, to, { layer, source, unit });
        }
      }
    }
    this.units = sizes.map((count, layer) => {
      this.graph.append(this.heading(layer, sizes, x(layer)));
      return Array.from({ length: count }, (_, unit) => this.addUnit(layer, unit, x(layer), y(layer, unit)));
    });
    this.showStepper(sizes.length - 2);
  }

  addEdge(svg, [x1, y1], [x2, y2], place) {
    const middle = (x1 + x2) / 2,
      d = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
    const line = make("path", { d, class: "edge" });
    const { layer, source, unit } = place;
    const target = make("path", {
      d,
      class: "edge-target",
      "data-weight": `${layer}-${source}-${unit}`,
      pointerenter: () => line.classList.add("hovered"),
      pointerleave: () => {
        line.classList.remove("hovered");
        this.editor.hideTip();
      },
      pointermove: (event) => this.editor.tip(event, place),
      click: (event) => this.editor.open(event, place),
    });
    svg.append(line, target);
    this.edges.push({ line, ...place });
  }

  addUnit(layer, unit, x, y) {
    const canvas = make("canvas"),
      name = unitName(this.state, layer, unit),
      { size } = this;
    const place = { layer, unit };
    const picture = make(
      "button",
      {
        class: "unit",
        "aria-label": `Show ${name}`,
        "data-unit": `${layer}-${unit}`,
        pointerenter: (event) => event.pointerType === "mouse" && this.output.look(place, false),
        pointerleave: (event) => event.pointerType === "mouse" && this.output.look(null, false),
        click: () => {
          this.output.look(place, true);
          this.draw(this.state.frame);
        },
      },
      canvas,
    );
    picture.style.cssText = `left:${x - size / 2}px;top:${y - size / 2}px;width:${size}px;height:${size}px`;
    this.graph.append(picture);
    if (layer === 0) {
      const label = make("span", { class: "input-name", title: name }, name);
      label.style.cssText = `left:${x - size / 2}px;top:${y + size / 2}px;width:${size + 24}px`;
      this.graph.append(label);
      return { canvas, picture };
    }
    const bias = { layer: layer - 1, source: null, unit };
    const square = make(
      "button",
      {
        class: "bias",
        "data-bias": `${layer - 1}-${unit}`,
        "aria-label": `Bias of ${name}`,
        pointermove: (event) => this.editor.tip(event, bias),
        pointerleave: () => this.editor.hideTip(),
        click: (event) => this.editor.open(event, bias),
      },
      make("i"),
    );
    square.style.cssText = `left:${x - size / 2 - 9}px;top:${y + size / 2 - 9}px`;
    this.graph.append(square);
    return { canvas, picture, bias: square.firstElementChild };
  }

  heading(layer, sizes, x) {
    const last = sizes.length - 1,
      { max_units: most } = this.state.page;
    const side = layer === 0 ? -1 : layer === last ? 1 : 0;
    const box = make("div", { class: `column-heading ${["first", "middle", "last"][side + 1]}` });
    box.style.left = `${x + (side * this.size) / 2}px`;
    if (layer === 0 || layer === last) {
      box.append(make("b", {}, layer ? "Output" : "Features"));
      return box;
    }
    const limit = (width) => Math.max(1, Math.min(most, width));
    const change = (by) =>
      this.configure(this.hidden().map((width, at) => (at === layer - 1 ? limit(width + by) : width)));
    box.append(
      make("b", {}, `Layer ${layer}`),
      stepper(sizes[layer], 1, most, change, `units in hidden layer ${layer}`, `${sizes[layer]}`),
    );
    return box;
  }

  showStepper(count) {
    const most = this.state.page.max_layers;
    const change = (by) => {
      const hidden = this.hidden();
      this.configure(by > 0 ? [...hidden, 2].slice(0, most) : hidden.slice(0, -1));
    };
    const text = `${count} hidden layer${count === 1 ? "" : "s"}`;
    byId("layers").replaceChildren(stepper(count, 0, most, change, "hidden layers", text));
  }
}

function stepper(value, least, most, change, what, text) {
  return make(
    "span",
    { class: "plus-minus" },
    make("button", { "aria-label": `Fewer ${what}`, disabled: value <= least, click: () => change(-1) }, "−"),
    make("span", {}, text),
    make("button", { "aria-label": `More ${what}`, disabled: value >= most, click: () => change(1) }, "+"),
  );
}
