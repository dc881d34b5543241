// The page: connects the parts to the server and to each other.

import { colors, onThemeChange } from "./colors.js";
import { connect, setPage } from "./connection.js";
import { Controls } from "./controls.js";
import { DataPanel } from "./data.js";
import { byId, oncePerPicture } from "./dom.js";
import { Editor } from "./editor.js";
import { FoldView } from "./fold.js";
import { LossView } from "./loss.js";
import { NetworkView } from "./network.js";
import { NumbersView } from "./numbers.js";
import { OutputView } from "./output.js";

const state = { page: null, choices: null, data: null, frame: null };
let parts = null;

function start(page) {
  setPage(page);
  state.page = page;
  const controls = new Controls(state, send);
  const data = new DataPanel(state, send, notice);
  const editor = new Editor(state, send);
  const output = new OutputView(state, (row) => numbers.choose(row));
  const network = new NetworkView(state, send, editor, output);
  const numbers = new NumbersView(state, send);
  parts = {
    controls,
    data,
    network,
    output,
    fold: new FoldView(state, send),
    loss: new LossView(state),
    editor,
    numbers,
  };
}

const handlers = {
  page: start,
  choices(reply) {
    state.choices = reply.choices;
    byId("code").lastElementChild.textContent = reply.code;
    parts.network.settle(false);
    parts.controls.showChoices();
    parts.data.showChoices();
    parts.numbers.clear();
  },
  data(reply) {
    state.data = reply;
    parts.numbers.showData();
    parts.output.showData();
  },
  numbers: (reply) => parts.numbers.show(reply),
  error(reply) {
    notice(reply.message);
    parts.network.settle(true);
    parts.controls.stopWaiting();
    parts.data.forgetFile();
  },
};

function draw() {
  if (!state.frame || !state.data) return;
  for (const name of ["controls", "network", "output", "fold", "loss", "editor", "numbers"])
    parts[name].draw(state.frame);
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
}

function notice(message) {
  const box = byId("notice");
  box.firstElementChild.textContent = message;
  box.hidden = !message;
}

const send = connect({
  onReply(reply) {
    if (reply.type !== "error" && reply.type !== "page") notice("");
    handlers[reply.type](reply);
  },
  onFrame(frame) {
    state.frame = frame;
    draw();
  },
  onClose() {
    document.body.classList.add("lost");
    notice("The connection to the playground has ended: start it again, and reload this page.");
  },
});

byId("notice").lastElementChild.addEventListener("click", () => notice(""));
const redraw = oncePerPicture(draw);
window.addEventListener("resize", redraw);
byId("code").open = window.innerWidth > 720;
onThemeChange(() => {
  colors();
  parts?.data.showChoices(true);
  redraw();
});
document.addEventListener("visibilitychange", () => parts?.controls.onVisibility(document.hidden));
