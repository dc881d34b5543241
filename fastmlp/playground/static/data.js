// The data sets, noise and shares, and the user's own CSV file.

import { signed } from "./colors.js";
import { byId, make, prepare } from "./dom.js";

const TITLES = { circles: "Circles", moons: "Moons", spirals: "Spirals", xor: "XOR", blobs: "Blobs", hills: "Hills" };
const HINTS = {
  circles: "One class inside the other",
  moons: "Two half moons",
  spirals: "Two spirals: difficult",
  xor: "The class is whether both features have the same sign",
  blobs: "Two groups that a line can divide",
  hills: "A number instead of a class: two hills and two valleys",
};
/** Name, label, explanation, range, and how a value is written. */
const SLIDERS = [
  ["noise", "Noise", "How far the points are moved at random", 0, 1, 0.05, (value) => `${Math.round(value * 100)} %`],
  [
    "test_share",
    "Test points",
    "Points that are not trained on, to see whether the network has understood the others",
    0.1,
    0.9,
    0.1,
    (value) => `${Math.round(value * 100)} %`,
  ],
  ["rows", "Points", "Training and test points together", 40, 1000, 20, String],
];

function preview(canvas, points, edge) {
  const { context, width, height } = prepare(canvas);
  for (const [x, y, target] of points) {
    context.fillStyle = signed(target);
    context.fillRect(((x / edge + 1) / 2) * width - 1.25, ((1 - y / edge) / 2) * height - 1.25, 2.5, 2.5);
  }
}

export class DataPanel {
  constructor(state, send, notice) {
    Object.assign(this, { state, send, notice });
    this.tiles = Object.entries(state.page.previews).map(([name, points]) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      const tile = make(
        "button",
        { "data-name": name, title: HINTS[name], click: () => send({ type: "configure", values: { data: name } }) },
        canvas,
        make("span", {}, TITLES[name]),
      );
      return { name, tile, canvas, points };
    });
    byId("tiles").append(...this.tiles.map(({ tile }) => tile));
    this.own = make(
      "button",
      {
        "data-name": "csv",
        class: "wide",
        hidden: true,
        click: () => send({ type: "configure", values: { data: "csv" } }),
      },
      "Your file",
    );
    byId("tiles").append(this.own);
    this.sliders = SLIDERS.map((slider) => this.makeSlider(...slider));
    byId("file").addEventListener("change", (event) => this.upload(event.target));
  }

  makeSlider(name, label, hint, min, max, step, write) {
    const shown = make("output");
    const input = make("input", {
      type: "range",
      name,
      min,
      max,
      step,
      "aria-label": label,
      input: () => {
        shown.textContent = write(Number(input.value));
      },
      change: () => this.send({ type: "configure", values: { [name]: Number(input.value) } }),
    });
    byId("data-choices").append(make("label", { title: hint }, make("span", {}, label, shown), input));
    return {
      name,
      input,
      show: (value) => {
        input.value = value;
        shown.textContent = write(value);
      },
    };
  }

  async upload(field) {
    const [file] = field.files;
    field.value = "";
    if (!file) return;
    const most = this.state.page.max_characters;
    if (file.size > most) {
      this.notice(
        `${file.name} has ${file.size.toLocaleString("en")} bytes, but at most ${most.toLocaleString("en")} are read.`,
      );
      return;
    }
    this.fileName = file.name;
    this.send({ type: "csv", text: await file.text() });
  }

  /** The file was refused. */
  forgetFile() {
    this.fileName = null;
  }

  showChoices(again = false) {
    const { choices, page } = this.state;
    if (!this.shown || again) for (const { canvas, points } of this.tiles) preview(canvas, points, page.edge);
    this.shown = true;
    const own = choices.data === "csv";
    if (own) this.own.hidden = false;
    if (own && this.fileName) this.own.textContent = `Your file: ${this.fileName}`;
    this.fileName = null;
    for (const tile of byId("tiles").children) tile.setAttribute("aria-pressed", tile.dataset.name === choices.data);
    for (const { name, input, show } of this.sliders) {
      show(choices[name]);
      input.disabled = own && name !== "test_share";
    }
  }
}
