"use strict";
(() => {
  // The theme: what the system prefers, or what was chosen here; remembered where the browser lets a file remember.
  const root = document.documentElement, button = document.getElementById("theme"), themes = ["system", "light", "dark"];
  const stored = (write) => { try { return write === undefined ? localStorage.getItem("tidegate-theme") : localStorage.setItem("tidegate-theme", write); } catch { return null; } };
  const wear = (theme) => {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let theme = themes.includes(stored()) ? stored() : "system";
  wear(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    wear(theme);
    stored(theme);
  });

  // Tables are sorted by the buttons of their headings: numbers by size, what is not known always last.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const push = document.createElement("button");
      push.type = "button";
      push.append(...head.childNodes);
      head.append(push);
      push.addEventListener("click", () => {
        const falls = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const keyed = [...body.rows].map((row) => [row.cells[column].dataset.key, row]);
        keyed.sort(([a], [b]) => {
          if (a === "" || b === "") return (a === "") - (b === "");
          const order = Number.isNaN(Number(a)) || Number.isNaN(Number(b)) ? a.localeCompare(b) : Number(a) - Number(b);
          return falls ? -order : order;
        });
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }

  // Examples: by who was right and wrong, and by words.
  const filter = document.getElementById("filter");
  if (!filter) return;
  const rows = [...document.querySelectorAll(".examples tbody tr")], status = document.getElementById("shown");
  const conditions = [...filter.querySelectorAll(".condition")].filter((one) => one.querySelector(".who"));
  const words = filter.querySelector(".words");
  const show = () => {
    const sought = words.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits = conditions.every((one) => {
        const who = one.querySelector(".who").value;
        return who === "" || row.dataset[one.querySelector(".how").value].includes(` ${who} `);
      }) && row.textContent.toLowerCase().includes(sought);
      row.hidden = !fits;
      count += fits;
    }
    status.textContent = `${count} of ${rows.length} examples`;
  };
  filter.addEventListener("input", show);
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("reset", () => setTimeout(show));
  filter.hidden = false;
  show();
})();
