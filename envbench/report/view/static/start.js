// The frame around the views: places, keys, theme, help.

const VIEWS = { list: listView, episode: episodeView, group: groupView };
const main = document.getElementById("main");
const help = document.getElementById("help");
const KEYS = [
  ["j / k or arrows", "next and previous step, row or cell"],
  ["Enter", "open the chosen row or cell"],
  ["n / p", "next and previous episode"],
  ["g", "the group side by side"],
  ["m", "next method of credit"],
  ["r", "the text as the agent got it"],
  ["Home / End", "first step, end"],
  ["/", "filter by task"],
  ["u or Esc", "back to all episodes"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  try {
    if (theme) localStorage.setItem("envbench-theme", theme);
  } catch {
    // a page in a file may have no storage
  }
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  setTheme(dark ? "light" : "dark");
}

function drawTop() {
  document.getElementById("top").replaceChildren(
    h("a", { class: "home", href: app.view?.key === "list" ? "#/" : app.listHash }, app.view?.key === "list" ? "envbench view" : "← All episodes"),
    h("nav", { "aria-label": "Here" }, (app.view?.crumbs ?? []).filter(Boolean)),
    h("span", { class: "tools" },
      h("button", { type: "button", onclick: turnTheme, title: "t" }, "Light / dark"),
      h("button", { type: "button", onclick: () => help.showModal(), title: "?" }, "Keys")));
}

function show() {
  const where = place();
  const key = where.name === "list" ? "list" : `${where.name}/${where[where.name]}`;
  if (app.view?.key !== key) {
    const make = VIEWS[where.name] ?? (() => missing("There is no such page."));
    app.view = { ...make(where), key };
    main.replaceChildren(app.view.node);
    document.title = `${app.view.title} · envbench view`;
    drawTop();
    scrollTo(0, 0);
    if (document.activeElement === document.body) main.focus({ preventScroll: true });
  }
  app.view.update(where);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.closest("a, summary")) return; // links follow themselves
  const keys = { t: turnTheme, "?": () => help.showModal(), ...app.view?.keys };
  const chosen = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
  if (!chosen) return;
  event.preventDefault();
  chosen();
}

async function start() {
  try {
    setTheme(localStorage.getItem("envbench-theme"));
  } catch {
    // as above
  }
  help.replaceChildren(h("h2", { id: "help-title" }, "Keys"),
    h("dl", null, KEYS.map(([key, words]) => [h("dt", null, h("kbd", null, key)), h("dd", null, words)])),
    h("form", { method: "dialog" }, h("button", null, "Close")));
  try {
    app.index = await store.index();
  } catch (error) {
    main.replaceChildren(notice(error.message));
    return;
  }
  app.byNumber = new Map(app.index.episodes.map((one) => [one.number, one]));
  app.inOrder = app.index.order.map(episodeOf);
  app.sizes = app.index.groups.map(() => 0);
  for (const one of app.index.episodes) app.sizes[one.group] += 1;
  if (exported) for (const [group, view] of Object.entries(exported.groups)) app.sizes[group] = view.episodes?.length ?? app.sizes[group];
  app.longest = app.index.episodes.reduce((most, one) => Math.max(most, one.steps), 1);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", show);
  show();
  document.documentElement.dataset.ready = "";
}

start();
