// What an environment showed, credit, and marks: used by episodes and groups.

/** The blocks of a page; what the agent did is marked among the choices. */
function blockNode(block, action) {
  const taken = (choice) => action !== undefined && choice.action === action;
  if (block.kind === "paragraph") return h("p", { class: "paragraph", "data-role": block.role }, block.text);
  if (block.kind === "grid") {
    const lines = block.text.split("\n").map((line) =>
      h("span", { class: "grid-row" }, [...line].map((cell) =>
        h("span", { class: "cell", "data-role": block.roles[cell] ?? "plain" }, cell))));
    return h("pre", { class: "grid" }, lines);
  }
  if (block.kind === "choices") {
    return h("div", { class: "choices" }, block.name && h("span", { class: "name" }, block.name),
      block.choices.map((one) =>
        h("span", { class: "choice", "data-chosen": one.chosen, "data-taken": taken(one) },
          one.chosen && h("span", { class: "hidden" }, "chosen before: "), one.label,
          taken(one) && h("span", { class: "hidden" }, " (what the agent did)"))));
  }
  return h("div", { class: "scroll" }, h("table", { class: "shown" },
    h("thead", null, h("tr", null, block.columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, block.rows.map((row, i) => {
      const choice = block.choices[i];
      return h("tr", { "data-chosen": choice?.chosen, "data-taken": choice && taken(choice) },
        row.map((cell) => h("td", null, cell)));
    }))));
}

/** What was seen: the picture or the page, and the text as it was sent. */
function seen(moment) {
  const blocks = moment.frame ? moment.blocks.filter((one) => one.kind !== "grid") : moment.blocks;
  const text = h("pre", { class: "text", tabindex: "0" }, moment.text);
  const laidOut = [
    moment.frame && h("img", { class: "frame", src: moment.frame, alt: "Picture of the state; its text is below" }),
    blocks.map((block) => blockNode(block, moment.action)),
  ];
  if (!moment.frame && !moment.blocks.length) return [text];
  return [
    h("div", { class: "page" }, laidOut),
    h("details", { class: "raw", open: app.raw, ontoggle: (event) => (app.raw = event.target.open) },
      h("summary", null, "The text as the agent got it"), text),
  ];
}

function hue(mark) {
  let number = 0;
  for (const letter of mark) number = number * 26 + letter.charCodeAt(0) - 64;
  return (number * 137.5) % 360; // neighbours far apart
}

function markNode(mark) {
  return h("span", { class: "mark", "--hue": hue(mark), title: `State ${mark}: met by two or more steps of the group` }, mark);
}

/** Credit of a step by one method: a number, and a bar to the left (negative) or right (positive). */
function creditBar(name, chip, facts) {
  return h("div", { class: "credit", title: chip.title },
    h("span", { class: "method", title: facts }, name),
    h("span", { class: "track", "aria-hidden": "true" },
      h("span", { class: chip.share < 0 ? "fill minus" : "fill plus", "--share": Math.abs(chip.share) })),
    h("span", { class: "value" }, chip.text));
}

function creditCell(chip) {
  return h("span", { class: chip.share < 0 ? "heat minus" : "heat plus", "--share": Math.abs(chip.share), title: chip.title }, chip.text);
}

/** Every step of a group by episode and t, with the other steps in its state. */
function stepsOf(view) {
  const steps = new Map();
  const marks = new Map();
  for (const cell of view.lines.flat()) {
    if (!cell) continue;
    const number = view.episodes[cell.lane];
    steps.set(`${number}/${cell.t}`, cell);
    if (cell.mark) marks.set(cell.mark, [...(marks.get(cell.mark) ?? []), { ...cell, number }]);
  }
  return { steps, marks };
}

/** A command with a button that copies it. */
function command(text) {
  const button = h("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it"; // a page in a file may not be allowed to
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return h("span", { class: "command" }, h("code", null, text), button);
}

/** Text for a shell, as it is where that is safe. */
const quoted = (text) => (/^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
