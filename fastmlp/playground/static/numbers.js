// One step in numbers: forward pass, loss, deltas, gradients and update, as one writes them by hand.

import { byId, fixed, format, make, subscript, whole } from "./dom.js";

const FUNCTIONS = { logistic: "logistic", identity: "", relu: "relu", tanh: "tanh" };

/** A number in a sum or product, in brackets where it is negative. */
const factor = (value) => (value < 0 ? `(${fixed(value)})` : fixed(value));

function table(headings, rows, kind = null) {
  return make(
    "div",
    { class: "scroll" },
    make(
      "table",
      { class: kind },
      make("thead", {}, make("tr", {}, ...headings.map((heading) => make("th", {}, heading)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))),
    ),
  );
}

const weightsOf = ({ coefs, intercepts }) => JSON.stringify([coefs, intercepts]);

function part(number, title, explanation, ...content) {
  return make(
    "article",
    { class: `part-${number}` },
    make("h3", {}, `${number}. ${title}`),
    make("p", {}, explanation),
    ...content,
  );
}

export class NumbersView {
  constructor(state, send) {
    Object.assign(this, { state, send, shown: null, wasPlaying: false });
    byId("show-row").addEventListener("click", () => this.choose(this.row()));
    byId("row").addEventListener("change", () => this.choose(this.row()));
    byId("show-batch").addEventListener("click", () => this.ask(null));
    byId("apply").addEventListener("click", () => send({ type: "apply" }));
  }

  ask(row) {
    this.send({ type: "pause" });
    this.send({ type: "numbers", row });
  }

  /** Where training goes on, the numbers disappear; where weights were changed otherwise, ask for the new ones. */
  draw(frame) {
    if (frame.playing && !this.wasPlaying) this.clear();
    this.wasPlaying = frame.playing;
    if (frame.playing || !this.shown || this.shown.weights === weightsOf(frame)) return;
    this.shown.weights = weightsOf(frame);
    this.send({ type: "numbers", row: this.shown.row });
  }

  row() {
    const row = Math.round(Number(byId("row").value)) || 1;
    return Math.max(1, Math.min(this.state.data.train.length, row)) - 1;
  }

  choose(row) {
    byId("row").value = row + 1;
    this.ask(row);
  }

  showData() {
    byId("row").max = this.state.data.train.length;
    byId("row").value = 1;
    this.clear();
  }

  clear() {
    this.shown = null;
    byId("tables").replaceChildren();
    byId("apply").disabled = true;
  }

  show(numbers) {
    const { layers } = numbers,
      open = this.openDetails(),
      of = (name) => layers.map((layer) => layer[name]);
    this.shown = { row: numbers.row, weights: weightsOf({ coefs: of("coefs"), intercepts: of("intercepts") }) };
    byId("apply").disabled = false;
    byId("tables").replaceChildren(
      this.summary(numbers),
      make(
        "div",
        { class: "parts" },
        part(
          1,
          "Forward pass",
          "Each unit multiplies what comes in by its weights, adds its bias (z), and applies its activation (a).",
          ...layers.map((layer, at) => this.forward(numbers, layer, at)),
        ),
        this.loss(numbers),
        part(
          3,
          "Deltas, backwards",
          "δ is how much the loss changes with z: from the output back, along the same weights.",
          ...layers.map((layer, at) => this.deltas(numbers, layer, at)).reverse(),
        ),
        this.update(numbers),
      ),
    );
    for (const details of byId("tables").querySelectorAll("details")) {
      if (open.has(details.dataset.layer)) details.open = open.get(details.dataset.layer);
    }
  }

  openDetails() {
    return new Map([...byId("tables").querySelectorAll("details")].map((one) => [one.dataset.layer, one.open]));
  }

  title(at, layers) {
    return at === layers.length - 1 ? "Output" : `Hidden layer ${at + 1}`;
  }

  summary({ rows, row, inputs, target, progress, loss, new_loss: after }) {
    const first = `Training point ${rows[0] + 1}`,
      { names, is_regression: number, labels } = this.state.data;
    const wanted = number ? format(target) : `${target} (${labels[target]})`;
    const what =
      row === null && rows.length > 1
        ? `The next mini-batch has ${rows.length} points; the first is ${first.toLowerCase()}`
        : first;
    return make(
      "p",
      { class: "summary" },
      `${what}: ${names[0]} = ${fixed(inputs[0])}, ${names[1]} = ${fixed(inputs[1])}`,
      " (scaled), target t = ",
      make("b", {}, wanted),
      `. After ${whole(Math.floor(progress))} epochs. `,
      `The loss of ${rows.length > 1 ? "these points" : "this point"} is `,
      make("b", { id: "numbers-loss" }, fixed(loss)),
      " before the step, and ",
      make("b", {}, fixed(after)),
      " after it.",
    );
  }

  incoming({ inputs, layers }, at) {
    return at === 0 ? inputs : layers[at - 1].activations;
  }

  forward(numbers, layer, at) {
    const a = this.incoming(numbers, at),
      from = at === 0 ? "x" : "a",
      name = FUNCTIONS[layer.activation] ?? layer.activation;
    const product = (unit) => (value, k) => `${factor(layer.coefs[k][unit])}·${factor(value)}`;
    const sum = (unit) => [...a.map(product(unit)), factor(layer.intercepts[unit])].join(" + ");
    const rows = layer.pre_activations.map((z, unit) => [
      subscriptOf("z", unit, layer),
      `${sum(unit)} = `,
      fixed(z),
      `${name}(${fixed(z)}) =`,
      make("b", {}, fixed(layer.activations[unit])),
    ]);
    return make(
      "div",
      {},
      make("h4", {}, this.title(at, numbers.layers)),
      table(["", `Σ w·${from} + b`, "z", "", "a"], rows, "sums"),
    );
  }

  loss({ output: a, target: t, rows, layers }) {
    const number = this.state.data.is_regression,
      own = number ? (a - t) ** 2 / 2 : -Math.log(t === 1 ? a : 1 - a);
    const formula = number
      ? `½ (a − t)² = ½ (${fixed(a)} − ${factor(t)})²`
      : t === 1
        ? `−ln a = −ln ${fixed(a)}`
        : `−ln (1 − a) = −ln (1 − ${fixed(a)})`;
    const explanation = number
      ? "Half the square of what is missing to the target."
      : "Minus the logarithm of the probability that the network gives to the right class.";
    return part(
      2,
      "Loss",
      explanation,
      make("p", { class: "formula" }, `${formula} = `, make("b", {}, fixed(own))),
      rows.length > 1 ? make("p", {}, "The loss of the mini-batch is the mean over its points.") : null,
    );
  }

  deltas(numbers, layer, at) {
    const above = numbers.layers[at + 1];
    const rows = layer.deltas.map((delta, unit) => {
      const value = make("b", {}, fixed(delta));
      if (!above) return ["δ", `a − t = ${fixed(numbers.output)} − ${factor(numbers.target)} =`, value];
      const sum = above.deltas.map((value, k) => `${factor(above.coefs[unit][k])}·${factor(value)}`).join(" + ");
      return [`δ${subscript(unit + 1)}`, `(${sum}) · ${factor(layer.derivatives[unit])} =`, value];
    });
    const heading = above ? "(Σ w·δ of the next layer) · f′(z)" : "a − t";
    return make("div", {}, make("h4", {}, this.title(at, numbers.layers)), table(["", heading, "δ"], rows, "sums"));
  }

  update(numbers) {
    const text = this.explanation(numbers.rows.length);
    return part(
      4,
      "Gradients and update",
      text,
      ...numbers.layers.map((layer, at) => this.updates(numbers, layer, at)),
    );
  }

  explanation(points) {
    const { solver, learning_rate: rate, l1, l2, dropout } = this.state.choices;
    const mean = points > 1 ? `, its mean over the ${points} points` : "";
    const gradient = `The gradient of a weight is δ of its unit times what comes in; that of a bias is δ${mean}. `;
    if (solver === "sgd" && !l1 && !l2 && !dropout) {
      return `${gradient}Each weight changes by −${format(rate)} (the learning rate) times its gradient.`;
    }
    const penalties = l1 || l2 ? ", penalties included" : "";
    const left = dropout ? ", with some units left out (dropout)" : "";
    return `${gradient}The change is that of the solver '${solver}' with learning rate ${format(rate)}${penalties}${left}.`;
  }

  updates(numbers, layer, at) {
    const from = at === 0 ? this.state.data.names.slice(0, 2) : layer.coefs.map((_, k) => `a${subscript(k + 1)}`),
      many = layer.intercepts.length > 1;
    const row = (name, old, gradient, now) => [
      name,
      fixed(old),
      fixed(gradient),
      fixed(now - old),
      make("b", {}, fixed(now)),
    ];
    const rows = layer.intercepts.flatMap((bias, unit) => [
      ...from.map((name, k) =>
        row(
          `${name} → ${many ? unit + 1 : "output"}`,
          layer.coefs[k][unit],
          layer.coef_grads[k][unit],
          layer.new_coefs[k][unit],
        ),
      ),
      row(`bias ${many ? unit + 1 : ""}`, bias, layer.intercept_grads[unit], layer.new_intercepts[unit]),
    ]);
    return make(
      "details",
      { "data-layer": at, open: rows.length <= 20 },
      make("summary", {}, `${this.title(at, numbers.layers)}: ${rows.length} numbers`),
      table(["weight", "before", "gradient", "change", "after"], rows),
    );
  }
}

const subscriptOf = (name, unit, layer) => (layer.activations.length > 1 ? name + subscript(unit + 1) : name);
