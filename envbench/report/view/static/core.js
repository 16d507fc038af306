// Elements, data and places. Text from episodes only ever becomes text nodes and attribute values.

const MOMENTS = 20; // a request
const STEPS = 200;
const exported = JSON.parse(document.getElementById("data").textContent);
const app = { index: null, view: null, method: 0, listHash: "#/", shown: [] };

/** Make an element: `on…` are listeners, `--…` style variables, everything else attributes. */
function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--") || name === "background-image") node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((one) => one !== null && one !== undefined && one !== false && one !== ""));
  return node;
}

const said = document.getElementById("said");
function say(text) {
  said.textContent = text;
}

// Data: from the server, in pieces and each once, or from the page itself.

const answers = new Map();
function ask(path) {
  if (!answers.has(path)) {
    const answer = fetch(path).then(async (response) => {
      const value = await response.json();
      if (value.error !== undefined) throw new Error(value.error);
      return value;
    });
    answer.catch(() => answers.delete(path)); // it may work the next time
    answers.set(path, answer);
  }
  return answers.get(path);
}

async function held(value) {
  if (value === undefined) throw new Error("not in this file: open the run itself with envbench view");
  if (value.error !== undefined) throw new Error(value.error);
  return value;
}

const store = {
  index: () => (exported ? held(exported.index) : ask("/api/index")),
  group: (number) => (exported ? held(exported.groups[number]) : ask(`/api/groups/${number}`)),
  steps: (number, t) => {
    const first = t - (t % STEPS);
    return exported
      ? held(exported.steps[number])
      : ask(`/api/episodes/${number}/steps?from=${first}&count=${STEPS}`);
  },
  moment: async (number, t) => {
    const first = t - (t % MOMENTS);
    const chunk = exported
      ? await held(exported.moments[number])
      : await ask(`/api/episodes/${number}/moments?from=${first}&count=${MOMENTS}`);
    return chunk.moments[t - chunk.first];
  },
  instructions: async (numbers) => {
    if (!exported) return ask(`/api/instructions?of=${numbers.join(",")}`);
    const known = numbers.filter((one) => typeof exported.instructions[one] === "string");
    return Object.fromEntries(known.map((one) => [one, exported.instructions[one]]));
  },
};

/** Return the episode with a number, or undefined. */
function episodeOf(number) {
  return app.byNumber.get(number);
}

function groupName(number) {
  const group = app.index.groups[number];
  return group.agent ? `${group.task} by ${group.agent}` : group.task;
}

// Places: #/?filters, #/episode/N/step/T, #/group/N/episode/N/step/T.

function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/");
  const numbers = {};
  for (let i = 0; i + 1 < parts.length; i += 2) {
    if (/^\d{1,9}$/.test(parts[i + 1])) numbers[parts[i]] = Number(parts[i + 1]);
  }
  return { name: parts[0] || "list", ...numbers, query: new URLSearchParams(query ?? "") };
}

const episodeHash = (number, t = 0) => `#/episode/${number}/step/${t}`;
const groupHash = (group, number, t) =>
  number === undefined ? `#/group/${group}` : `#/group/${group}/episode/${number}/step/${t}`;

function go(hash, replace = false) {
  if (replace) {
    history.replaceState(null, "", hash);
    show();
  } else {
    location.hash = hash;
  }
}

// Words and numbers.

const OUTCOMES = {
  success: ["✓", "success"],
  failure: ["✕", "failure"],
  timeout: ["◷", "timeout"],
  budget: ["◐", "budget"],
  env_error: ["!", "environment error"],
  agent_error: ["!", "agent error"],
};

function signed(value) {
  if (value === 0) return "0";
  const text = Math.abs(value) < 0.005 ? value.toExponential(1) : value.toFixed(2).replace(/\.?0+$/, "");
  return (value > 0 ? "+" : "") + text.replace("-", "−");
}

const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function badge(outcome) {
  const [sign, words] = OUTCOMES[outcome] ?? ["?", outcome];
  return h("span", { class: "badge", "data-outcome": outcome }, h("span", { "aria-hidden": "true" }, sign), ` ${words}`);
}

/** A recorded episode as a bar: its loops, standstills and rewards. */
const STRIP = { "+": "reward", l: "loop", r: "repeated", "=": "still", ".": "moved" };
function stripBar(episode, longest) {
  const codes = [...episode.strip];
  const stops = codes.map((code, i) => {
    const colour = `var(--strip-${STRIP[code]})`;
    return `${colour} ${(100 * i) / codes.length}% ${(100 * (i + 1)) / codes.length}%`;
  });
  const part = (code, words) => (codes.includes(code) ? words : null);
  const words = [part("l", "loops"), part("r", "repeated steps"), part("=", "steps without effect"), part("+", "rewards")];
  return h("span", {
    class: "strip",
    role: "img",
    "aria-label": `${plural(episode.steps, "step")}${words.some(Boolean) ? `: ${words.filter(Boolean).join(", ")}` : ""}`,
    "--length": `${Math.max(3, (100 * episode.steps) / Math.max(longest, 1))}%`,
    "background-image": `linear-gradient(90deg, ${stops.join(", ") || "transparent 0 100%"})`,
  });
}

function notice(text, kind = "error") {
  return h("p", { class: `notice ${kind}`, role: kind === "error" ? "alert" : null }, text);
}

/** Put what a promise brings into a box; what goes wrong is told there. */
async function fill(box, promise, draw) {
  const wanted = (box.wanted = Symbol("latest"));
  box.setAttribute("aria-busy", "true");
  let nodes;
  try {
    nodes = draw(await promise);
  } catch (error) {
    nodes = [notice(error.message)];
  }
  if (box.wanted !== wanted) return;
  box.removeAttribute("aria-busy");
  box.replaceChildren(...[nodes].flat().filter(Boolean));
}
