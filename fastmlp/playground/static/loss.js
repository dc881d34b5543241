// The loss of training and test points by epoch.

import { colors } from "./colors.js";
import { byId, format, make, prepare, whole } from "./dom.js";

const LEFT = 40,
  BOTTOM = 20,
  TOP = 8,
  RIGHT = 8;

/** The largest number of 1, 2, 5, 10, … that divides `most` into at least three parts. */
function tickStep(most) {
  const power = 10 ** Math.floor(Math.log10(most / 3));
  return [5, 2, 1].map((factor) => factor * power).find((step) => most / step >= 3) ?? power;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} % correct`;
}

export class LossView {
  constructor(state) {
    this.state = state;
    this.canvas = byId("loss-map");
  }

  draw(frame) {
    const { curve, accuracy } = frame;
    const item = (name, kind, values, at) =>
      make(
        "div",
        {},
        make("i", { class: kind }),
        `${name} `,
        make("b", { id: `${kind}-loss` }, format(values[values.length - 1], 3)),
        accuracy ? make("small", {}, percent(accuracy[at])) : null,
      );
    byId("losses").replaceChildren(item("Training", "train", curve.train, 0), item("Test", "test", curve.test, 1));
    this.curve(curve);
  }

  curve({ epochs, train, test }) {
    const { context, width, height } = prepare(this.canvas);
    const values = [...train, ...test].filter((value) => value !== null);
    const top = Math.max(1e-9, Math.min(Math.max(...values), 4 * (values[0] || 1))),
      end = Math.max(1, epochs.at(-1));
    const x = (epoch) => LEFT + (epoch / end) * (width - LEFT - RIGHT);
    const y = (loss) => height - BOTTOM - Math.min(loss / top, 1.02) * (height - BOTTOM - TOP);
    this.axes(context, x, y, end, top, width, height);
    for (const [losses, dash, color] of [
      [test, [5, 3], colors().muted],
      [train, [], colors().text],
    ]) {
      context.beginPath();
      losses.forEach((loss, at) => loss !== null && context.lineTo(x(epochs[at]), y(loss)));
      context.setLineDash(dash);
      context.lineWidth = 1.8;
      context.strokeStyle = color;
      context.stroke();
    }
    context.setLineDash([]);
  }

  axes(context, x, y, end, top, width, height) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colors().muted;
    context.strokeStyle = colors().line;
    context.lineWidth = 1;
    context.textAlign = "right";
    const step = tickStep(top);
    for (let loss = 0; loss <= top * 1.001; loss += step) {
      context.beginPath();
      context.moveTo(LEFT, y(loss));
      context.lineTo(width - RIGHT, y(loss));
      context.stroke();
      context.fillText(format(loss, 3), LEFT - 5, y(loss) + 4);
    }
    context.fillText(`${whole(end)} epoch${end === 1 ? "" : "s"}`, width - RIGHT, height - 5);
    context.textAlign = "left";
    context.fillText("0", LEFT, height - 5);
  }
}
