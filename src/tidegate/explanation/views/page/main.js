// The page put together.
const fill = (id, text) => (document.getElementById(id).textContent = text);
fill("model", `${explanation.title} · ${explanation.task}`);
fill("source", explanation.source);
fill("said", explanation.answer);
fill("made", `Made by tidegate ${explanation.tidegate_version}. This file is whole: it loads nothing from elsewhere.`);
const notes = document.getElementById("notes");
notes.hidden = !explanation.notes.length;
notes.append(...explanation.notes.map((note) => make("li", { textContent: note })));

const cells = new Set(explanation.panels.flatMap((panel) => panel.layers.map((layer) => layer.cell)));
document.getElementById("guide").append(
  make("p", {}, cells.has("rnn") ? "An rnn has no gates: every step writes its whole state anew. " : "A gate is a number between 0 and 1 for every unit and every step: how much of something is let through. ",
    `Move along the ${explanation.panels[0]?.unit_name ?? "word"}s by pointer, touch or arrow keys: every chart follows.`));

const axes = [];
const place = document.getElementById("panels");
explanation.panels.forEach((panel, number) => {
  const axis = new Axis(panel, number);
  axes.push(axis);
  const count = `${panel.units.length.toLocaleString("en")} ${panel.unit_name}${panel.units.length === 1 ? "" : "s"}`;
  const section = make("section", { className: "panel", "aria-labelledby": `title${number}` },
    make("h2", { id: `title${number}` }, panel.name.charAt(0).toUpperCase() + panel.name.slice(1), " ", make("span", { className: "quiet", style: "font-weight:400;font-size:1rem", textContent: count })), axis.strip);
  place.append(section);
  if (explanation.influence && explanation.influence.panel === panel.name) section.append(influenceCard(axis, explanation.influence));
  const weights = weightsAlong(explanation.attention, panel);
  if (weights) section.append(weightsCard(axis, weights));
  panel.layers.forEach((layer, index) => section.append(layerCard(axis, layer, index)));
  if (!panel.units.length) section.append(make("p", { className: "card text", textContent: "There is nothing to show: the input is empty." }));
  const draw = axis.drawNow.bind(axis);
  axis.drawNow = (all) => { draw(all); for (const read of readers) read(); };
  axis.listeners.push((step) => {
    const layer = panel.layers[0];
    const means = layer ? Object.entries(layer.gates).map(([name, gate]) => `${name} ${said(gate.mean[step])}`).join(", ") : "";
    announce(`${panel.unit_name} ${step + 1} of ${axis.length}, ${panel.units[step]}. ${layer ? `${layer.title}: ${means}` : ""}`);
  });
});
if (explanation.attention && !explanation.panels.some((panel) => weightsAlong(explanation.attention, panel))) { const card = attentionCard(explanation.attention); if (card) document.getElementById("attention").append(card); }

function drawAll() {
  for (const axis of axes) { axis.measure(); axis.drawNow(true); }
  for (const redraw of redraws) redraw();
}

const button = document.getElementById("theme");
function show(theme) {
  document.documentElement.dataset.theme = theme;
  button.setAttribute("aria-pressed", String(theme === "dark"));
  drawAll();
}
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let isChosen = false;
button.onclick = () => { isChosen = true; show(isDark() ? "light" : "dark"); };
dark.addEventListener("change", () => { if (!isChosen) show(dark.matches ? "dark" : "light"); });
let lastWidth = window.innerWidth;
window.addEventListener("resize", () => { if (window.innerWidth !== lastWidth) { lastWidth = window.innerWidth; requestAnimationFrame(drawAll); } });
let before = null;
window.addEventListener("beforeprint", () => {
  before = { theme: document.documentElement.dataset.theme, whole: axes.map((axis) => axis.isWhole) };
  for (const axis of axes) axis.isWhole = true;
  show("light");
});
window.addEventListener("afterprint", () => {
  if (!before) return;
  axes.forEach((axis, number) => (axis.isWhole = before.whole[number]));
  show(before.theme);
  before = null;
});

show(dark.matches ? "dark" : "light");
if (explanation.shown && axes[explanation.shown.panel]) {
  const { panel, layer, step, unit } = explanation.shown;
  axes[panel].moveTo(step);
  const shared = axes[panel].layers[layer];
  if (shared && unit !== null && unit !== undefined) {
    const name = ["z", "f", "s", "h"].find((known) => known in shared.openings);
    const [map, units] = shared.openings[name]();
    map.row = map.order.indexOf(unit);
    showUnit(shared, unit, units);
  }
} else if (explanation.influence && explanation.influence.at !== null) {
  axes.find((axis) => axis.panel.name === explanation.influence.panel)?.moveTo(explanation.influence.at);
}
performance.mark("tidegate-shown");
