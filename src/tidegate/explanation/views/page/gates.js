// One layer and direction: of every gate the mean and the spread along the words, and its units as a heat map when asked for.
const MEAN_HEIGHT = 84;

/** Numbered lines across, the cursor's column, and room for what runs along the axis. */
function ground(context, width, height, axis, marks) {
  context.fillStyle = ink("mark");
  context.fillRect(Math.max(GUTTER, axis.xOf(axis.step)), 0, axis.xOf(axis.step + 1) < GUTTER ? 0 : Math.max(axis.width, 1.5), height);
  context.textAlign = "right";
  for (const [y, text] of marks) {
    context.strokeStyle = ink("line");
    context.lineWidth = 1;
    context.beginPath(); context.moveTo(GUTTER, y); context.lineTo(width, y); context.stroke();
    context.fillStyle = ink("soft");
    context.fillText(text, GUTTER - 6, Math.min(Math.max(y, 7), height - 7), GUTTER - 8);
  }
  context.save();
  context.beginPath(); context.rect(GUTTER, 0, width - GUTTER, height); context.clip();
}

/** A line of values along the axis, with a band between two others if given. */
function drawLine(context, axis, room, yOf, colour, { mean, low, high }) {
  const [first, last] = axis.range(room);
  const [from, to] = [Math.max(0, first - 1), Math.min(axis.length, last + 1)];
  const middle = (step) => axis.xOf(step) + axis.width / 2;
  if (low) {
    context.globalAlpha = 0.22; context.fillStyle = colour;
    context.beginPath();
    for (let step = from; step < to; step++) context.lineTo(middle(step), yOf(high[step]));
    for (let step = to - 1; step >= from; step--) context.lineTo(middle(step), yOf(low[step]));
    context.fill();
    if (to - from === 1) context.fillRect(axis.xOf(from), yOf(high[from]), axis.width, yOf(low[from]) - yOf(high[from]));
    context.globalAlpha = 1;
  }
  context.strokeStyle = colour; context.fillStyle = colour; context.lineWidth = 2; context.lineJoin = "round";
  context.beginPath();
  for (let step = from; step < to; step++) context.lineTo(middle(step), yOf(mean[step]));
  context.stroke();
  if (axis.width >= 14) for (let step = from; step < to; step++) { context.beginPath(); context.arc(middle(step), yOf(mean[step]), 2.4, 0, 7); context.fill(); }
}

/** Where values lie in a chart of that height, and its numbered lines. */
function scaleFor(gate, height) {
  const most = gate.signed ? scaleOf(gate) : 1;
  const least = gate.signed ? -most : 0;
  const pad = 6;
  const yOf = (value) => pad + ((most - value) / (most - least)) * (height - 2 * pad);
  return { yOf, marks: [most, (most + least) / 2, least].map((value) => [yOf(value), said(value, Number.isInteger(value) ? 0 : 1)]) };
}

function extremes(values) {
  let [low, high] = [0, 0];
  values.forEach((value, step) => { if (value < values[low]) low = step; if (value > values[high]) high = step; });
  return [low, high];
}

function layerCard(axis, layer, index) {
  // Of a bounded look-ahead no step goes on from the one behind it.
  const back = layer.first === null ? "begins anew at each step, a bounded number of steps ahead of it" : "reads from the last to the first";
  const way = layer.direction === "forward" ? "reads from the first to the last" : back;
  const card = make("section", { className: "card", "aria-label": explanation.panels.length > 1 ? `${axis.panel.name}, ${layer.title}` : layer.title },
    make("header", {}, make("h3", { textContent: layer.title }), make("span", { className: "quiet", textContent: `${layer.cell} · ${layer.hidden_size} units · ${way}` })),
    make("p", { className: "why" }, "At each step ", make("span", { className: "equation", textContent: RULES[layer.cell] }), ". The line is the mean of the units, the band holds the middle eight tenths of them."));
  if (layer.memory) card.append(memoryOf(layer, axis.panel.unit_name));
  const trace = make("div", { className: "trace", hidden: true });
  const shared = { axis, layer, trace, unit: null, openings: {}, id: `layer${axis.number}-${index}` };
  axis.layers.push(shared);
  for (const [name, gate] of Object.entries(layer.gates)) card.append(gateRow(shared, name, gate));
  card.append(numbersOf(axis, layer));
  return card;
}

function gateRow(shared, name, gate) {
  const { axis, layer } = shared;
  const about = GATES[name];
  const colour = () => ink(about.hue);
  const canvas = make("canvas", { className: "plot", role: "img" });
  const value = make("p", { className: "value" });
  const [low, high] = extremes(gate.mean);
  if (axis.length) {
    const [least, most] = [low, high].map((step) => `${said(gate.mean[step])} at ${quoted(axis.panel.units[step])}`);
    canvas.setAttribute("aria-label", `${name} ${gate.role}, ${layer.title}: mean along the ${axis.panel.unit_name}s, lowest ${least}, highest ${most}`);
  }
  const units = make("div", { className: "units", hidden: true, id: `${shared.id}-${name}` });
  const button = make("button", { type: "button", textContent: "Units", "aria-expanded": "false", "aria-controls": units.id, "aria-label": `Units of ${name} ${gate.role}, ${layer.title}` });
  button.disabled = !gate.values || !axis.length;
  let map = null;
  const open = (isOpen) => {
    units.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen && !map) map = heatMap(shared, name, gate, units);
    axis.refresh();
    return map;
  };
  button.onclick = () => open(units.hidden);
  shared.openings[name] = () => [open(true), units];
  const row = make("div", { className: "row" },
    make("div", { className: "side" },
      make("h4", {}, make("span", { className: "letter", textContent: name, style: `color:var(--${about.hue})` }), gate.role), value, button),
    canvas, make("p", { className: "why", textContent: about.why }), units);
  axis.add(canvas, MEAN_HEIGHT, (context, width, height) => {
    const { yOf, marks } = scaleFor(gate, height);
    ground(context, width, height, axis, marks);
    drawLine(context, axis, width - GUTTER, yOf, colour(), gate);
    context.restore();
  });
  readers.push(() => { if (axis.length) value.textContent = `mean ${said(gate.mean[axis.step])}, ${said(gate.low[axis.step])} to ${said(gate.high[axis.step])}`; });
  return row;
}

/** How long the units of a layer keep the past: a sentence and a histogram in doubling bins. */
function memoryOf(layer, name) {
  const sorted = [...layer.memory].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const steps = (value) => (value >= 1e5 ? "ever" : `${said(value, value < 10 ? 1 : 0)} ${name}s`);
  const canvas = make("canvas", { role: "img", "aria-label": `Histogram of memory lengths, ${layer.title}: median ${steps(at(0.5))}, longest ${steps(at(1))}` });
  const edges = [1, 2, 4, 8, 16, 32, 64, 128];
  const counts = new Array(edges.length + 1).fill(0);
  for (const length of sorted) counts[edges.filter((edge) => length >= edge).length]++;
  const draw = () => {
    const context = prepared(canvas, 66);
    if (!context) return;
    const wide = canvas.clientWidth / counts.length;
    const most = Math.max(...counts);
    context.textAlign = "center";
    counts.forEach((count, bin) => {
      const tall = (count / most) * 34;
      context.fillStyle = ink("keep");
      context.fillRect(bin * wide + 2, 50 - tall, wide - 4, tall);
      context.fillStyle = ink("soft");
      if (count) context.fillText(String(count), (bin + 0.5) * wide, 43 - tall);
      context.fillText(bin === 0 ? "<1" : bin === edges.length ? "128+" : String(edges[bin - 1]), (bin + 0.5) * wide, 58);
    });
  };
  redraws.add(draw);
  return make("div", { className: "memory" }, canvas, make("p", {},
    make("strong", { textContent: "Memory. " }), `Here half of the units keep the past for ${steps(at(0.5))} or more, a tenth for ${steps(at(0.9))} or more: so long until 1/e of it is left. The bars count units by ${name}s.`));
}

/** The means as a table, made when it is opened. */
function numbersOf(axis, layer) {
  const details = make("details", {}, make("summary", { textContent: `Numbers: means of ${layer.title}` }));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const names = Object.keys(layer.gates);
    const head = make("tr", {}, ...["#", axis.panel.unit_name, ...names].map((name, place) => make("th", { textContent: name, scope: "col", className: place === 1 ? "word" : "" })));
    const rows = axis.panel.units.map((unit, step) => make("tr", {}, make("td", { textContent: step + 1 }), make("td", { textContent: seen(unit), className: "word" }),
      ...names.map((name) => make("td", { textContent: said(layer.gates[name].mean[step]) }))));
    details.append(make("div", { className: "sheet", tabIndex: 0, role: "region", "aria-label": `Means of ${layer.title}` }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  });
  return details;
}
