// The web socket: messages as JSON, frames with pictures in binary form (see frames.py).

/** Connect to the server; returns a function that sends a message. */
export function connect({ onReply, onFrame, onClose }) {
  const socket = new WebSocket(`ws://${location.host}/socket`);
  socket.binaryType = "arraybuffer";
  const send = (message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") {
      onReply(JSON.parse(data));
      return;
    }
    const frame = decode(data);
    requestAnimationFrame(() => {
      // the server sends no other frame before this one is drawn
      try {
        onFrame(frame);
      } finally {
        send({ type: "drawn" });
      }
    });
  };
  socket.onclose = onClose;
  return send;
}

let page = null;
export const setPage = (reply) => {
  page = reply;
};

function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const units = frame.intercepts.reduce((sum, layer) => sum + layer.length, 0),
    size = page.map_size ** 2;
  let at = 4 + length;
  frame.maps = Array.from({ length: units }, (_, unit) => new Int8Array(buffer, at + unit * size, size));
  at += units * size;
  if (frame.fold) {
    const floats = new Float32Array(buffer.slice(at)),
      grid = 4 * page.fold_lines * page.fold_points;
    frame.fold.grid = floats.subarray(0, grid);
    frame.fold.points = floats.subarray(grid);
  }
  return frame;
}
