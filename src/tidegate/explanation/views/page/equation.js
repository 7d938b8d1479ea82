// The last equation of a cell with the numbers of one unit and one step, from the values that this page holds.

/** A number as a factor: two decimals, in brackets if below zero. */
const factor = (value) => (value < -0.004 ? `(${said(value)})` : said(value));

/** What a unit held before a step; null where the page does not know, as with a window of its own at each step. */
function heldBefore(part, layer, unit, step, length) {
  if (!part || !part.values || !part.first) return null;
  const before = layer.direction === "forward" ? step - 1 : step + 1;
  if (before < 0 || before >= length) return part.first[unit];
  return valueOf(part, bytesOf(part.values)[before * layer.hidden_size + unit]);
}

function equationOf(axis, layer, unit, step) {
  const length = axis.length;
  const exact = (explanation.equations ?? []).find((known) => known.panel === axis.panel.name && known.layer === layer.layer && known.stack === layer.stack && known.direction === layer.direction && known.unit === unit && known.step === step);
  if (exact) return exact.text;
  const { gates, cell } = layer;
  if (Object.values(gates).some((gate) => !gate.values)) return "";
  const at = (gate) => valueOf(gate, bytesOf(gate.values)[step * layer.hidden_size + unit]);
  const state = { ...gates.h, first: layer.first };
  const reached = at(gates.h);
  const lines = [];

  let computed = null;
  if (cell === "lstm") {
    const held = heldBefore(layer.cells, layer, unit, step, length);
    const [f, i, g, o] = ["f", "i", "g", "o"].map((name) => at(gates[name]));
    if (held === null) return `c′ = f·c + i·g,  i·g = ${factor(i)}·${factor(g)} = ${said(i * g)}\nh′ = o·tanh(c′) = ${said(reached)}`;
    const c = f * held + i * g;
    computed = o * Math.tanh(c);  // the step's own c, before zoneout
    lines.push(`c′ = f·c + i·g = ${factor(f)}·${factor(held)} + ${factor(i)}·${factor(g)} = ${said(c)}`, `h′ = o·tanh(c′) = ${factor(o)}·tanh(${said(c)}) = ${said(computed)}`);
  } else if (cell === "rnn") {
    return `h′ = tanh(W·x + U·h + b) = ${said(reached)}`;
  } else {
    const [keeper, offer] = cell === "minlstm" ? ["s", "g"] : ["z", "n"];
    const held = heldBefore(state, layer, unit, step, length);
    const [k, n] = [at(gates[keeper]), at(gates[offer])];
    if (held === null) return `h′ = ${keeper}·h + (1−${keeper})·${offer},  ${keeper} = ${said(k)}, ${offer} = ${said(n)}, h′ = ${said(reached)}`;
    computed = k * held + (1 - k) * n;
    lines.push(`h′ = ${keeper}·h + (1−${keeper})·${offer} = ${factor(k)}·${factor(held)} + ${factor(1 - k)}·${factor(n)} = ${said(computed)}`);
  }
  const share = layer.zoneout[0];
  if (share > 0) {
    const held = heldBefore(state, layer, unit, step, length);
    if (held !== null) lines.push(`with zoneout ${said(share)}·${factor(held)} + ${said(1 - share)}·${factor(computed)} = ${said(share * held + (1 - share) * computed)}`);
  }
  return lines.join("\n");
}
