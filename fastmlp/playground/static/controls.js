// What one chooses about learning, and the buttons that train.

import { byId, make, whole } from "./dom.js";

const RATES = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const PENALTIES = [0, 0.001, 0.01, 0.1, 1, 10];
/** Name, label, explanation, and the values (numbers, or names of a list that the server sends). */
const CHOICES = [
  ["activation", "Activation", "The function that each hidden unit applies to its weighted sum", "activations"],
  ["solver", "Solver", "The rule by which a gradient changes the weights", "solvers"],
  ["learning_rate", "Learning rate", "How far each step goes", RATES],
  ["batch_size", "Batch size", "How many points each step looks at", [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]],
  ["l2", "L2 penalty", "Pulls all weights towards zero", PENALTIES],
  ["l1", "L1 penalty", "Makes unimportant weights exactly zero", PENALTIES],
  [
    "dropout",
    "Dropout",
    "Share of the hidden units that are left out at random in each step",
    [0, 0.1, 0.2, 0.3, 0.5, 0.7],
  ],
];
const NAMES = {
  sgd: "SGD",
  momentum: "SGD, momentum",
  logistic: "logistic (sigmoid)",
  relu: "ReLU",
  elu: "ELU",
  gelu: "GELU",
  silu: "SiLU",
  leaky_relu: "leaky ReLU",
  identity: "identity (linear)",
  rmsprop: "RMSProp",
  adam: "Adam",
  adamw: "AdamW",
  lion: "Lion",
  nesterov: "SGD, Nesterov",
};

/** A labelled list; a value that is not in it is added when it is chosen. */
function select(name, label, hint, values, send) {
  const list = make("select", {
    name,
    title: hint,
    "aria-label": label,
    change: () => {
      const text = list.value;
      send({ type: "configure", values: { [name]: typeof values[0] === "number" ? Number(text) : text } });
    },
  });
  list.append(...values.map((value) => make("option", { value }, NAMES[value] ?? String(value))));
  return make("label", { title: hint }, label, list);
}

function seed(send) {
  const input = make("input", {
    name: "seed",
    type: "number",
    min: 0,
    max: 4294967295,
    step: 1,
    change: () => send({ type: "configure", values: { seed: Number(input.value) } }),
  });
  const another = make(
    "button",
    {
      type: "button",
      title: "Try other random numbers",
      "aria-label": "Another seed",
      click: () => send({ type: "configure", values: { seed: Number(input.value) + 1 } }),
    },
    "+1",
  );
  const hint = "Where the random numbers begin: first weights, noise, order of the points";
  return make("label", { title: hint }, "Seed", make("span", { class: "pair" }, input, another));
}

export class Controls {
  constructor(state, send) {
    Object.assign(this, { state, send, resume: false, since: null });
    this.form = byId("choices");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    for (const [name, label, hint, values] of CHOICES) {
      const list = typeof values === "string" ? state.page[values] : values;
      this.form.append(select(name, label, hint, list, send));
    }
    this.form.append(seed(send));
    for (const action of ["reset", "epoch", "step"]) {
      byId(action).addEventListener("click", () => {
        this.waitFor(action);
        send({ type: action });
      });
    }
    byId("play").addEventListener("click", () => this.toggle());
    byId("speed").addEventListener("change", () => this.state.frame?.playing && this.play());
    document.addEventListener("keydown", (event) => {
      if (event.code !== "Space" || event.target.closest("input, select, button, summary")) return;
      event.preventDefault();
      this.toggle();
    });
  }

  toggle() {
    if (this.state.frame?.playing) this.send({ type: "pause" });
    else this.play();
  }

  play() {
    this.waitFor("play");
    this.send({ type: "play", speed: byId("speed").value });
  }

  /** Say why nothing moves when kernels are compiled, which takes seconds. */
  waitFor(action) {
    if (action === "reset") return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => document.body.classList.add("compiling"), 1500);
  }

  stopWaiting() {
    clearTimeout(this.timer);
    document.body.classList.remove("compiling");
  }

  showChoices() {
    for (const [name, value] of Object.entries(this.state.choices)) {
      const field = this.form.elements[name];
      if (!field) continue;
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === String(value))) {
        field.append(make("option", { value }, String(value)));
      }
      field.value = String(value);
    }
  }

  draw(frame) {
    if (frame.steps !== this.steps || !frame.playing) this.stopWaiting();
    this.steps = frame.steps;
    const play = byId("play");
    play.textContent = frame.playing ? "❚❚ Pause" : "▶ Play";
    play.classList.toggle("on", frame.playing);
    document.body.dataset.playing = String(frame.playing);
    byId("epochs").textContent = whole(frame.epochs);
    byId("steps").textContent = whole(frame.steps);
    this.showRate(frame);
  }

  /** Epochs per second over the last half second. */
  showRate(frame) {
    const now = performance.now();
    if (!frame.playing || !this.since || frame.epochs < this.since.epochs) {
      this.since = frame.playing ? { now, epochs: frame.epochs } : null;
      if (!frame.playing) byId("rate").textContent = "–";
    } else if (now - this.since.now > 500) {
      byId("rate").textContent = whole(((frame.epochs - this.since.epochs) / (now - this.since.now)) * 1000);
      this.since = { now, epochs: frame.epochs };
    }
  }

  /** A page that nobody sees does not train. */
  onVisibility(hidden) {
    if (hidden) {
      this.resume = Boolean(this.state.frame?.playing);
      if (this.resume) this.send({ type: "pause" });
    } else if (this.resume) {
      this.play();
    }
  }
}
