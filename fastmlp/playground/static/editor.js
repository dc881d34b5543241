// Changing one weight or bias by hand, and what follows from it.

import { byId, format, make, oncePerPicture } from "./dom.js";
import { weightName } from "./units.js";

const RANGE = 5,
  MOST = 100;

function valueOf(frame, { layer, source, unit }) {
  return source === null ? frame.intercepts[layer][unit] : frame.coefs[layer][source][unit];
}

const exists = (frame, { layer, source, unit }) =>
  unit < (frame.intercepts[layer]?.length ?? 0) && (source === null || source < frame.coefs[layer].length);

const last = (values) => values[values.length - 1];

export class Editor {
  constructor(state, send) {
    Object.assign(this, { state, box: byId("editor"), bubble: byId("tip"), place: null });
    this.set = oncePerPicture((place, value) => send({ type: "edit", ...place, value }));
    document.addEventListener("pointerdown", (event) => {
      if (!this.box.contains(event.target)) this.close();
    });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  tip(event, place) {
    if (event.pointerType !== "mouse" || !this.state.frame) return;
    this.bubble.textContent = `${weightName(this.state, place)}: ${format(valueOf(this.state.frame, place))}`;
    this.bubble.hidden = false;
    const left = Math.min(event.clientX + 14, window.innerWidth - this.bubble.offsetWidth - 8);
    this.bubble.style.cssText = `left:${left}px;top:${event.clientY + 14}px`;
  }

  hideTip() {
    this.bubble.hidden = true;
  }

  open(event, place) {
    this.hideTip();
    this.place = place;
    const { frame } = this.state,
      value = valueOf(frame, place);
    this.before = { value, train: last(frame.curve.train), test: last(frame.curve.test) };
    this.number = make("input", {
      type: "number",
      step: "any",
      min: -MOST,
      max: MOST,
      "aria-label": "Value",
      value: Number(value.toPrecision(5)),
      input: () => this.change(this.number),
    });
    this.slider = make("input", {
      type: "range",
      step: 0.01,
      min: -RANGE,
      max: RANGE,
      value,
      "aria-label": "Value",
      input: () => this.change(this.slider),
    });
    this.effect = make("table", { class: "effect" });
    const back = make("button", { click: () => this.revert() }, "Put back");
    const done = make("button", { class: "primary", click: () => this.close() }, "Done");
    this.box.replaceChildren(
      make("b", {}, weightName(this.state, place)),
      make("div", { class: "pair" }, this.slider, this.number),
      this.effect,
      make("div", { class: "buttons" }, back, done),
    );
    this.box.hidden = false;
    const left = Math.max(8, Math.min(event.clientX + 12, window.innerWidth - this.box.offsetWidth - 8));
    const top = Math.max(8, Math.min(event.clientY + 12, window.innerHeight - this.box.offsetHeight - 8));
    this.box.style.cssText = `left:${left}px;top:${top}px`;
    this.number.select();
    this.draw(frame);
  }

  change(field) {
    const value = Number(field.value);
    if (field.value === "" || !Number.isFinite(value) || Math.abs(value) > MOST) return;
    if (field === this.number) this.slider.value = value;
    else this.number.value = value;
    this.set(this.place, value);
  }

  revert() {
    this.number.value = this.slider.value = this.before.value;
    this.set(this.place, this.before.value);
  }

  close() {
    this.box.hidden = true;
    this.place = null;
  }

  draw(frame) {
    if (!this.place) return;
    if (!exists(frame, this.place)) {
      this.close();
      return;
    }
    const value = valueOf(frame, this.place);
    if (frame.playing) this.number.value = this.slider.value = Number(value.toPrecision(5));
    const row = (name, before, now) =>
      make(
        "tr",
        {},
        make("th", {}, name),
        make("td", {}, format(before)),
        make("td", {}, "→"),
        make("td", {}, format(now)),
      );
    this.effect.replaceChildren(
      row("Value", this.before.value, value),
      row("Training loss", this.before.train, last(frame.curve.train)),
      row("Test loss", this.before.test, last(frame.curve.test)),
    );
  }
}
