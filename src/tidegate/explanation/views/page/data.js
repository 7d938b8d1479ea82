// What the page shows, as it was computed, and the words for it.
const explanation = JSON.parse(document.getElementById("explanation").textContent);

// hue: a name among the palettes. ends: what the lowest and the highest value mean. why: what the chart shows.
const GATES = {
  z: { hue: "keep", ends: ["takes the new", "keeps the past"], why: "z near 1: a unit keeps its past. z near 0: it takes the new offer n in its place." },
  f: { hue: "keep", ends: ["forgets", "keeps the past"], why: "f near 1: the cell keeps what it holds. f near 0: it forgets it." },
  s: { hue: "keep", ends: ["takes the new", "keeps the past"], why: "s near 1: a unit keeps its past. s near 0: it takes the new offer g in its place." },
  r: { hue: "use", ends: ["ignores the past", "uses the past"], why: "r near 1: what a unit offers anew builds on its past. r near 0: the offer looks at the input alone." },
  i: { hue: "let", ends: ["stays shut", "lets in"], why: "i near 1: the new offer g is let into the cell. i near 0: it stays outside." },
  o: { hue: "show", ends: ["hides", "shows"], why: "o near 1: the cell shows what it holds to what comes after. o near 0: it keeps it to itself." },
  n: { hue: "offer", ends: ["negative", "positive"], why: "n is what each unit would take in here if its gate let it." },
  g: { hue: "offer", ends: ["negative", "positive"], why: "g is what each unit would take in here if its gate let it." },
  h: { hue: "state", ends: ["negative", "positive"], why: "h is what each unit holds after the step. Where its line runs flat, something is being remembered." },
};
const RULES = {
  gru: "h′ = z·h + (1−z)·n", "gru-reset-after": "h′ = z·h + (1−z)·n", mingru: "h′ = z·h + (1−z)·n", minlstm: "h′ = s·h + (1−s)·g",
  lstm: "c′ = f·c + i·g,  h′ = o·tanh(c′)", rnn: "h′ = tanh(W·x + U·h + b)",
};
const PALETTES = {
  light: {
    keep: ["#f1f7f6", "#86c8c1", "#1f8a85", "#0a4346"], use: ["#f5f2fb", "#b9a6e4", "#7550c0", "#371d70"],
    let: ["#fdf2f5", "#eda6ba", "#c23a68", "#650e33"], show: ["#fdf6e8", "#ecc470", "#b77a0c", "#553400"],
    signed: ["#7d3200", "#dd8b45", "#f7f5f2", "#62a0e2", "#0c3a80"],
  },
  dark: {
    keep: ["#10191b", "#14565a", "#2aa39b", "#b4f4e8"], use: ["#15131f", "#43307e", "#8d6fe0", "#e2d7ff"],
    let: ["#1d1117", "#7a1f47", "#d65a86", "#ffd5e1"], show: ["#1b150b", "#6b4606", "#cf9428", "#ffe6b0"],
    signed: ["#ffba86", "#b35413", "#1a1d23", "#2f6fc0", "#b4d8ff"],
  },
};

const isDark = () => document.documentElement.dataset.theme === "dark";
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const isSigned = (gate) => gate.signed;
const scaleOf = (gate) => gate.scale ?? 1;
const valueOf = (gate, byte) => (gate.signed ? ((2 * byte) / 255 - 1) * scaleOf(gate) : byte / 255);

/** A number as it is read: at most two decimals, a true minus. */
function said(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
  return text.replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
}

/** The bytes of base64 text, decoded once for each gate. */
const decoded = new Map();
function bytesOf(text) {
  let bytes = decoded.get(text);
  if (!bytes) {
    bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    decoded.set(text, bytes);
  }
  return bytes;
}

/** 256 colours as canvas bytes (little-endian ABGR), kept for each theme. */
const tables = new Map();
function coloursOf(hue) {
  const theme = isDark() ? "dark" : "light";
  const key = theme + hue;
  if (!tables.has(key)) {
    const stops = (PALETTES[theme][hue] ?? PALETTES[theme].signed).map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    const table = new Uint32Array(256);
    for (let step = 0; step < 256; step++) {
      const place = (step / 255) * (stops.length - 1);
      const low = Math.min(Math.floor(place), stops.length - 2);
      const [r, g, b] = [0, 1, 2].map((c) => Math.round(stops[low][c] + (place - low) * (stops[low + 1][c] - stops[low][c])));
      table[step] = (255 << 24) | (b << 16) | (g << 8) | r;
    }
    tables.set(key, table);
  }
  return tables.get(key);
}
const hueOf = (name, gate) => (gate.signed ? "signed" : GATES[name].hue);

/** An element with properties, attributes under their own names, and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in element && !name.startsWith("aria") && name !== "role" && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** What is drawn anew when the theme or the width changes; what is read out anew when the cursor moves. */
const redraws = new Set();
const readers = [];

const live = document.getElementById("live");
let waiting = 0;
/** Says a sentence to a screen reader, the last of several that come quickly. */
function announce(sentence) {
  clearTimeout(waiting);
  waiting = setTimeout(() => (live.textContent = sentence), 150);
}
