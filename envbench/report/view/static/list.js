// All episodes: filters, order, pages.

const PAGE = 50;
const SORTS = {
  worth: ["worth reading first", null],
  number: ["as recorded", (a, b) => a.number - b.number],
  "score-up": ["lowest score", (a, b) => a.score - b.score],
  "score-down": ["highest score", (a, b) => b.score - a.score],
  longest: ["longest", (a, b) => b.steps - a.steps],
  shortest: ["shortest", (a, b) => a.steps - b.steps],
};
const SIGNALS = {
  any: ["any sign of trouble", (one) => one.signals.length > 0 || one.refused > 0],
  retry: ["retries", (one) => one.signals.includes("retry")],
  drift: ["drift", (one) => one.signals.includes("drift")],
  oscillation: ["oscillation", (one) => one.signals.includes("oscillation")],
  refused: ["refused actions", (one) => one.refused > 0],
  none: ["none", (one) => one.signals.length === 0 && one.refused === 0],
};

function filtered(query) {
  const outcome = query.get("outcome");
  const words = (query.get("task") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const agent = query.get("agent");
  const signal = SIGNALS[query.get("signal")]?.[1];
  const groups = app.index.groups.map(
    (one) => words.every((word) => one.task.toLowerCase().includes(word)) && (!agent || one.agent === agent),
  );
  const found = app.inOrder.filter(
    (one) => groups[one.group] && (!outcome || one.outcome === outcome) && (!signal || signal(one)),
  );
  const order = SORTS[query.get("sort")]?.[1];
  return order ? found.sort((a, b) => order(a, b) || a.number - b.number) : found;
}

function listView() {
  const index = app.index;
  const rows = h("tbody");
  const count = h("p", { class: "count", role: "status" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages" });
  const bar = h("div", { class: "outcomes", role: "group", "aria-label": "Outcomes: press to filter" });
  const controls = filters();
  let current = 0;
  let selected = 0;

  const table = h("table", { class: "episodes" },
    h("caption", { class: "hidden" }, "Episodes"),
    h("thead", null, h("tr", null,
      ["Episode", "Result", "Task", "Trajectory", "Score", "Return", "Steps", "Why read it"].map((name, i) =>
        h("th", { scope: "col", class: i >= 4 && i <= 6 ? "number" : null }, name)))),
    rows);
  const legend = h("p", { class: "legend" },
    "Trajectory: ",
    [["reward", "reward"], ["loop", "in a loop"], ["repeated", "state and action met before"], ["still", "no effect"], ["moved", "moved on"]]
      .map(([name, words]) => h("span", { class: "key", "--colour": `var(--strip-${name})` }, words)));
  const glossary = h("p", { class: "legend" },
    h("span", null, "Retry: one action in one state, 3 times or more in a row."),
    h("span", null, "Drift: 3 steps or more that do not lead out of a state."),
    h("span", null, "Oscillation: a pattern of 2 to 5 steps, 3 times or more."));
  const node = h("div", { class: "list" },
    h("div", { class: "intro" },
      h("h1", null, "Trajectories"),
      h("p", { class: "facts" }, [index.name, index.env, index.split].filter(Boolean).join(" · ")),
      index.note && notice(index.note, "hint"),
      exported && notice(`This file holds ${plural(index.episodes.length, "episode")} of ${index.of}.`, "hint")),
    bar, controls.node, count, h("div", { class: "scroll" }, table), pager, legend, glossary);

  function change(name, value) {
    const query = place().query;
    query.delete("page");
    if (value) query.set(name, value);
    else query.delete(name);
    go(`#/?${query}`, true);
  }

  function filters() {
    const task = h("input", { type: "search", id: "task", placeholder: "part of a task id", autocomplete: "off",
      oninput: () => change("task", task.value) });
    const choice = (name, label, options) => {
      const select = h("select", { id: name, onchange: () => change(name, select.value) },
        options.map(([value, words]) => h("option", { value }, words)));
      return { name, select, node: h("label", { for: name }, h("span", null, label), select) };
    };
    const agents = [...new Set(index.groups.map((one) => one.agent))];
    const choices = [
      agents.length > 1 && choice("agent", "Agent", [["", "all"], ...agents.map((one) => [one, one])]),
      choice("signal", "Signs of trouble", [["", "all"], ...Object.entries(SIGNALS).map(([key, [words]]) => [key, words])]),
      choice("sort", "Order", Object.entries(SORTS).map(([key, [words]]) => [key === "worth" ? "" : key, words])),
    ].filter(Boolean);
    return {
      node: h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
        h("label", { for: "task" }, h("span", null, "Task"), task), choices.map((one) => one.node)),
      set: (query) => {
        if (document.activeElement !== task) task.value = query.get("task") ?? "";
        for (const one of choices) one.select.value = query.get(one.name) ?? "";
      },
      focus: () => task.focus(),
    };
  }

  function drawBar(query) {
    const chosen = query.get("outcome");
    const wide = new URLSearchParams(query);
    wide.delete("outcome");
    const counts = new Map();
    for (const one of filtered(wide)) counts.set(one.outcome, (counts.get(one.outcome) ?? 0) + 1);
    const known = [...new Set([...Object.keys(OUTCOMES), ...counts.keys()])].filter((one) => counts.get(one));
    const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.outcome : null;
    bar.replaceChildren(...known.map((outcome) =>
      h("button", {
        type: "button", "data-outcome": outcome, "--share": counts.get(outcome),
        "aria-pressed": String(outcome === chosen),
        onclick: () => change("outcome", outcome === chosen ? "" : outcome),
      }, h("b", null, counts.get(outcome).toLocaleString("en")), badge(outcome))));
    if (focused) bar.querySelector(`[data-outcome="${CSS.escape(focused)}"]`)?.focus();
  }

  function row(one) {
    const group = index.groups[one.group];
    const size = app.sizes[one.group];
    return h("tr", { "data-number": one.number, onclick: (event) => event.target.closest("a") || go(episodeHash(one.number)) },
      h("td", null, h("a", { class: "open", href: episodeHash(one.number) }, `#${one.number}`)),
      h("td", null, badge(one.outcome)),
      h("td", { class: "task" },
        h("span", { class: "instruction", "data-instruction": one.number }),
        h("span", { class: "id" }, group.task, one.trial || size > 1 ? ` · trial ${one.trial}` : ""),
        size > 1 && h("a", { class: "group", href: groupHash(one.group) }, `group of ${size}`)),
      h("td", { class: "bar" }, stripBar(one, app.longest)),
      h("td", { class: "number" }, one.score.toFixed(2)),
      h("td", { class: "number" }, signed(one.return)),
      h("td", { class: "number" }, one.steps.toLocaleString("en")),
      h("td", { class: "why" }, one.reasons.map((text) => h("span", { class: "chip" }, text))));
  }

  async function instruct(shown) {
    const byGroup = new Map(shown.map((one) => [one.group, one.number]));
    if (byGroup.size === 0) return;
    let texts;
    try {
      texts = await store.instructions([...byGroup.values()]);
    } catch {
      return; // the task's id says enough; its episode says why
    }
    if (byGroup.size > 1 && new Set(Object.values(texts)).size === 1) return; // the same everywhere
    for (const place of rows.querySelectorAll("[data-instruction]")) {
      const group = episodeOf(Number(place.dataset.instruction)).group;
      place.textContent = texts[byGroup.get(group)] ?? "";
    }
  }

  function update(where) {
    app.listHash = location.hash || "#/";
    const found = filtered(where.query);
    app.shown = found.map((one) => one.number);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    current = Math.min(Math.max(Number(where.query.get("page") ?? 1) || 1, 1), pages) - 1;
    const shown = found.slice(current * PAGE, (current + 1) * PAGE);
    controls.set(where.query);
    drawBar(where.query);
    count.textContent = `${plural(found.length, "episode")}${found.length === index.episodes.length ? "" : ` of ${index.episodes.length.toLocaleString("en")}`}, ${SORTS[where.query.get("sort") || "worth"]?.[0] ?? SORTS.worth[0]}`;
    rows.replaceChildren(...shown.map(row));
    if (!shown.length) rows.append(h("tr", null, h("td", { colspan: 8, class: "empty" }, "No episode fits these filters.")));
    const turn = (to) => {
      const query = place().query;
      query.set("page", to + 1);
      return `#/?${query}`;
    };
    pager.replaceChildren(...(pages < 2 ? [] : [
      current > 0 && h("a", { href: turn(current - 1), rel: "prev" }, "← Earlier"),
      h("span", null, `Page ${current + 1} of ${pages}`),
      current + 1 < pages && h("a", { href: turn(current + 1), rel: "next" }, "Later →"),
    ].filter(Boolean)));
    selected = -1;
    instruct(shown);
  }

  function select(by) {
    const all = [...rows.querySelectorAll("tr[data-number]")];
    if (!all.length) return;
    selected = Math.min(Math.max(selected + by, 0), all.length - 1);
    all.forEach((one, i) => one.classList.toggle("current", i === selected));
    all[selected].querySelector("a.open").focus({ preventScroll: true });
    all[selected].scrollIntoView({ block: "nearest" });
  }

  const chosen = () => rows.querySelectorAll("tr[data-number]")[Math.max(selected, 0)];
  const keys = {
    j: () => select(1), ArrowDown: () => select(1), k: () => select(-1), ArrowUp: () => select(-1),
    "/": () => controls.focus(),
    g: () => chosen() && go(groupHash(episodeOf(Number(chosen().dataset.number)).group)),
    ArrowRight: () => pager.querySelector("[rel=next]")?.click(),
    ArrowLeft: () => pager.querySelector("[rel=prev]")?.click(),
  };
  return { node, update, keys, title: index.name };
}
