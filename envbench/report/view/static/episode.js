// One episode, step by step.

const SCRUB = 160; // steps on one line

function episodeView(where) {
  const episode = episodeOf(where.episode);
  if (!episode) return missing(`There is no episode ${where.episode} here.`);
  const { number, steps: last } = episode;
  let t = 0;
  let group = null; // with its steps, once it is there
  let failed = ""; // why there is no credit

  const instruction = h("p", { class: "instruction" });
  const position = h("h2", { class: "position" });
  const saw = h("section", { class: "saw", "aria-label": "What the agent saw" });
  const did = h("div", { class: "did" });
  const timeline = h("ol", { class: "timeline", "aria-label": "Steps" });
  const method = h("p", { class: "soft method" });
  const aside = h("div", { class: "beside" });
  const scrubber = h("div", { class: "scrubber" });
  const credits = h("section", { class: "panel credits" });
  const mates = h("section", { class: "panel mates" });
  const details = h("section", { class: "panel details" });
  const resume = h("section", { class: "panel" });
  aside.append(credits, mates, details, resume);
  const step = (to) => go(episodeHash(number, Math.min(Math.max(to, 0), last)), true);
  const button = (label, name, by) => h("button", { type: "button", title: name, "aria-label": name, onclick: by }, label);
  const node = h("article", { class: "episode" },
    h("div", { class: "heading" },
      h("h1", null, `Episode ${number} `, badge(episode.outcome)),
      h("p", { class: "facts" },
        `${groupName(episode.group)} · trial ${episode.trial} · score ${episode.score.toFixed(2)} · return ${signed(episode.return)} · ${plural(last, "step")}`),
      h("p", { class: "why" }, episode.reasons.map((text) => h("span", { class: "chip" }, text)))),
    instruction,
    h("div", { class: "transport" },
      button("Start", "First step (Home)", () => step(0)), button("←", "Previous step (k or ←)", () => step(t - 1)), position,
      button("→", "Next step (j or →)", () => step(t + 1)), button("End", "End of the episode (End)", () => step(last)), scrubber),
    h("div", { class: "columns" }, h("nav", { class: "steps", "aria-label": "Steps of the episode" }, method, timeline),
      h("div", { class: "stage" }, did, saw), aside));

  fill(instruction, store.instructions([number]), (texts) => texts[number] ?? "");
  if (app.sizes[episode.group] > 1) {
    store.group(episode.group).then(
      (view) => {
        group = { view, ...stepsOf(view) };
        drawCredit();
        drawTimeline();
      },
      (error) => {
        failed = error.message;
        drawCredit();
      });
  } else {
    failed = "The only episode of its task in this run: credit compares episodes of one task (eval --trials 8).";
  }

  function cellAt(at) {
    return group?.steps.get(`${number}/${at}`);
  }

  function drawScrubber() {
    const first = last <= SCRUB ? 0 : Math.min(Math.max(t - SCRUB / 2, 0), last - SCRUB);
    const codes = [...episode.strip];
    const wide = Math.ceil(last / Math.max(codes.length, 1)) || 1;
    const cells = [];
    for (let at = first; at < Math.min(first + SCRUB, last); at++) {
      cells.push(h("a", { href: episodeHash(number, at), tabindex: "-1", "data-strip": STRIP[codes[Math.floor(at / wide)]],
        "data-now": at === t, title: `Step ${at}`, onclick: jump(at) }));
    }
    cells.push(first + SCRUB >= last && h("a", { href: episodeHash(number, last), tabindex: "-1", class: "end", "data-now": t === last, title: "End", onclick: jump(last) }));
    scrubber.replaceChildren(...cells.filter(Boolean));
  }

  const jump = (at) => (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    step(at);
  };

  function drawTimeline() {
    const focused = timeline.contains(document.activeElement);
    const methods = group?.view.methods ?? [];
    method.textContent = methods.length ? `credit by ${methods[app.method % methods.length].name} (m for the next)` : "";
    fill(timeline, store.steps(number, Math.min(t, Math.max(last - 1, 0))), (chunk) => {
      const items = chunk.actions.map((action, i) => {
        const at = chunk.first + i;
        const cell = cellAt(at);
        const reward = chunk.rewards[i];
        return h("li", { "data-t": at },
          h("a", { href: episodeHash(number, at), "aria-current": at === t ? "step" : null, onclick: jump(at) },
            h("span", { class: "t" }, at),
            h("span", { class: "action" }, action === "" ? "(nothing)" : action),
            cell?.mark && markNode(cell.mark),
            reward !== 0 && h("span", { class: reward > 0 ? "reward plus" : "reward minus" }, signed(reward)),
            cell && cell.chips.length > 0 && creditCell(cell.chips[app.method % cell.chips.length])));
      });
      const after = chunk.first + chunk.actions.length;
      return [
        chunk.first > 0 && h("li", null, h("a", { class: "more", href: episodeHash(number, chunk.first - 1), onclick: jump(chunk.first - 1) }, "earlier steps")),
        items,
        after < last
          ? h("li", null, h("a", { class: "more", href: episodeHash(number, after), onclick: jump(after) }, "later steps"))
          : h("li", { "data-t": last }, h("a", { href: episodeHash(number, last), "aria-current": t === last ? "step" : null, onclick: jump(last) },
            h("span", { class: "t" }, last), h("span", { class: "action" }, "end "), badge(episode.outcome))),
      ].flat().filter(Boolean);
    }).then(() => {
      const here = timeline.querySelector("[aria-current]");
      if (!here) return;
      const box = timeline.parentElement;
      if (box.scrollHeight > box.clientHeight) box.scrollTop = here.offsetTop - box.clientHeight / 2;
      if (focused) here.focus({ preventScroll: true });
    });
  }

  function drawCredit() {
    const cell = cellAt(t);
    const title = h("h3", null, "Credit for this step");
    if (failed) credits.replaceChildren(title, notice(failed, "hint"));
    else if (!group) credits.replaceChildren(title, h("p", { class: "wait" }, "Playing the group again…"));
    else if (!cell) credits.replaceChildren(title, h("p", { class: "soft" }, "No step here: the episode is over."));
    else {
      credits.replaceChildren(title, ...group.view.methods.map((method, i) =>
        creditBar(method.name, cell.chips[i], `${method.summary} (${method.evidence})`)));
    }
    const others = (cell?.mark ? group.marks.get(cell.mark) : []).filter((one) => one.number !== number || one.t !== t);
    const here = app.method % Math.max(group?.view.methods.length ?? 1, 1);
    mates.hidden = failed !== "" || !cell;
    mates.replaceChildren(
      h("h3", null, "In this state too ", cell?.mark && markNode(cell.mark)),
      others.length
        ? h("ul", null, others.map((one) => h("li", null, h("a", { href: episodeHash(one.number, one.t) },
            h("span", { class: "where" }, one.number === number ? `step ${one.t}` : `#${one.number} step ${one.t}`),
            h("span", { class: "action" }, one.action), one.chips.length > 0 && creditCell(one.chips[here])))))
        : h("p", { class: "soft" }, "Nobody else of the group was in this state."),
      others.length > 0 && group && h("p", { class: "soft" }, `Numbers by ${group.view.methods[here].name}; m for the next method.`),
      h("p", null, h("a", { href: groupHash(episode.group, number, t) }, "The group side by side (g)")));
  }

  function drawMoment(moment) {
    if (!moment) throw new Error("The environment did not come this far again.");
    const ended = moment.action === undefined;
    const words = moment.valid === false ? "refused: no valid action here" : "";
    did.replaceChildren(...[
      moment.differs && notice("This is not the state that was recorded: the episode does not happen again here."),
      !ended && moment.recorded_reward !== moment.reward && notice(`Reward ${moment.reward} now, ${moment.recorded_reward} recorded.`),
      moment.failed && notice(`The environment failed at this step: ${moment.failed}`),
      ended
        ? h("p", { class: "act" }, "The end: ", badge(moment.outcome || episode.outcome), ` score ${episode.score.toFixed(2)}`)
        : h("p", { class: "act" }, h("span", { class: "soft" }, "did "), h("code", null, moment.action === "" ? "(nothing)" : moment.action),
            moment.reward !== 0 && h("span", { class: moment.reward > 0 ? "reward plus" : "reward minus" }, `reward ${signed(moment.reward)}`),
            words && h("span", { class: "refused" }, words)),
    ].filter(Boolean));
    const actions = moment.valid_actions;
    details.replaceChildren(...[
      !ended && h("details", { open: app.actions ?? (actions !== null && actions.length <= 12), ontoggle: (event) => (app.actions = event.target.open) },
        h("summary", null, actions === null ? "Any action is valid" : plural(actions.length, "valid action")),
        h("ul", { class: "actions" }, (actions ?? []).map((one) => h("li", { "data-taken": one === moment.action }, h("code", null, one))))),
      h("details", { open: app.hashes, ontoggle: (event) => (app.hashes = event.target.open) },
        h("summary", null, "Hashes and facts"),
        h("dl", null, Object.entries({ ...moment.hashes, ...moment.facts }).map(([name, value]) =>
          [h("dt", null, name), h("dd", null, h("code", null, value))]))),
    ].filter(Boolean));
    return seen(moment);
  }

  function update(to) {
    t = Math.min(Math.max(to.step ?? 0, 0), last);
    position.textContent = t === last ? `End, after ${plural(last, "step")}` : `Step ${t} of ${last}`;
    say(position.textContent);
    drawScrubber();
    drawTimeline();
    drawCredit();
    fill(saw, store.moment(number, t), drawMoment);
    if (t + 1 <= last) store.moment(number, t + 1).catch(() => {});
    resume.replaceChildren(h("h3", null, "Go on from here"),
      command(`envbench replay ${quoted(`${app.index.place}:${number}@${t}`)}`),
      h("p", { class: "soft" }, "You at the terminal, or an agent with --agent NAME."));
  }

  function beside(by) {
    const shown = app.shown.includes(number) ? app.shown : app.inOrder.map((one) => one.number);
    const next = shown[shown.indexOf(number) + by];
    if (next === undefined) say("No further episode");
    else go(episodeHash(next));
  }

  const keys = {
    j: () => step(t + 1), ArrowRight: () => step(t + 1), k: () => step(t - 1), ArrowLeft: () => step(t - 1),
    Home: () => step(0), End: () => step(last), n: () => beside(1), p: () => beside(-1),
    g: () => go(groupHash(episode.group, number, t)),
    m: () => {
      app.method += 1;
      drawTimeline();
      drawCredit();
    },
    r: () => node.querySelector(".raw > summary")?.click(),
    u: () => go(app.listHash), Escape: () => go(app.listHash),
  };
  const crumbs = [
    h("button", { type: "button", onclick: () => beside(-1), title: "p" }, "← previous episode"),
    h("button", { type: "button", onclick: () => beside(1), title: "n" }, "next episode →"),
    app.sizes[episode.group] > 1 && h("a", { href: groupHash(episode.group) }, `group of ${app.sizes[episode.group]}`),
  ];
  return { node, update, keys, crumbs, title: `Episode ${number}` };
}

function missing(text) {
  return { node: h("div", null, notice(text), h("p", null, h("a", { href: "#/" }, "All episodes"))), update: () => {}, keys: {}, title: "Not here" };
}
