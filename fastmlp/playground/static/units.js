// How units and weights are called, and what the inputs look like.

/** Name of an input, a hidden unit or the output; layer 0 holds the inputs. */
export function unitName(state, layer, unit) {
  if (layer === 0) return state.data.names[unit];
  return layer > state.choices.hidden.length ? "the output" : `unit ${unit + 1} of hidden layer ${layer}`;
}

/** Name of a weight, or of a bias where `source` is null. */
export function weightName(state, { layer, source, unit }) {
  const to = unitName(state, layer + 1, unit);
  return source === null ? `Bias of ${to}` : `Weight from ${unitName(state, layer, source)} to ${to}`;
}

/** The map of a feature: n × n values from −127 to 127, to the right or upwards. */
export function inputMap(n, feature) {
  return Int8Array.from({ length: n * n }, (_, at) => {
    const place = feature === 0 ? at % n : n - 1 - Math.floor(at / n);
    return Math.round((((place + 0.5) / n) * 2 - 1) * 127);
  });
}
