// The units of a gate as a heat map, and one unit alone: its line in every gate, its memory, its equation with the numbers.
function heatMap(shared, name, gate, place) {
  const { axis, layer } = shared;
  const [steps, hidden] = [axis.length, layer.hidden_size];
  const bytes = bytesOf(gate.values);
  const rowHeight = Math.max(1, Math.min(14, Math.floor(384 / hidden)));
  const height = rowHeight * hidden;
  const map = { order: gate.order, row: 0, hoveredRow: null };
  const canvas = make("canvas", { className: "plot" });
  // Keys and words belong to the element around the canvas, which has a role that takes them.
  const grip = make("div", { className: "grip", role: "application", tabIndex: 0, "aria-roledescription": "heat map",
    "aria-label": `Units of ${name}, ${layer.title}: arrows move among ${axis.panel.unit_name}s and units, Enter shows the unit` }, canvas);
  const value = make("p", { className: "value" });
  const choice = make("select", { "aria-label": `Order of the units of ${name}` },
    make("option", { value: "reacts", textContent: "by reaction" }), make("option", { value: "number", textContent: "by number" }),
    layer.memory ? make("option", { value: "memory", textContent: "by memory" }) : null);
  choice.onchange = () => {
    const numbers = Array.from({ length: hidden }, (_, unit) => unit);
    map.order = choice.value === "reacts" ? gate.order : choice.value === "number" ? numbers : numbers.sort((a, b) => layer.memory[b] - layer.memory[a]);
    map.image = null;
    axis.refresh();
  };
  const colours = make("select", { "aria-label": `Colours of the units of ${name}` },
    make("option", { value: "whole", textContent: "whole range" }), make("option", { value: "found", textContent: "range found here" }), make("option", { value: "own", textContent: "against own mean" }));
  const legend = legendOf(name, gate);
  colours.onchange = () => { map.image = null; legend.show(colouring()); axis.refresh(); };
  const number = make("input", { type: "number", min: 1, max: hidden, inputMode: "numeric", "aria-label": `Unit of ${layer.title} to show` });
  number.onchange = () => { const unit = Math.round(number.value) - 1; if (unit >= 0 && unit < hidden) { map.row = map.order.indexOf(unit); showUnit(shared, unit, place); } };
  place.append(
    make("div", { className: "side" }, value, make("label", {}, "Order ", choice), make("label", {}, "Colours ", colours), make("label", {}, "Unit ", number)),
    make("div", {}, grip, legend.element));

  /** Which colours stand for which bytes: of the whole range, of that which occurs, or of the distance from each unit's mean. */
  function colouring() {
    let [low, high] = [0, 255];
    if (colours.value === "found") { [low, high] = [255, 0]; for (const byte of bytes) { if (byte < low) low = byte; if (byte > high) high = byte; } if (low === high) high++; }
    if (colours.value !== "own") return { table: coloursOf(hueOf(name, gate)), low, high, texts: [low, high].map((byte) => valueOf(gate, byte)) };
    let most = 1;
    for (let unit = 0; unit < hidden; unit++) {
      let mean = 0;
      for (let step = 0; step < steps; step++) mean += bytes[step * hidden + unit] / steps;
      for (let step = 0; step < steps; step++) most = Math.max(most, Math.abs(bytes[step * hidden + unit] - mean));
    }
    const distance = (most / 255) * (gate.signed ? 2 * scaleOf(gate) : 1);
    return { table: coloursOf("signed"), low: -most, high: most, isOwn: true, texts: [-distance, distance] };
  }

  function imageOf() {
    const theme = isDark();
    if (map.image && map.theme === theme) return map.image;
    const image = new ImageData(steps, hidden);
    const pixels = new Uint32Array(image.data.buffer);
    const { table, low, high, isOwn } = colouring();
    for (let row = 0; row < hidden; row++) {
      const unit = map.order[row];
      let mean = 0;
      if (isOwn) { for (let step = 0; step < steps; step++) mean += bytes[step * hidden + unit]; mean /= steps; }
      for (let step = 0; step < steps; step++) {
        const share = (bytes[step * hidden + unit] - mean - low) / (high - low);
        pixels[row * steps + step] = table[Math.max(0, Math.min(255, Math.round(share * 255)))];
      }
    }
    const sheet = make("canvas", { width: steps, height: hidden });
    sheet.getContext("2d").putImageData(image, 0, 0);
    [map.image, map.theme] = [sheet, theme];
    return sheet;
  }

  const plot = axis.add(canvas, height, (context, width) => {
    const sheet = imageOf();
    const [first, last] = axis.range(width - GUTTER);
    context.fillStyle = ink("soft");
    context.textAlign = "right";
    context.fillText("1", GUTTER - 6, 7);
    if (height > 40) context.fillText(String(hidden), GUTTER - 6, height - 7);
    context.save();
    context.beginPath(); context.rect(GUTTER, 0, width - GUTTER, height); context.clip();
    context.imageSmoothingEnabled = false;
    context.drawImage(sheet, first, 0, last - first, hidden, axis.xOf(first), 0, (last - first) * axis.width, height);
    frame(context, axis.xOf(axis.step), 1, axis.width, height - 2);
    const row = map.hoveredRow ?? map.row;
    frame(context, GUTTER + 0.75, row * rowHeight - 0.5, width - GUTTER - 1.5, rowHeight + 1);
    context.restore();
    const unit = map.order[row];
    value.textContent = `${readOut(row, axis.step)}`;
    if (document.activeElement !== number && shared.unit === null) number.value = unit + 1;
  }, {
    onHover: (y) => { map.hoveredRow = y === null ? null : rowAt(y); },
    onStep: (y) => { map.row = rowAt(y); showUnit(shared, map.order[map.row], place); number.value = map.order[map.row] + 1; },
  });
  const rowAt = (y) => Math.min(hidden - 1, Math.max(0, Math.floor(y / rowHeight)));
  const readOut = (row, step) => {
    const unit = map.order[row];
    return `unit ${unit + 1}, ${quoted(axis.panel.units[step])}: ${name} ${said(valueOf(gate, bytes[step * hidden + unit]))}, reacts most at ${quoted(axis.panel.units[gate.reacts_at[unit]])}`;
  };
  grip.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = axis.stepOfKey(event.key);
    const down = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== null) axis.moveTo(step);
    else if (down) map.row = Math.min(hidden - 1, Math.max(0, map.row + down));
    else if (event.key === "Enter" || event.key === " ") { showUnit(shared, map.order[map.row], place); number.value = map.order[map.row] + 1; }
    else return;
    event.preventDefault();
    announce(readOut(map.row, axis.cursor));
    axis.refresh();
  });
  plot.draw();
  performance.mark("tidegate-heat-map");
  return map;
}

/** The colours from the lowest to the highest value, with their numbers; `show` fits it to another colouring. */
function legendOf(name, gate) {
  const canvas = make("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const [before, behind] = [make("span"), make("span")];
  const most = gate.signed ? scaleOf(gate) : 1;
  let shown = null;
  const draw = () => {
    const image = new ImageData(256, 1);
    new Uint32Array(image.data.buffer).set(coloursOf(shown.isOwn ? "signed" : hueOf(name, gate)));
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
  const number = (value) => said(value, Number.isInteger(value) ? 0 : 2);
  const show = (colouring) => {
    shown = colouring;
    const [low, high] = colouring.isOwn ? ["below its mean", "above its mean"] : GATES[name].ends;
    before.textContent = `${number(colouring.texts[0])} ${low}`;
    behind.textContent = `${number(colouring.texts[1])} ${high}`;
    draw();
  };
  show({ texts: [gate.signed ? -most : 0, most] });
  redraws.add(draw);
  return { element: make("div", { className: "legend" }, before, canvas, behind), show };
}

/** Shows a unit below the heat map that it was chosen in. */
function showUnit(shared, unit, place) {
  const { axis, layer, trace } = shared;
  if (shared.plot) axis.remove(shared.plot);
  shared.unit = unit;
  trace.hidden = false;
  const names = Object.keys(layer.gates).filter((name) => layer.gates[name].values);
  const canvas = make("canvas", { className: "plot", role: "img", "aria-label": `Unit ${unit + 1} of ${layer.title} along the ${axis.panel.unit_name}s: ${names.join(", ")}` });
  const equation = make("pre", { className: "equation" });
  const long = layer.memory ? `Keeps the past for ${layer.memory[unit] >= 1e5 ? "ever" : `${said(layer.memory[unit], 1)} ${axis.panel.unit_name}s`} here (until 1/e of it is left).` : "";
  const close = make("button", { type: "button", textContent: "Close", "aria-label": `Close unit ${unit + 1}` });
  close.onclick = () => { trace.hidden = true; shared.unit = null; axis.remove(shared.plot); };
  const values = Object.fromEntries(names.map((name) => [name, axis.panel.units.map((_, step) => valueOf(layer.gates[name], bytesOf(layer.gates[name].values)[step * layer.hidden_size + unit]))]));
  const readings = make("p", { className: "value" });
  trace.replaceChildren(make("div", { className: "pair" },
    make("div", { className: "side" }, make("h4", { textContent: `Unit ${unit + 1}` }), make("p", { className: "quiet", textContent: long }), readings, close),
    make("div", {}, canvas, make("p", { className: "why", textContent: `One line for each gate of this unit, and its state h. Numbers of single units are rounded on this page, to 1/255 of their range; tidegate explain with --step and --unit ${unit + 1} prints exact ones.` }))), equation);
  place.append(trace);
  const each = 56;
  shared.plot = axis.add(canvas, each * names.length, (context, width) => {
    names.forEach((name, line) => {
      const gate = layer.gates[name];
      const { yOf, marks } = scaleFor(gate, each);
      context.save();
      context.translate(0, line * each);
      ground(context, width, each, axis, [[marks[1][0], name]]);
      drawLine(context, axis, width - GUTTER, yOf, ink(GATES[name].hue), { mean: values[name] });
      context.restore();
      context.restore();
    });
    readings.textContent = names.map((name) => `${name} ${said(values[name][axis.step])}`).join(" · ");
    equation.textContent = equationOf(axis, layer, unit, axis.step);
  });
  shared.plot.canvas.inSight = true;
  shared.plot.draw();
  announce(`Unit ${unit + 1} of ${layer.title}. ${long} ${equation.textContent}`);
}
