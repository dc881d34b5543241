// The folded plane: where two units of a hidden layer move the grid and the points.

import { colors, signed } from "./colors.js";
import { byId, format, make, prepare } from "./dom.js";

const EDGE = 26;

export class FoldView {
  constructor(state, send) {
    Object.assign(this, { state, send, shape: "" });
    this.canvas = byId("fold-map");
  }

  draw(frame) {
    const { hidden } = this.state.choices,
      { fold } = frame;
    this.showSelects(hidden, fold);
    const { context, width, height } = prepare(this.canvas);
    if (!fold) return;
    const view = this.view(fold.grid, width, height);
    this.grid(context, fold.grid, view);
    this.points(context, fold.points, view);
    if (fold.layer === hidden.length - 1 && hidden[fold.layer] === 2 && fold.units[0] !== fold.units[1]) {
      this.boundary(context, frame, view, width, height);
    }
    this.axes(context, fold, view, width, height);
  }

  /** The transformation that fits the folded grid into the canvas. */
  view(grid, width, height) {
    const low = [Infinity, Infinity],
      high = [-Infinity, -Infinity];
    for (let at = 0; at < grid.length; at++) {
      low[at % 2] = Math.min(low[at % 2], grid[at]);
      high[at % 2] = Math.max(high[at % 2], grid[at]);
    }
    for (const k of [0, 1]) if (high[k] - low[k] < 1e-9) [low[k], high[k]] = [low[k] - 1, high[k] + 1];
    const x = (value) => EDGE + ((value - low[0]) / (high[0] - low[0])) * (width - EDGE - 12);
    const y = (value) => height - EDGE - ((value - low[1]) / (high[1] - low[1])) * (height - EDGE - 12);
    return { x, y, low, high };
  }

  grid(context, grid, { x, y }) {
    const { fold_lines: lines, fold_points: points } = this.state.page;
    context.lineWidth = 0.8;
    context.strokeStyle = colors().muted;
    context.globalAlpha = 0.55;
    for (let line = 0; line < 2 * lines; line++) {
      context.beginPath();
      for (let point = 0; point < points; point++) {
        const at = 2 * (line * points + point);
        context.lineTo(x(grid[at]), y(grid[at + 1]));
      }
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  points(context, points, { x, y }) {
    const { data } = this.state,
      radius = data.train.length > 600 ? 1.8 : 2.8;
    data.train.forEach(([, , target], row) => {
      context.beginPath();
      context.arc(x(points[2 * row]), y(points[2 * row + 1]), radius, 0, 2 * Math.PI);
      context.fillStyle = signed(data.is_regression ? target : target - 0.5);
      context.globalAlpha = data.is_regression ? 0.25 + 0.75 * Math.abs(target) : 1;
      context.fill();
      context.globalAlpha = 1;
      context.lineWidth = 0.7;
      context.strokeStyle = colors().card;
      context.stroke();
    });
  }

  /** Where the output is in the middle: a straight line, as the output is a weighted sum of the two units. */
  boundary(context, frame, { x, y, low, high }, width, height) {
    const weights = frame.fold.units.map((unit) => frame.coefs.at(-1)[unit][0]),
      [bias] = frame.intercepts.at(-1);
    const ends =
      Math.abs(weights[1]) > Math.abs(weights[0])
        ? [low[0], high[0]].map((h) => [h, -(bias + weights[0] * h) / weights[1]])
        : [low[1], high[1]].map((h) => [-(bias + weights[1] * h) / weights[0], h]);
    if (!ends.flat().every(Number.isFinite)) return;
    context.save();
    context.beginPath();
    context.rect(EDGE, 0, width - EDGE, height - EDGE);
    context.clip();
    context.beginPath();
    for (const [h1, h2] of ends) context.lineTo(x(h1), y(h2));
    context.setLineDash([7, 4]);
    context.lineWidth = 2;
    context.strokeStyle = colors().text;
    context.stroke();
    context.restore();
  }

  axes(context, fold, { low, high }, width, height) {
    context.fillStyle = colors().muted;
    context.font = "11px system-ui, sans-serif";
    const write = (text, x, y, align) => {
      context.textAlign = align;
      context.fillText(text, x, y);
    };
    write(format(low[0], 2), EDGE, height - 8, "left");
    write(format(high[0], 2), width - 6, height - 8, "right");
    write(`unit ${fold.units[0] + 1} →`, (width + EDGE) / 2, height - 8, "center");
    context.save();
    context.rotate(-Math.PI / 2);
    write(format(low[1], 2), EDGE - height, 14, "left");
    write(format(high[1], 2), -6, 14, "right");
    write(`unit ${fold.units[1] + 1} →`, -(height - EDGE) / 2, 14, "center");
    context.restore();
  }

  showSelects(hidden, fold) {
    const shape = `${hidden}:${fold?.layer}:${fold?.units}`;
    if (shape === this.shape) return;
    this.shape = shape;
    if (!fold) {
      byId("fold-text").textContent = "Add a hidden layer to see how it bends the plane.";
      byId("fold-selects").replaceChildren();
      return;
    }
    const last = fold.layer === hidden.length - 1 && hidden[fold.layer] === 2;
    byId("fold-text").textContent =
      `Each point of the plane, moved to the values that two units of hidden layer ${fold.layer + 1} have ` +
      `there.${last ? " The dashed line is where the output changes sides." : ""}`;
    const list = (label, count, chosen, change) =>
      make(
        "label",
        {},
        label,
        make(
          "select",
          { change: (event) => change(Number(event.target.value)) },
          ...Array.from({ length: count }, (_, at) =>
            make("option", { value: at, selected: at === chosen }, String(at + 1)),
          ),
        ),
      );
    const width = hidden[fold.layer],
      ask = (layer, units) => this.send({ type: "fold", layer, units });
    byId("fold-selects").replaceChildren(
      list("Layer", hidden.length, fold.layer, (layer) => ask(layer, [0, Math.min(1, hidden[layer] - 1)])),
      list("Unit →", width, fold.units[0], (unit) => ask(fold.layer, [unit, fold.units[1]])),
      list("Unit ↑", width, fold.units[1], (unit) => ask(fold.layer, [fold.units[0], unit])),
    );
  }
}
