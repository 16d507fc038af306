// The episodes of one task side by side; steps in one state stand on one line.

function groupView(where) {
  const number = where.group;
  if (!app.index.groups[number]) return missing(`There is no group ${number} here.`);
  const box = h("div", { class: "board" });
  const panel = h("aside", { class: "panel chosen", "aria-label": "The chosen step", "aria-live": "polite" });
  const method = h("select", { id: "method", onchange: () => setMethod(Number(method.value)) });
  const instruction = h("p", { class: "instruction" });
  const node = h("article", { class: "group-view" },
    h("div", { class: "heading" }, h("h1", null, "One task, side by side"), h("p", { class: "facts" }, groupName(number))),
    instruction,
    h("div", { class: "bar" }, h("label", { for: "method" }, h("span", null, "Credit by"), method),
      h("p", { class: "soft" }, "A letter marks a state that two or more steps met; they stand on one line where their order allows it.")),
    h("div", { class: "side" }, box, panel));
  const own = app.index.episodes.filter((one) => one.group === number);
  let view = null;
  let at = { line: 0, lane: 0 };

  fill(instruction, store.instructions([own[0].number]), (texts) => texts[own[0].number] ?? "");
  const ready = fill(box, store.group(number), (found) => {
    view = found;
    method.replaceChildren(...view.methods.map((one, i) => h("option", { value: i }, one.name)));
    method.value = app.method % Math.max(view.methods.length, 1);
    return draw();
  });

  function setMethod(to) {
    app.method = to;
    method.value = to % Math.max(view.methods.length, 1);
    box.replaceChildren(...draw());
    mark();
  }

  function draw() {
    const shown = app.method % Math.max(view.methods.length, 1);
    const facts = view.methods[shown];
    const head = h("tr", null, h("th", { scope: "col", class: "corner" }, "line"),
      view.lanes.map((lane, i) => {
        const held = episodeOf(view.episodes[i]);
        return h("th", { scope: "col" },
          held ? h("a", { href: episodeHash(view.episodes[i]) }, `#${view.episodes[i]}`) : `#${view.episodes[i]}`,
          " ", badge(lane.result), h("span", { class: "lane-facts" }, [lane.name, lane.facts, lane.aside].filter(Boolean).join(" · ")));
      }));
    const body = view.lines.map((line, row) => {
      const marks = line.map((cell) => cell?.mark).filter(Boolean);
      const shared = new Set(marks).size < marks.length;
      return h("tr", { class: shared ? "shared" : null }, h("th", { scope: "row" }, row),
        line.map((cell, lane) => h("td", null, cell && cellNode(cell, row, lane, shown))));
    });
    return [
      h("div", { class: "scroll", tabindex: "-1" }, h("table", { class: "lanes" }, h("thead", null, head), h("tbody", null, body))),
      facts && view.lines.flat().every((cell) => !cell || cell.chips[shown].share === 0) &&
        notice(`${facts.name} tells no step of this group from another.`, "hint"),
      facts && h("p", { class: "soft" }, `${facts.name}: ${facts.summary} Largest credit ${facts.scale}; ${facts.facts}. (${facts.paper})`),
    ].filter(Boolean);
  }

  function cellNode(cell, row, lane, shown) {
    const chip = cell.chips[shown];
    return h("button", {
      type: "button", class: chip && chip.share < 0 ? "step minus" : "step plus", "--share": chip ? Math.abs(chip.share) : 0,
      "data-mark": cell.mark || null, "data-line": row, "data-lane": lane, tabindex: "-1",
      onclick: () => choose(row, lane), ondblclick: () => go(episodeHash(view.episodes[lane], cell.t)),
    },
      h("span", { class: "top" }, h("span", { class: "t" }, cell.t), cell.mark && markNode(cell.mark), chip && h("span", { class: "value" }, chip.text)),
      h("span", { class: "action" }, cell.action === "" ? "(nothing)" : cell.action),
      cell.note && h("span", { class: "note" }, cell.note));
  }

  function choose(line, lane) {
    const cell = view.lines[line][lane];
    go(groupHash(number, view.episodes[lane], cell.t), true);
  }

  function mark() {
    const cell = view?.lines[at.line]?.[at.lane];
    for (const one of box.querySelectorAll(".step")) {
      const here = Number(one.dataset.line) === at.line && Number(one.dataset.lane) === at.lane;
      one.setAttribute("aria-pressed", String(here));
      one.tabIndex = here ? 0 : -1;
      one.classList.toggle("mate", !here && Boolean(cell?.mark) && one.dataset.mark === cell.mark);
      if (here) {
        one.focus({ preventScroll: true });
        one.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
    if (!cell) return;
    const episode = view.episodes[at.lane];
    const situation = view.situations[cell.situation];
    panel.replaceChildren(...[
      h("h2", null, `#${episode}, step ${cell.t} `, cell.mark && markNode(cell.mark)),
      h("p", { class: "act" }, h("span", { class: "soft" }, "did "), h("code", null, cell.action), cell.note && h("span", { class: "note" }, cell.note)),
      view.methods.map((one, i) => creditBar(one.name, cell.chips[i], one.summary)),
      situation.visits > 1 && h("p", { class: "soft" }, `${situation.visits} steps of the group are in this state.`),
      episodeOf(episode) && h("p", null, h("a", { href: episodeHash(episode, cell.t) }, "Open this step (Enter)")),
      h("pre", { class: "text", tabindex: "0" }, situation.text || "(cannot be shown again)"),
    ].flat().filter(Boolean));
  }

  function find(to) {
    for (const [line, cells] of view.lines.entries()) {
      for (const [lane, cell] of cells.entries()) {
        if (cell && view.episodes[lane] === to.episode && cell.t === to.step) return { line, lane };
      }
    }
    return { line: 0, lane: Math.max(view.lines[0].findIndex(Boolean), 0) };
  }

  function move(down, right) {
    if (!view) return;
    let { line, lane } = at;
    do {
      line += down;
      lane += right;
      if (!view.lines[line] || lane < 0 || lane >= view.lanes.length) return;
    } while (!view.lines[line][lane]);
    choose(line, lane);
  }

  async function update(to) {
    await ready;
    if (!view) return;
    at = find(to);
    mark();
  }

  const keys = {
    ArrowDown: () => move(1, 0), j: () => move(1, 0), ArrowUp: () => move(-1, 0), k: () => move(-1, 0),
    ArrowRight: () => move(0, 1), l: () => move(0, 1), ArrowLeft: () => move(0, -1), h: () => move(0, -1),
    Enter: () => view && go(episodeHash(view.episodes[at.lane], view.lines[at.line][at.lane].t)),
    m: () => view && setMethod((app.method + 1) % Math.max(view.methods.length, 1)),
    u: () => go(app.listHash), Escape: () => go(app.listHash),
  };
  return { node, update, keys, title: `Group ${number}` };
}
