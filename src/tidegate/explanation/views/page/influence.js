// What the answer hangs on: signed bars for each word, both contexts' shares, the check, directions and channels.
const BAR_HEIGHT = 96;

/** A hatch by which what is negative, or right, differs by more than its colour. */
function hatch(context, colour) {
  const tile = make("canvas", { width: 6, height: 6 });
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour; pen.lineWidth = 2;
  pen.beginPath();
  for (const shift of [-6, 0, 6]) { pen.moveTo(shift, 6); pen.lineTo(shift + 6, 0); }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

function signedBars(axis, values, label) {
  const canvas = make("canvas", { className: "plot", role: "img", "aria-label": label });
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-5);
  axis.add(canvas, BAR_HEIGHT, (context, width, height) => {
    const yOf = (value) => height / 2 - (value / most) * (height / 2 - 14);
    ground(context, width, height, axis, [[yOf(most), `+${fine(most)}`], [height / 2, "0"], [yOf(-most), fine(-most)]]);
    const [first, last] = axis.range(width - GUTTER);
    const striped = hatch(context, ink("minus"));
    context.textAlign = "center";
    for (let step = first; step < last; step++) {
      const value = values[step];
      if (Math.abs(value) < most * 0.004) continue;
      const gap = axis.width > 6 ? Math.max(1.5, axis.width * 0.14) : 0;
      const x = axis.xOf(step) + gap;
      const wide = Math.max(axis.width - 2 * gap, 0.8);
      const y = yOf(value);
      if (value >= 0) {
        context.fillStyle = ink("plus");
        context.fillRect(x, y, wide, height / 2 - y);
      } else {
        context.fillStyle = wide > 3 ? striped : ink("minus");
        context.fillRect(x, height / 2, wide, y - height / 2);
        if (wide > 3) { context.strokeStyle = ink("minus"); context.lineWidth = 1.5; context.strokeRect(x + 0.75, height / 2, Math.max(wide - 1.5, 0), Math.max(y - height / 2 - 0.75, 0)); }
      }
      if (axis.width >= 12 && Math.abs(value) > most * 0.04) {
        context.fillStyle = ink(value >= 0 ? "plus" : "minus");
        context.fillText(value >= 0 ? "+" : "−", x + wide / 2, value >= 0 ? y - 7 : y + 7);
      }
    }
    context.restore();
  });
  return canvas;
}

function sharesOf(axis, shares) {
  const canvas = make("canvas", { className: "plot", role: "img", "aria-label": `Share of the left and the right context at each ${axis.panel.unit_name}` });
  axis.add(canvas, 84, (context, width, height) => {
    const [top, tall] = [6, height - 12];
    ground(context, width, height, axis, [[top, "1"], [top + tall / 2, "½"], [top + tall, "0"]]);
    const [first, last] = axis.range(width - GUTTER);
    const striped = hatch(context, ink("use"));
    for (let step = first; step < last; step++) {
      const share = shares[step];
      const gap = axis.width > 6 ? Math.max(1, axis.width * 0.1) : 0;
      const [x, wide] = [axis.xOf(step) + gap, Math.max(axis.width - 2 * gap, 0.8)];
      if (share === null) { context.fillStyle = ink("soft"); context.textAlign = "center"; context.fillText("–", x + wide / 2, top + tall / 2); continue; }
      context.fillStyle = ink("keep");
      context.fillRect(x, top + tall * (1 - share), wide, tall * share);
      context.fillStyle = striped;
      context.fillRect(x, top, wide, tall * (1 - share));
      context.strokeStyle = ink("use"); context.lineWidth = 1;
      context.strokeRect(x + 0.5, top + 0.5, Math.max(wide - 1, 0.1), Math.max(tall * (1 - share) - 1, 0.1));
    }
    context.restore();
  });
  return canvas;
}

function influenceRow(axis, title, why, canvas, read) {
  const value = make("p", { className: "value" });
  const row = make("div", { className: "row" }, make("div", { className: "side" }, make("h4", { textContent: title }), value), canvas, make("p", { className: "why", textContent: why }));
  readers.push(() => { if (axis.length) value.textContent = read(axis.step); });
  return row;
}

/** A fall of a score: two decimals, of a small one two digits that count; below a thousandth with a power of ten, to fit beside an axis. */
function fine(value) {
  const size = Math.abs(value);
  if (size >= 1e-5 && size < 1e-3) return value.toExponential(1).replaceAll("-", "−");
  return said(value, size >= 0.1 || size < 1e-5 ? 2 : 1 - Math.floor(Math.log10(size)));
}

function influenceCard(axis, influence) {
  const { unit_name: name, units } = axis.panel;
  const card = make("section", { className: "card", "aria-label": "What the answer hangs on" }, make("header", {}, make("h3", { textContent: "What the answer hangs on" }), make("span", { className: "quiet", textContent: `score: ${influence.of}` })));
  for (const sentence of explanation.sentences) card.append(make("p", { className: "text", textContent: sentence }));
  const away = (values, step) => `${quoted(units[step])} ${signedNumber(values[step])}`;
  if (influence.occlusion.length === axis.length && axis.length) {
    const [low, high] = extremes(influence.occlusion);
    const label = `Influence of each ${name}: strongest for the answer ${away(influence.occlusion, high)}, lowest ${away(influence.occlusion, low)}`;
    card.append(influenceRow(axis, "Blanked", `Each bar: how far the score falls with this ${name} blanked, so that it says nothing. + speaks for the answer, − (striped) against it.`, signedBars(axis, influence.occlusion, label), (step) => away(influence.occlusion, step)));
  }
  if (influence.gradient.length === axis.length && axis.length) {
    card.append(influenceRow(axis, "Gradients", `The same question answered by integrated gradients: what each ${name} adds to ${influence.gradient_of === influence.of ? "the score" : "the number told, in the target's unit"}.`, signedBars(axis, influence.gradient, `Integrated gradients of each ${name}`), (step) => away(influence.gradient, step)));
  }
  const shares = influence.left_share;
  if (shares.length === axis.length && axis.length > 1) {
    card.append(influenceRow(axis, "Left and right", `Of what both contexts are worth to the answer at each ${name}: the left one's share is solid, from below; the right one's is striped, from above. – where neither speaks for the answer.`, sharesOf(axis, shares),
      (step) => (shares[step] === null ? "neither speaks for it" : `left ${said(shares[step])}, right ${said(1 - shares[step])}`)));
  }
  if (influence.channels.length) card.append(channelsOf(axis, influence));
  return card;
}

const signedNumber = (value) => (value >= 1e-5 ? `+${fine(value)}` : fine(value));

/** A table that scrolls within itself where it is wider than the page. */
const sheet = (label, table) => make("div", { className: "sheet", tabIndex: 0, role: "region", "aria-label": label }, table);

/** Channels by steps as a heat map, or a bar for each channel. */
function channelsOf(axis, influence) {
  const { channels, channel_occlusion: falls, channel_gradient: gradient } = influence;
  if (!Array.isArray(falls[0])) {
    const most = falls.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-5);
    const rows = channels.map((channel, place) => make("tr", {}, make("td", { textContent: channel }), make("td", { textContent: signedNumber(falls[place]) }), gradient.length ? make("td", { textContent: signedNumber(gradient[place]) }) : null,
      make("td", { className: "word" }, make("span", { "aria-hidden": "true", className: "bar", style: `display:inline-block;height:0.8em;width:${(Math.abs(falls[place]) / most) * 16}em;background:var(--${falls[place] >= 0 ? "plus" : "minus"})` }))));
    return make("div", { className: "row" }, make("div", { className: "side" }, make("h4", { textContent: "Channels" })), sheet("Channels", make("table", {}, make("thead", {}, make("tr", {}, make("th", { textContent: "channel", className: "word" }), make("th", { textContent: "without it the score falls by" }), gradient.length ? make("th", { textContent: "gradients" }) : null, make("th", { textContent: "as a bar", className: "word" }))), make("tbody", {}, ...rows))),
      make("p", { className: "why", textContent: `How far the score falls without each channel, over all steps${gradient.length ? "; gradients: what each adds to the number told, in the target's unit" : ""}.` }));
  }
  const most = falls.flat().reduce((top, value) => Math.max(top, Math.abs(value)), 1e-5);
  const tall = Math.max(16, Math.min(28, 280 / channels.length));
  let row = 0;
  const canvas = make("canvas", { className: "plot" });
  const read = (step) => `${channels[row]}, ${quoted(axis.panel.units[step])}: ${signedNumber(falls[step][row])}`;
  const grip = make("div", { className: "grip", role: "application", tabIndex: 0, "aria-roledescription": "heat map", "aria-label": `Channels by ${axis.panel.unit_name}s: arrows move` }, canvas);
  axis.add(canvas, tall * channels.length, (context, width, height) => {
    const colours = coloursOf("signed");
    const [first, last] = axis.range(width - GUTTER);
    context.save();
    context.beginPath(); context.rect(GUTTER, 0, width - GUTTER, height); context.clip();
    for (let step = first; step < last; step++) channels.forEach((_, channel) => {
      const colour = colours[Math.round((falls[step][channel] / most + 1) * 127.5)];
      context.fillStyle = `rgb(${colour & 255},${(colour >> 8) & 255},${(colour >> 16) & 255})`;
      context.fillRect(axis.xOf(step), channel * tall, axis.width + 0.5, tall);
      if (axis.width > 26 && Math.abs(falls[step][channel]) > most * 0.3) { context.fillStyle = isDark() ? "#000" : "#fff"; context.textAlign = "center"; context.fillText(falls[step][channel] > 0 ? "+" : "−", axis.xOf(step) + axis.width / 2, (channel + 0.5) * tall); }
    });
    frame(context, axis.xOf(axis.step), row * tall, axis.width, tall);
    context.restore();
    context.fillStyle = ink("soft"); context.textAlign = "right";
    channels.forEach((_, channel) => context.fillText(String(channel + 1), GUTTER - 6, (channel + 0.5) * tall));
  }, { onHover: (y) => { if (y !== null) row = Math.min(channels.length - 1, Math.max(0, Math.floor(y / tall))); }, onStep: (y) => { row = Math.min(channels.length - 1, Math.floor(y / tall)); } });
  grip.addEventListener("keydown", (event) => {
    const step = axis.stepOfKey(event.key);
    const down = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== null) axis.moveTo(step);
    else if (down) row = Math.min(channels.length - 1, Math.max(0, row + down));
    else return;
    event.preventDefault();
    announce(read(axis.cursor));
    axis.refresh();
  });
  const names = make("ol", { className: "quiet", style: "margin:0;padding-left:1.4rem" }, ...channels.map((channel) => make("li", { textContent: channel })));
  const line = influenceRow(axis, "Channels", `How far the score falls without each channel at each ${axis.panel.unit_name}: + for the answer, − against it; ±${fine(most)} at the deepest colours.`, grip, read);
  line.querySelector(".side").append(names);
  return line;
}
