"use strict";
const find = (id) => document.getElementById(id);
const data = JSON.parse(find("data").textContent);
const SIGNS = { pass: ["c", "\u2713"], warn: ["d", "\u2248"], fail: ["i", "\u2717"], unknown: ["u", "?"] };
const grid = document.querySelector("[role=grid]");
const head = grid.tHead.rows[0];
const lines = [...grid.tBodies[0].rows];
const cells = lines.map((line) => [...line.cells].slice(1));
const rows = lines.map((line, at) => model(line.cells[0], data.rows[at]));
const columns = [...head.cells].slice(1).map((header, at) => model(header, data.columns[at]));
const places = new Map(cells.flatMap((line, row) => line.map((cell, column) => [cell, [row, column]])));
const shown = { rows: [...rows.keys()], columns: [...columns.keys()] };
let current = cells[0]?.[0];

function model(header, [family, path, sha256]) {
  const name = header.firstElementChild.textContent;
  return { header, name, family, path, sha256, words: name.toLowerCase(), fits: [0, 0] };
}

function verdictOf(cell) {
  return cell.classList[0];
}

// --- what is shown: a pair has to pass every filter; rows and columns without such a pair go.

function passes() {
  const words = find("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const named = (list) => list.map((one) => words.map((word) => one.words.includes(word)));
  const [inRow, inColumn] = [named(rows), named(columns)];
  const [rowFamily, columnFamily] = [find("row-family").value, find("column-family").value];
  const of = (one, family) => family === "*" || one.family === family;
  return (row, column) =>
    of(rows[row], rowFamily) && of(columns[column], columnFamily) &&
    words.every((_, at) => inRow[row][at] || inColumn[column][at]);
}

function filter() {
  const chips = [...document.querySelectorAll(".chip input")];
  const wanted = new Set(chips.filter((chip) => chip.checked).map((chip) => chip.value));
  const counts = { c: 0, d: 0, i: 0, u: 0, f: 0, n: 0 };
  const [inRow, inColumn] = [rows.map(() => false), columns.map(() => false)];
  const pass = passes();
  let pairs = 0;
  for (const [cell, [row, column]] of places) {
    const verdict = verdictOf(cell);
    const passed = pass(row, column);
    const kept = passed && (!wanted.size || wanted.has(verdict));
    if (passed) counts[verdict] += 1;
    if (kept) {
      inRow[row] = inColumn[column] = true;
      pairs += 1;
    }
    if (cell.classList.contains("off") === kept) cell.classList.toggle("off");
  }
  for (const chip of chips) chip.parentElement.lastElementChild.textContent = counts[chip.value];
  lay(inRow, inColumn);
  tell(pairs, inRow, inColumn);
}

function lay(inRow, inColumn) {
  lines.forEach((line, row) => (line.hidden = !inRow[row]));
  columns.forEach((one, column) => {
    if (one.header.hidden === !inColumn[column]) return;
    one.header.hidden = !inColumn[column];
    for (const line of cells) line[column].hidden = !inColumn[column];
  });
  order(inRow, inColumn);
}

function tell(pairs, inRow, inColumn) {
  const of = (list) => `${list.filter(Boolean).length} of ${list.length}`;
  find("state").value = `Shown: ${of(inRow)} checkpoints, ${of(inColumn)} VAEs, ${pairs} of ${places.size} pairs.`;
  find("none").hidden = pairs > 0;
  document.querySelector(".box").hidden = pairs === 0;
}

// --- in which order.

const text = (one, other) => one.localeCompare(other, "en", { numeric: true });
const ORDERS = {
  given: () => 0,
  name: (one, other) => text(one.name, other.name),
  family: (one, other) => !one.family - !other.family || text(one.family, other.family),
  fits: (one, other) => other.fits[0] - one.fits[0] || other.fits[1] - one.fits[1],
};

function order(inRow, inColumn) {
  const by = ORDERS[find("order").value];
  const sorted = (list) => [...list.keys()].sort((one, other) => by(list[one], list[other]) || one - other);
  const [down, across] = [sorted(rows), sorted(columns)];
  if (across.some((column, at) => head.cells[at + 1] !== columns[column].header)) {
    head.append(...across.map((column) => columns[column].header));
    lines.forEach((line, row) => line.append(...across.map((column) => cells[row][column])));
  }
  if (down.some((row, at) => grid.tBodies[0].rows[at] !== lines[row])) {
    grid.tBodies[0].append(...down.map((row) => lines[row]));
  }
  shown.rows = down.filter((row) => inRow[row]);
  shown.columns = across.filter((column) => inColumn[column]);
  const [row, column] = places.get(current) ?? [];
  if (!inRow[row] || !inColumn[column]) rove(cells[shown.rows[0]]?.[shown.columns[0]]);
}

// --- moving about: one cell of the grid is in the order of the Tab key.

function rove(cell) {
  if (!cell) return;
  current.tabIndex = -1;
  current = cell;
  current.tabIndex = 0;
}

const ends = (event) => (event.ctrlKey || event.metaKey ? Infinity : 0);
const MOVES = {
  ArrowLeft: () => [0, -1],
  ArrowRight: () => [0, 1],
  ArrowUp: () => [-1, 0],
  ArrowDown: () => [1, 0],
  PageUp: () => [-10, 0],
  PageDown: () => [10, 0],
  Home: (event) => [-ends(event), -Infinity],
  End: (event) => [ends(event), Infinity],
};

function move(event) {
  if (event.key === "Enter" || event.key === " ") reveal(current);
  else if (!MOVES[event.key] || event.altKey) return;
  else {
    const [down, across] = MOVES[event.key](event);
    const [row, column] = places.get(current);
    const step = (list, from, by) => list[Math.min(Math.max(list.indexOf(from) + by, 0), list.length - 1)];
    rove(cells[step(shown.rows, row, down)][step(shown.columns, column, across)]);
    enter(current);
  }
  event.preventDefault();
}

function enter(cell) {
  cell.focus({ preventScroll: true });
  // Focus alone leaves a cell where it is below the headers that stick to the edges.
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

let lit = [];
function light(cell) {
  for (const header of lit) header.classList.remove("lit");
  const place = places.get(cell);
  lit = place ? [rows[place[0]].header, columns[place[1]].header] : [];
  for (const header of lit) header.classList.add("lit");
}

// --- one pair in full.

function element(tag, content, kind) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...[content].flat());
  return made;
}

function reveal(cell) {
  const [row, column] = places.get(cell);
  const [run, confidence, seconds, evidence, advice, pictures] = data.cells[row][column] || [null, null, null, [], [], []];
  find("sign").className = verdictOf(cell);
  find("sign").textContent = cell.firstChild.textContent;
  find("verdict").textContent = cell.querySelector("span").textContent.trim();
  find("sure").textContent = confidence ? `${Math.floor(100 * confidence + 0.01)} % sure` : "";
  find("pair").replaceChildren(columns[column].name, element("span", " for "), rows[row].name);
  find("reason").textContent = cell.title || "Nobody asked about this pair yet.";
  find("advice").replaceChildren(...advice.map((at) => element("li", data.advice[at])));
  find("pictures").replaceChildren(...pictures.map((at) => picture(at, cell)));
  find("evidence").tBodies[0].replaceChildren(...evidence.map((at) => check(data.evidence[at])));
  find("facts").replaceChildren(...facts(data.runs[run] ?? [], seconds, row, column));
  for (const part of [find("evidence"), find("evidence-title")]) part.hidden = !evidence.length;
  find("detail").showModal();
  find("detail").scrollTop = 0;
}

function check([outcome, name, message, expected, found]) {
  const [kind, sign] = SIGNS[outcome] ?? SIGNS.unknown;
  const sides = [["expected", expected], ["found", found]].filter(([, side]) => side);
  const line = element("tr", [
    element("td", [element("b", sign, kind), ` ${outcome}`]),
    element("th", name),
    element("td", [element("p", message), ...sides.map(([word, side]) => element("small", `${word}: ${side}`))]),
  ]);
  line.children[0].firstChild.ariaHidden = "true";
  line.children[1].scope = "row";
  return line;
}

function picture(at, cell) {
  const [path, missing] = data.pictures[at];
  const figure = element("figure", element("figcaption", missing ? `${path} (not in this page: ${missing})` : path));
  if (!missing) {
    const image = new Image();
    image.alt = `What the probe saw: ${cell.title}`;
    image.src = find(`picture-${at}`).textContent;
    figure.prepend(image);
  }
  return figure;
}

function facts([level, device, dtype, when], seconds, row, column) {
  const time = when && element("time", when.replace("T", " ").replace("Z", " UTC"));
  if (time) time.dateTime = when;
  const told = [
    ["Probe", level === "none" ? "none, nothing was run" : level],
    ["Device", device],
    ["Float type", dtype],
    ["Took", seconds === null ? null : `${seconds} s`],
    ["Decided", time],
    ...side("Checkpoint", rows[row]),
    ...side("VAE", columns[column]),
  ];
  return told.filter(([, value]) => value).flatMap(([word, value]) => [element("dt", word), element("dd", value)]);
}

function side(word, { family, path, sha256 }) {
  return [[`${word}, family`, family || (path && "not known")], [`${word}, file`, path], [`${word}, SHA-256`, sha256]];
}

// --- putting it together.

for (const [cell, [row, column]] of places) {
  cell.tabIndex = -1;
  if (verdictOf(cell) === "c") for (const one of [rows[row], columns[column]]) one.fits[0] += 1;
  if (verdictOf(cell) === "d") for (const one of [rows[row], columns[column]]) one.fits[1] += 1;
}
rove(current);

grid.addEventListener("keydown", (event) => places.has(event.target) && move(event));
grid.addEventListener("focusin", (event) => light(event.target));
grid.addEventListener("pointerover", (event) => light(event.target.closest("td")));
grid.addEventListener("pointerleave", () => light(document.activeElement));
grid.addEventListener("click", (event) => {
  const cell = event.target.closest("td");
  if (!cell) return;
  rove(cell);
  enter(cell);
  reveal(cell);
});
find("detail").addEventListener("click", (event) => {
  if (event.target === find("detail")) find("detail").close();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || find("detail").open || event.target.matches("input[type=search]")) return;
  event.preventDefault();
  find("find").focus();
  find("find").select();
});

const form = document.querySelector(".filters");
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
find("all").addEventListener("click", () => {
  form.reset();
  filter();
});

for (const chip of document.querySelectorAll(".chip input")) chip.disabled = false;
for (const part of [document.querySelector(".choice"), find("keys")]) part.hidden = false;
const corner = head.cells[0].getBoundingClientRect();
document.querySelector(".box").style.setProperty("--head", `${corner.height}px`);
document.querySelector(".box").style.setProperty("--side", `${corner.width}px`);
filter();
