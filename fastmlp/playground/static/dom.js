// Small helpers: elements, numbers as text, canvases at the screen's resolution.

export const byId = (id) => document.getElementById(id);

/** Make an element with attributes (functions become listeners) and children. */
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "g"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** A number with `digits` significant digits and a proper minus sign; ∞ where there is no finite number. */
export function format(value, digits = 4) {
  if (value == null) return "∞";
  const size = Math.abs(value);
  let text;
  if (size === 0) text = "0";
  else if (size < 1e-4 || size >= 1e6) text = value.toExponential(digits - 2);
  else text = String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** A number with exactly `digits` significant digits, so that columns line up. */
export function fixed(value, digits = 4) {
  if (value == null || value === 0) return format(value);
  const size = Math.abs(value);
  return (size < 1e-4 || size >= 1e6 ? value.toExponential(digits - 2) : value.toPrecision(digits)).replaceAll(
    "-",
    "−",
  );
}

export const whole = (value) => Math.round(value).toLocaleString("en");

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
export const subscript = (number) => [...String(number)].map((digit) => SUBSCRIPTS[digit]).join("");

/** Prepare a canvas for drawing in CSS pixels; returns its context, width and height. */
export function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth,
    height = canvas.clientHeight;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Call `work` at most once per drawn picture, however often it is asked for. */
export function oncePerPicture(work) {
  let waiting = false,
    last;
  return (...given) => {
    last = given;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work(...last);
    });
  };
}
