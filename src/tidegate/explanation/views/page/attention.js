// How much of what was read went into the answer: along the input where that is one, else as a matrix.

/** The weights of attention that read a panel into one answer; null of any other. */
function weightsAlong(attention, panel) {
  const isIt = attention && attention.targets.length === 1 && attention.sources.length === panel.units.length && panel.units.length && attention.sources.every((unit, place) => unit === panel.units[place]);
  return isIt ? attention.weights[0] : null;
}

/** A share in per cent, of two digits that count. */
const percent = (share) => `${share < 1e-7 ? 0 : Number((100 * share).toPrecision(2))}%`;

function weightsCard(axis, weights) {
  const { unit_name: name, units } = axis.panel;
  const [, high] = extremes(weights);
  const most = Math.max(weights[high], 1e-5);
  const canvas = make("canvas", { className: "plot", role: "img", "aria-label": `Attention to each ${name}: most to ${quoted(units[high])}, ${percent(weights[high])}` });
  axis.add(canvas, 72, (context, width, height) => {
    const [top, tall] = [8, height - 16];
    ground(context, width, height, axis, [[top, percent(most)], [top + tall, "0"]]);
    const [first, last] = axis.range(width - GUTTER);
    const gap = axis.width > 6 ? Math.max(1.5, axis.width * 0.14) : 0;
    context.fillStyle = ink("keep");
    for (let step = first; step < last; step++) {
      const long = (weights[step] / most) * tall;
      context.fillRect(axis.xOf(step) + gap, top + tall - long, Math.max(axis.width - 2 * gap, 0.8), long);
    }
    context.restore();
  });
  const why = `Each bar: how much of the ${name}'s states went into the answer. An equal share is ${percent(1 / weights.length)}.`;
  return make("section", { className: "card", "aria-label": "Attention" }, make("header", {}, make("h3", { textContent: "Attention" })),
    influenceRow(axis, "Weights", why, canvas, (step) => `${quoted(units[step])} ${percent(weights[step])}`));
}

// Where each unit of the answer was read from: rows are the answer, columns the source.
function attentionCard({ targets, sources, weights }) {
  if (!targets.length || !sources.length) return null;
  const canvas = make("canvas", {});
  const grip = make("div", { className: "grip", role: "application", tabIndex: 0, "aria-roledescription": "heat map", "aria-label": "Attention: arrows move among source units and units of the answer" }, canvas);
  const value = make("p", { className: "value", style: "padding:0 1rem" });
  const cursor = { row: 0, column: 0 };
  const longest = (words) => words.reduce((most, word) => Math.max(most, word.length), 1);
  const left = Math.min(150, longest(targets) * 8 + 14);
  const top = Math.min(130, longest(sources) * 8 + 14);
  const place = {};
  const draw = () => {
    const room = (grip.parentElement?.clientWidth ?? 800) - 40;
    const cell = Math.max(4, Math.min(38, Math.max(20, (room - left) / sources.length), 8000 / Math.max(sources.length, targets.length)));
    const [width, height] = [left + cell * sources.length, top + cell * targets.length];
    Object.assign(place, { cell });
    canvas.style.width = `${width}px`;
    const context = prepared(canvas, height);
    if (!context) return;
    const colours = coloursOf("keep");
    targets.forEach((_, row) => sources.forEach((_, column) => {
      const colour = colours[Math.round(255 * Math.min(1, Math.max(0, weights[row][column])))];
      context.fillStyle = `rgb(${colour & 255},${(colour >> 8) & 255},${(colour >> 16) & 255})`;
      context.fillRect(left + column * cell, top + row * cell, cell + 0.5, cell + 0.5);
    }));
    context.fillStyle = ink("ink");
    if (cell >= 11) {
      context.textAlign = "right";
      targets.forEach((word, row) => context.fillText(seen(word).slice(0, 18), left - 6, top + (row + 0.5) * cell));
      context.textAlign = "left";
      sources.forEach((word, column) => {
        context.save(); context.translate(left + (column + 0.5) * cell, top - 6); context.rotate(-Math.PI / 2); context.fillText(seen(word).slice(0, 16), 0, 0); context.restore();
      });
    }
    frame(context, left + cursor.column * cell, top + cursor.row * cell, cell, cell);
    value.textContent = read();
  };
  const read = () => `${quoted(targets[cursor.row])} read from ${quoted(sources[cursor.column])}: ${said(weights[cursor.row][cursor.column])}`;
  const move = (row, column) => { cursor.row = Math.min(targets.length - 1, Math.max(0, row)); cursor.column = Math.min(sources.length - 1, Math.max(0, column)); draw(); };
  const moveTo = (event) => { const box = canvas.getBoundingClientRect(); move(Math.floor((event.clientY - box.top - top) / place.cell), Math.floor((event.clientX - box.left - left) / place.cell)); };
  canvas.addEventListener("pointermove", moveTo);
  canvas.addEventListener("click", moveTo);
  grip.addEventListener("keydown", (event) => {
    const way = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    move(cursor.row + way[0], cursor.column + way[1]);
    announce(read());
  });
  redraws.add(draw);
  const legend = make("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  redraws.add(() => { const image = new ImageData(256, 1); new Uint32Array(image.data.buffer).set(coloursOf("keep")); legend.getContext("2d").putImageData(image, 0, 0); });
  return make("section", { className: "card", "aria-label": "Attention" }, make("header", {}, make("h2", { textContent: "Attention", style: "margin:0" })),
    make("p", { className: "why", textContent: "Each row is a unit of the answer: the darker or brighter from the ground a cell stands out, the more of it was read from that source unit. A row sums to 1." }),
    value, make("div", { className: "matrix" }, grip), make("div", { className: "legend", style: "margin-left:1rem;padding-bottom:0.5rem" }, "0", legend, "1"));
}
