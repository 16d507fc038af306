"use strict";
(() => {
  const PAGE = 200;
  const episodes = JSON.parse(document.getElementById("data").textContent)
    .map(([task, trial, outcome, score, actions], number) => ({ number, task, trial, outcome, score, actions }));
  const $ = (id) => document.getElementById(id);
  const trials = episodes.some((one) => one.trial > 0);

  function element(tag, text, className) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (className) node.className = className;
    return node;
  }

  for (const outcome of [...new Set(episodes.map((one) => one.outcome))].sort()) $("outcome").append(element("option", outcome));

  function line(one) {
    const item = document.createElement("li"), details = document.createElement("details"), summary = document.createElement("summary");
    item.id = `e${one.number}`;
    const kind = one.outcome === "success" ? "accepted" : one.outcome.endsWith("_error") ? "refused" : "look";
    const outcome = element("span", "");
    outcome.append(element("span", one.outcome, `verdict ${kind}`));
    summary.append(
      element("span", trials ? `${one.task} #${one.trial}` : one.task, "wrap"), outcome,
      element("span", `score ${Number(one.score.toFixed(3))}`, "figure soft"),
      element("span", `${one.actions.length} steps`, "figure soft"));
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 1) return;
      const list = document.createElement("ol");
      list.append(...one.actions.map((action) => element("li", action || "(nothing)")));
      details.append(list);
    });
    item.append(details);
    return item;
  }

  let found = [], drawn = 0;
  function more() {
    $("episodes").append(...found.slice(drawn, drawn + PAGE).map(line));
    drawn = Math.min(found.length, drawn + PAGE);
    $("more").hidden = drawn >= found.length;
  }

  function filter() {
    const text = $("find").value.toLowerCase(), outcome = $("outcome").value, order = $("order").value;
    found = episodes.filter((one) => (!outcome || one.outcome === outcome)
      && (!text || one.task.toLowerCase().includes(text) || one.actions.some((action) => action.toLowerCase().includes(text))));
    if (order === "low") found.sort((a, b) => a.score - b.score);
    if (order === "long") found.sort((a, b) => b.actions.length - a.actions.length);
    $("status").textContent = `${found.length} of ${episodes.length} episodes.`;
    $("episodes").replaceChildren();
    drawn = 0;
    more();
  }

  $("more").addEventListener("click", more);
  $("filters").addEventListener("input", filter);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
})();
