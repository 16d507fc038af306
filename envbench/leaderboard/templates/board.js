"use strict";
(() => {
  const { rows, metric } = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const $ = (id) => document.getElementById(id);
  const lines = [...document.querySelectorAll("tr[data-id]")].map((line) => {
    const row = byId.get(line.dataset.id);
    return { line, row, text: `${row.method} ${row.model} ${row.id}`.toLowerCase() };
  });

  // Sorting: the button of a column; again turns it round. Unknown amounts (-1) stay last.
  for (const button of document.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const head = button.parentElement, body = head.closest("table").tBodies[0];
      const numeric = head.classList.contains("number");
      const now = head.getAttribute("aria-sort");
      const first = numeric && head.cellIndex !== 0 ? "descending" : "ascending";
      const next = now ? (now === "ascending" ? "descending" : "ascending") : first;
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      const turn = next === "ascending" ? 1 : -1;
      const keyed = [...body.rows].map((line) => [line.cells[head.cellIndex].dataset.sort, line]);
      const collator = new Intl.Collator("en", { numeric: true });
      keyed.sort(numeric
        ? ([a], [b]) => (a < 0 || b < 0 ? (a < 0) - (b < 0) : turn * (a - b))
        : ([a], [b]) => turn * collator.compare(a, b));
      body.append(...keyed.map(([, line]) => line));
    });
  }

  const UNITS = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 };
  function amount(text) {
    const found = /^\s*([0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*([kmbgt]?)\s*$/i.exec(text.replaceAll(",", ""));
    return found ? Number(found[1]) * (UNITS[found[2].toLowerCase()] || 1) : NaN;
  }

  function shown(value) {
    for (const [size, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
    }
    return `${Number(value.toPrecision(3))}`;
  }

  let drawing = null, visible = false; // the plot is drawn once it comes into sight
  function filter() {
    const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const size = $("size").value, axis = $("axis").value, bounds = $("bounds").checked;
    const typed = $("limit").value.trim(), limit = typed ? amount(typed) : Infinity;
    const wrong = Number.isNaN(limit);
    $("limit").setAttribute("aria-invalid", String(wrong));
    let silent = 0;
    const kept = [];
    for (const { line, row, text } of lines) {
      let keep = words.every((word) => text.includes(word)) && (!size || row.size === size) && (bounds || row.place !== "reference");
      if (keep && typed && !wrong) {
        if (row[axis] === null) { keep = false; silent += 1; } else keep = row[axis] <= limit;
      }
      line.hidden = !keep;
      if (keep) kept.push(row);
    }
    const name = $("axis").selectedOptions[0].textContent;
    let said = `${kept.length} of ${lines.length} rows`;
    if (wrong) said = "“at most” takes a number, such as 500k, 2M or 1e9; it is not applied. " + said;
    else if (typed) {
      const best = kept.filter((row) => row.place === "ranked").sort((a, b) => b[metric].at - a[metric].at)[0];
      said += ` with at most ${shown(limit)} ${name}`;
      if (silent) said += `; ${silent} left out that do not say`;
      if (best) said += `. Best of the ranked: ${best.method.slice(0, 80)}, ${best[metric].at.toFixed(3)}`;
    }
    $("status").textContent = said + ".";
    drawing = () => draw(kept, axis, name);
    if (visible) drawing();
  }

  const SVG = "http://www.w3.org/2000/svg";
  function add(parent, tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  // Names at the best points, the best first, as far as they do not run into each other.
  function label(svg, places) {
    const taken = [];
    for (const place of places.reverse()) {
      const text = place.text.length > 28 ? `${place.text.slice(0, 27)}…` : place.text;
      const size = 7 * text.length, right = place.x + size + 12 > width - RIGHT;
      const from = right ? place.x - 9 - size : place.x + 9;
      const box = { left: from, right: from + size, top: place.y - 22, bottom: place.y - 4 };
      if (taken.some((one) => box.left < one.right && one.left < box.right && box.top < one.bottom && one.top < box.bottom)) continue;
      taken.push(box);
      add(svg, "text", { class: "tag", x: right ? place.x - 9 : place.x + 9, y: place.y - 8, "text-anchor": right ? "end" : "start" }, text);
    }
  }

  const CROWD = 80;
  let width = 900; // of the plot, as wide as its place
  const HEIGHT = 380, LEFT = 56, RIGHT = 24, TOP = 16, BOTTOM = 54;
  function draw(kept, axis, name) {
    width = Math.max(320, Math.min(1000, $("plot").clientWidth));
    const points = kept.filter((row) => row[axis] !== null);
    const positive = points.map((row) => row[axis]).filter((value) => value > 0);
    const low = positive.length ? Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b)))) : 0;
    const high = Math.max(low + 1, positive.length ? Math.ceil(Math.log10(positive.reduce((a, b) => Math.max(a, b)))) : 1);
    const zero = points.length > positive.length;
    const start = LEFT + (zero ? 70 : 12);
    const x = (value) => (value > 0 ? start + ((Math.log10(value) - low) / (high - low)) * (width - RIGHT - start) : LEFT + 28);
    const y = (value) => TOP + (1 - value) * (HEIGHT - TOP - BOTTOM);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", `${metric} against ${name}; the table has the same numbers`);
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      add(svg, "line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) });
      add(svg, "text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(2));
    }
    const under = HEIGHT - BOTTOM + 18;
    if (zero) add(svg, "text", { x: x(0), y: under, "text-anchor": "middle" }, "0");
    const stride = Math.ceil(((high - low) * 60) / (width - LEFT));
    if (positive.length) for (let power = low; power <= high; power += stride) {
      add(svg, "line", { class: "grid", x1: x(10 ** power), x2: x(10 ** power), y1: TOP, y2: HEIGHT - BOTTOM });
      add(svg, "text", { x: x(10 ** power), y: under, "text-anchor": "middle" }, shown(10 ** power));
    }
    add(svg, "text", { class: "label", x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 10, "text-anchor": "middle" }, name);
    add(svg, "text", { class: "label", x: -(TOP + HEIGHT - BOTTOM) / 2, y: 13, transform: "rotate(-90)", "text-anchor": "middle" }, metric);
    const ranked = points.filter((row) => row.place === "ranked").sort((a, b) => a[axis] - b[axis] || b[metric].at - a[metric].at);
    const best = [];
    for (const row of ranked) if (!best.length || row[metric].at > best.at(-1)[metric].at) best.push(row);
    if (best.length) {
      let path = `M${x(best[0][axis])} ${y(best[0][metric].at)}`;
      for (const row of best.slice(1)) path += `H${x(row[axis])}V${y(row[metric].at)}`;
      add(svg, "path", { class: "stairs", d: `${path}H${width - RIGHT}` });
    }
    let spreads = "";
    for (const row of points) {
      const { low: from, high: to } = row[metric];
      if (from !== null) spreads += `M${x(row[axis]).toFixed(1)} ${y(from).toFixed(1)}V${y(to).toFixed(1)}`;
    }
    add(svg, "path", { class: points.length > CROWD ? "spread faint" : "spread", d: spreads });
    const steps = new Set(best), radius = points.length > CROWD ? 3.5 : 5;
    for (const row of [...points.filter((one) => !steps.has(one)), ...best]) {
      const { at, low: from, high: to } = row[metric];
      const words = `${row.method}: ${metric} ${at.toFixed(3)}${from === null ? "" : ` (${from.toFixed(3)} to ${to.toFixed(3)})`}, ${shown(row[axis])} ${name}`;
      // Only the stairs are stops of the keyboard: a thousand would be a trap, and the table links every row.
      const parent = steps.has(row) ? add(svg, "a", { href: `reports/${row.id}.html`, "aria-label": words }) : svg;
      const kind = row.place === "reference" ? "bounddot" : steps.has(row) ? "dot best" : "dot";
      const dot = add(parent, "circle", { class: kind, cx: x(row[axis]).toFixed(1), cy: y(at).toFixed(1), r: steps.has(row) ? 5 : radius });
      add(dot, "title", {}, words);
    }
    label(svg, best.map((row) => ({ text: row.method, x: x(row[axis]), y: y(row[metric].at) })));
    $("plot").replaceChildren(svg);
    const missing = kept.length - points.length;
    $("plot-note").textContent = `${points.length} rows drawn${missing ? `; ${missing} do not say their ${name}` : ""}. Hollow: bounds.`;
  }

  let queued = 0;
  function soon() {
    cancelAnimationFrame(queued);
    queued = requestAnimationFrame(filter);
  }
  $("filters").hidden = false;
  $("compute").hidden = false;
  $("filters").addEventListener("input", soon);
  window.addEventListener("resize", soon);
  $("filters").addEventListener("reset", () => setTimeout(filter));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
  new IntersectionObserver((seen) => {
    if (!visible && seen.some((one) => one.isIntersecting)) {
      visible = true;
      drawing();
    }
  }, { rootMargin: "400px" }).observe($("compute"));
})();
