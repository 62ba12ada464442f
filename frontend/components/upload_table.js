// The table of an upload. What is typed belongs to this script: it outlives reruns of the page, a visit to another page
// and, for some days, a reload. Rows are changed in place, so focus and scroll stay where they are.

const FIELDS = ["island", "year", "location", "side"];
const LABELS = { island: "Island", year: "Year", location: "Position", side: "Side (cm)" };
const KEPT = "reefsteps-upload-typed"; // by path, size and date of the file
const KEPT_FILES = 5000;
const KEPT_MS = 3 * 86400000;
const UNDO_STEPS = 30;
const EMIT_AFTER_MS = 120; // several cells in a row make one message
const tables = new Map();

export default function ({ parentElement, data, setStateValue }) {
  const table = tableOf(data.session);
  table.rows = new Map(data.rows.map((row) => [row.id, row]));
  table.usual = data.usual_side;
  table.emit = (cells) => setStateValue("typed", cells);
  const anew = table.parent !== parentElement;
  if (anew) attach(table, parentElement);
  if (data.rows.some((row) => !table.known.has(row.id)) || table.order.length !== data.rows.length) welcome(table, data.rows);
  paint(table);
  if (anew) resume(table);
}

function tableOf(session) {
  if (!tables.has(session)) {
    tables.set(session, { typed: {}, undo: [], order: [], known: new Set(), lines: new Map(), last: null, message: "", top: 0 });
  }
  return tables.get(session);
}

function attach(table, parent) {
  table.parent = parent;
  table.body = parent.querySelector("tbody");
  table.lines = new Map();
  table.said = parent.querySelector(".said");
  table.scroll = parent.querySelector(".scroll");
  table.tools = Object.fromEntries(["down", "count", "undo", "sort"].map((name) => [name, parent.querySelector(`.${name}`)]));
  table.tools.down.onclick = () => fillDown(table, (text) => text);
  table.tools.count.onclick = () => fillDown(table, (text, steps) => String(Number(text) + steps));
  table.tools.undo.onclick = () => undo(table);
  table.tools.sort.onclick = () => { sort(table); paint(table); };
}

// Streamlit may build the widget's element anew while somebody is typing: place and focus move to the new one.
function resume(table) {
  table.said.textContent = table.message;
  table.scroll.scrollTop = table.top;
  table.scroll.onscroll = () => { table.top = table.scroll.scrollTop; };
  const line = table.inside && table.lines.get(table.last.id);
  if (line) line.inputs[table.last.field].focus({ preventScroll: true });
}

// Files that were not there before: a new choice, or the same one after a reload.
function welcome(table, rows) {
  table.known = new Set(rows.map((row) => row.id));
  table.typed = Object.fromEntries(Object.entries(table.typed).filter(([id]) => table.known.has(id)));
  table.undo = [];
  const kept = keptCells();
  const again = rows.filter((row) => !table.typed[row.id] && kept.cells[nameOf(row)]);
  for (const row of again) table.typed[row.id] = { ...kept.cells[nameOf(row)] };
  sort(table);
  if (!again.length) return;
  say(table, `What you typed for ${again.length} of these files before is filled in again.`);
  emitSoon(table);
}

function sort(table) {
  const place = new Map([...table.rows.keys()].map((id, at) => [id, at]));
  const rank = (id) => table.rows.get(id).rank;
  table.order = [...table.rows.keys()].sort((a, b) => rank(a) - rank(b) || place.get(a) - place.get(b));
}

// --- showing ----------------------------------------------------------------------------------------------------

function paint(table) {
  const lines = table.order.map((id) => {
    if (!table.lines.has(id)) table.lines.set(id, lineOf(table, id));
    const line = table.lines.get(id);
    update(table, line, table.rows.get(id));
    return line.element;
  });
  const same = lines.length === table.body.childElementCount && lines.every((line, at) => table.body.children[at] === line);
  if (!same) table.body.replaceChildren(...lines);
  paintTools(table);
}

function paintTools(table) {
  const cell = table.last && table.rows.has(table.last.id);
  table.tools.down.disabled = !cell;
  table.tools.count.disabled = !cell || !["year", "location"].includes(table.last.field);
  table.tools.undo.disabled = table.undo.length === 0;
}

function lineOf(table, id) {
  const row = table.rows.get(id);
  const element = document.createElement("tr");
  const file = cellOf("th", "file"), note = cellOf("td", "note");
  file.scope = "row";
  file.append(row.file, small(`${(row.size / 1e6).toFixed(1)} MB`));
  const inputs = Object.fromEntries(FIELDS.map((field) => [field, inputOf(table, row, field)]));
  element.append(file, ...FIELDS.map((field) => labelled(inputs[field], field)), note);
  return { element, note, inputs, shown: "" };
}

function update(table, line, row) {
  for (const field of FIELDS) {
    const input = line.inputs[field];
    const typed = (table.typed[row.id] || {})[field];
    input.classList.toggle("typed", typed !== undefined);
    if (input.matches(":focus") && input.value !== input.dataset.shown) continue; // somebody is typing in it
    input.dataset.shown = typed ?? row[field];
    if (input.value !== input.dataset.shown) input.value = input.dataset.shown;
    if (field === "side") input.placeholder = table.usual;
  }
  const shown = [row.mark, row.note, row.key, row.from, row.rank].join("\n");
  if (line.shown === shown) return;
  line.shown = shown;
  line.element.classList.toggle("asks", row.rank < 4);
  const mark = cellOf("span", "mark");
  mark.textContent = row.mark;
  const parts = [mark, row.note, row.key && small(`→ ${row.key}`), row.from && small(row.from)].filter(Boolean);
  line.note.replaceChildren(...parts);
}

function inputOf(table, row, field) {
  const input = document.createElement("input");
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.inputMode = field === "year" || field === "location" ? "numeric" : "text";
  input.setAttribute("aria-label", `${LABELS[field]} of ${row.file}`);
  input.dataset.shown = "";
  input.onfocus = () => { table.last = { id: row.id, field }; table.inside = true; input.select(); paintTools(table); };
  input.onblur = () => { if (input.isConnected) table.inside = false; };
  input.onchange = () => change(table, [[row.id, field, input.value]]);
  input.onkeydown = (event) => key(table, event, row.id, field);
  input.onpaste = (event) => pasted(table, event, row.id, field);
  return input;
}

function cellOf(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function labelled(input, field) {
  const cell = document.createElement("td");
  cell.dataset.label = LABELS[field];
  cell.append(input);
  return cell;
}

function small(text) {
  const element = cellOf("span", "small");
  element.textContent = text;
  return element;
}

function say(table, text) {
  table.message = table.said.textContent = text;
}

// --- typing -----------------------------------------------------------------------------------------------------

// `changes` are [file id, field, text]; an emptied cell is no longer typed, and shows again what the file says itself.
function change(table, changes) {
  const before = JSON.stringify(table.typed);
  for (const [id, field, value] of changes) {
    const text = value.trim(), typed = table.typed[id] || {};
    if (text === (typed[field] ?? table.rows.get(id)[field])) continue;
    if (text) typed[field] = text;
    else delete typed[field];
    table.typed[id] = typed;
    if (!Object.keys(typed).length) delete table.typed[id];
    const input = table.lines.get(id).inputs[field];
    input.dataset.shown = input.value = text || input.dataset.shown;
  }
  if (JSON.stringify(table.typed) === before) return;
  table.undo = [...table.undo, before].slice(-UNDO_STEPS);
  keep(table);
  emitSoon(table);
  paint(table);
}

function undo(table) {
  table.typed = JSON.parse(table.undo.pop());
  say(table, "Undone.");
  keep(table);
  emitSoon(table);
  paint(table);
}

function emitSoon(table) {
  clearTimeout(table.timer);
  table.timer = setTimeout(() => table.emit(structuredClone(table.typed)), EMIT_AFTER_MS);
}

function key(table, event, id, field) {
  const step = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "d" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.target.onchange();
    fillDown(table, (text) => text);
  } else if (step) {
    event.preventDefault();
    const next = table.order[table.order.indexOf(id) + step];
    if (next) table.lines.get(next).inputs[field].focus();
    else event.target.onchange();
  }
}

function pasted(table, event, id, field) {
  const text = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "");
  if (!/[\t\n]/.test(text)) return; // one value: the browser pastes it
  event.preventDefault();
  const ids = table.order.slice(table.order.indexOf(id));
  const fields = FIELDS.slice(FIELDS.indexOf(field));
  const lines = text.split("\n").map((line) => line.split("\t"));
  const changes = lines.slice(0, ids.length).flatMap((cells, down) =>
    cells.slice(0, fields.length).map((value, across) => [ids[down], fields[across], value]));
  change(table, changes);
  const left = lines.length > ids.length ? ` ${lines.length - ids.length} lines had no file to go to.` : "";
  const wide = lines.some((cells) => cells.length > fields.length) ? " Columns right of Side were left out." : "";
  say(table, `${Math.min(lines.length, ids.length)} lines pasted.${left}${wide}`);
}

// Fills the empty cells below the one that was touched last, down to the next that is not empty.
function fillDown(table, next) {
  const { id, field } = table.last;
  const value = (row) => (table.typed[row] || {})[field] ?? table.rows.get(row)[field];
  const start = value(id);
  if (!start) return say(table, "The cell is empty: type its value first.");
  const below = table.order.slice(table.order.indexOf(id) + 1);
  const until = below.findIndex((row) => value(row) !== "");
  const filled = until < 0 ? below : below.slice(0, until);
  change(table, filled.map((row, at) => [row, field, next(start, at + 1)]));
  return say(table, `${filled.length} cells filled.`);
}

// --- over reloads -----------------------------------------------------------------------------------------------

function nameOf(row) {
  return `${row.file}|${row.size}|${row.modified}`;
}

function keptCells() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT));
    if (kept && kept.at > Date.now() - KEPT_MS) return kept;
  } catch (error) {
    // A browser without storage forgets at a reload.
  }
  return { at: Date.now(), cells: {} };
}

function keep(table) {
  const cells = keptCells().cells;
  for (const [id, row] of table.rows) {
    if (table.typed[id]) cells[nameOf(row)] = table.typed[id];
    else delete cells[nameOf(row)];
  }
  const newest = Object.fromEntries(Object.entries(cells).slice(-KEPT_FILES));
  try { localStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), cells: newest })); } catch (error) { /* as above */ }
}
