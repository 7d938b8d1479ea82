// The axis of a panel: its words in a strip that stays in sight, one cursor, and charts that run along it.
const GUTTER = 46;
const LEAST = { flat: 20, upright: 24, bare: 1 };
const seen = (text) => (text === " " ? "␣" : text === "\n" ? "↵" : text === "\t" ? "⇥" : text === "" ? "∅" : text);
const quoted = (text) => `‘${seen(text)}’`;

class Axis {
  constructor(panel, number) {
    this.panel = panel;
    this.length = panel.units.length;
    this.cursor = 0;
    this.hovered = null;
    this.isWhole = false;
    this.plots = new Set();
    this.listeners = [];
    this.layers = [];
    this.here = make("span", { className: "here" });
    this.wholeButton = make("button", { type: "button", textContent: "Whole", "aria-pressed": "false", "aria-label": `Whole ${panel.name} at once` });
    this.wholeButton.onclick = () => this.showWhole(!this.isWhole);
    this.tokens = make("div", { className: "tokens", role: "listbox", "aria-orientation": "horizontal", "aria-label": `${panel.unit_name}s of the ${panel.name}` });
    this.scroller = make("div", { className: "axis" }, this.tokens);
    this.strip = make("div", { className: "strip" },
      make("div", { className: "side" }, this.here, make("div", { className: "zoom" }, this.wholeButton)), this.scroller);
    this.scroller.addEventListener("scroll", () => this.refresh());
    this.tokens.addEventListener("keydown", (event) => this.onKey(event));
    this.tokens.addEventListener("click", (event) => {
      const token = event.target.closest(".token");
      if (token) this.moveTo(Number(token.dataset.step), true);
    });
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.inSight = entry.isIntersecting;
      this.refresh();
    }, { rootMargin: "200px" });
    this.longest = panel.units.reduce((most, unit) => Math.max(most, unit.length), 1);
    this.hasSaid = panel.said.length === this.length && this.length > 0;
    if (this.hasSaid) this.longest = panel.said.reduce((most, word) => Math.max(most, word.length), this.longest);
    this.number = number;
  }

  get step() { return this.hovered ?? this.cursor; }
  get scroll() { return this.scroller.scrollLeft; }
  xOf(step) { return GUTTER + step * this.width - this.scroll; }
  stepAt(x) { return Math.min(this.length - 1, Math.max(0, Math.floor((x - GUTTER + this.scroll) / this.width))); }
  /** The steps in sight, first and behind the last. */
  range(room) { return [Math.max(0, Math.floor(this.scroll / this.width)), Math.min(this.length, Math.ceil((this.scroll + room) / this.width))]; }

  /** Measures anew: how wide a word's column is, and whether words stand upright. */
  measure() {
    const room = this.scroller.clientWidth || 600;
    const fair = room / Math.max(this.length, 1);
    const flat = Math.max(LEAST.flat, Math.min(this.longest, 12) * 7.6 + 8);
    this.manner = fair >= flat || this.longest <= 2 ? "flat" : "upright";
    this.width = Math.max(fair, LEAST[this.manner]);
    if (this.isWhole && this.width > fair) {
      this.manner = fair >= LEAST.upright ? "upright" : "bare";
      this.width = Math.max(fair, 0.25);
    }
    this.scroller.classList.toggle("upright", this.manner === "upright");
    this.scroller.classList.toggle("bare", this.manner === "bare");
    const height = this.manner === "flat" ? 24 : this.manner === "bare" ? 20 : Math.min(108, Math.max(28, Math.min(this.longest, 13) * 8.2 + 14));
    this.tokens.style.width = `${this.length * this.width}px`;
    this.tokens.style.height = `${this.hasSaid && this.manner === "flat" ? 42 : height}px`;
    this.wholeButton.parentElement.hidden = fair >= LEAST[this.manner] && !this.isWhole;
    this.drawnRange = null;
    this.refresh();
  }

  showWhole(isWhole) {
    this.isWhole = isWhole;
    this.wholeButton.setAttribute("aria-pressed", String(isWhole));
    this.measure();
    this.bringIntoSight();
  }

  /** Draws again what is in sight, once before the next frame. */
  refresh() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.drawNow(); });
  }

  drawNow(all = false) {
    if (!this.width) return;
    this.drawTokens();
    for (const plot of this.plots) if (all || plot.canvas.inSight) plot.draw();
  }

  drawTokens() {
    const room = this.scroller.clientWidth;
    let [first, last] = this.length <= 400 && this.manner !== "bare" ? [0, this.length] : this.range(room);
    [first, last] = [Math.max(0, first - 20), Math.min(this.length, last + 20)];
    if (this.manner === "bare") [first, last] = [this.cursor, this.cursor + 1];
    const key = `${first}-${last}-${this.width}-${this.manner}`;
    if (key !== this.drawnRange) {
      const hadFocus = this.tokens.contains(document.activeElement);
      const { units, said: answers } = this.panel;
      this.tokens.replaceChildren(...(this.length ? Array.from({ length: last - first }, (_, place) => {
        const step = first + place;
        const isLoneStep = this.manner === "bare";
        return make("div", {
          className: "token", role: "option", id: `panel${this.number}-${step}`, tabIndex: -1, title: seen(units[step]), "aria-selected": "false",
          "aria-label": `${units[step]}${this.hasSaid ? `, ${answers[step]}` : ""}, ${step + 1} of ${this.length}`,
          style: `left:${step * this.width}px;width:${isLoneStep ? Math.max(this.width, 3) : this.width}px`,
        }, make("span", { textContent: seen(units[step]) }), this.hasSaid && this.manner === "flat" ? make("span", { className: "said", textContent: answers[step] }) : null);
      }) : []));
      for (const token of this.tokens.children) token.dataset.step = token.id.split("-")[1];
      this.drawnRange = key;
      this.selected = null;
      if (hadFocus) this.mark(true);
    }
    this.mark(false);
  }

  mark(hasFocus) {
    const token = document.getElementById(`panel${this.number}-${this.cursor}`);
    if (this.selected !== token) {
      if (this.selected) { this.selected.setAttribute("aria-selected", "false"); this.selected.tabIndex = -1; }
      if (token) { token.setAttribute("aria-selected", "true"); token.tabIndex = 0; }
      this.selected = token;
    }
    if (hasFocus && token) token.focus({ preventScroll: true });
    const step = this.step;
    const { units, said: answers, probabilities, unit_name: name } = this.panel;
    const answer = this.hasSaid ? ` → ${answers[step]}${probabilities.length ? ` (${said(probabilities[step])})` : ""}` : "";
    this.here.textContent = this.length ? `${name} ${step + 1} of ${this.length}: ${quoted(units[step])}${answer}` : `no ${name}s`;
  }

  moveTo(step, hasFocus = false) {
    if (!this.length) return;
    this.cursor = Math.min(this.length - 1, Math.max(0, step));
    this.hovered = null;
    this.bringIntoSight();
    this.drawTokens();
    if (hasFocus) this.mark(true);
    for (const listen of this.listeners) listen(this.cursor);
    this.refresh();
  }

  hover(step) {
    if (this.hovered === step) return;
    this.hovered = step;
    this.refresh();
  }

  bringIntoSight() {
    const room = this.scroller.clientWidth;
    const x = this.cursor * this.width;
    if (x < this.scroll + this.width) this.scroller.scrollLeft = Math.max(0, x - this.width * 2);
    else if (x + this.width * 2 > this.scroll + room) this.scroller.scrollLeft = x + this.width * 3 - room;
  }

  /** Where a key moves the cursor to; null for other keys. */
  stepOfKey(key) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -this.length, End: this.length };
    return key in moves ? this.cursor + moves[key] : null;
  }

  onKey(event) {
    const step = this.stepOfKey(event.key);
    if (step === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.moveTo(step, true);
  }

  /** Puts a canvas on the axis: `paint(context, width, height)` draws it whenever it is in sight and something has moved. */
  add(canvas, height, paint, { onStep, onHover } = {}) {
    const plot = {
      canvas,
      draw: () => {
        const tall = typeof height === "function" ? height() : height;
        const context = prepared(canvas, tall);
        if (context) paint(context, canvas.clientWidth, tall);
      },
    };
    this.plots.add(plot);
    this.observer.observe(canvas);
    let from = null;
    canvas.addEventListener("pointerdown", (event) => { from = { x: event.clientX, scroll: this.scroll, hasMoved: false }; });
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      if (from && event.buttons) {
        const way = event.clientX - from.x;
        if (Math.abs(way) > 6) from.hasMoved = true;
        if (from.hasMoved) { this.scroller.scrollLeft = from.scroll - way; return; }
      }
      this.hover(this.stepAt(event.clientX - box.left));
      onHover?.(event.clientY - box.top);
    });
    canvas.addEventListener("pointerleave", () => { from = null; this.hover(null); onHover?.(null); });
    canvas.addEventListener("pointercancel", () => { from = null; this.hover(null); onHover?.(null); });
    canvas.addEventListener("click", (event) => {
      if (from?.hasMoved) return;
      const box = canvas.getBoundingClientRect();
      this.moveTo(this.stepAt(event.clientX - box.left));
      onStep?.(event.clientY - box.top);
    });
    canvas.addEventListener("wheel", (event) => {
      const way = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(way) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
      event.preventDefault();
      this.scroller.scrollLeft += way;
    }, { passive: false });
    return plot;
  }

  remove(plot) {
    this.plots.delete(plot);
    this.observer.unobserve(plot.canvas);
  }
}

/** A frame that is seen on light and on dark ground alike. */
function frame(context, x, y, width, height) {
  context.strokeStyle = ink("card"); context.lineWidth = 3.5;
  context.strokeRect(x, y, width, height);
  context.strokeStyle = ink("ink"); context.lineWidth = 1.5;
  context.strokeRect(x, y, width, height);
}

/** A canvas made as large as it stands on the page, cleared; null while it stands nowhere. */
function prepared(canvas, height) {
  canvas.style.height = `${height}px`;
  const width = canvas.clientWidth;
  if (!width) return null;
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const [wide, tall] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== wide || canvas.height !== tall) { canvas.width = wide; canvas.height = tall; }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return context;
}
