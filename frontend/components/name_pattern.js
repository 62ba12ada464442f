// Marks which parts of one file name are island, year and position. Python learns the pattern and says what it fits;
// it counts in characters, where JavaScript counts in halves of some.

const WORDS = { island: "island", year: "year", location: "position" };

export default function ({ parentElement, data, setStateValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const name = find(".name");
  const marks = data.pattern && data.pattern.example === data.name ? data.pattern.marks : {};
  const tell = (next) => setStateValue("pattern", { value: Object.keys(next).length ? { example: data.name, marks: next } : null });
  if (name.value !== data.name) {
    name.value = data.name;
    find(".pieces").replaceChildren(...pieces(data.name).map(([text, start]) => pieceOf(name, text, start)));
  }
  for (const button of parentElement.querySelectorAll("[data-part]")) {
    button.onclick = () => {
      const span = [name.selectionStart, name.selectionEnd].map((at) => [...data.name.slice(0, at)].length);
      if (span[0] === span[1]) return void (find(".marked").textContent = "Select a part of the name first.");
      const others = Object.entries(marks).filter(([part, [start, end]]) =>
        part !== button.dataset.part && (end <= span[0] || start >= span[1]));
      tell({ ...Object.fromEntries(others), [button.dataset.part]: span });
    };
  }
  find(".forget").hidden = !Object.keys(marks).length;
  find(".forget").onclick = () => tell({});
  const said = Object.entries(marks).map(([part, [start, end]]) => `${WORDS[part]}: ${[...data.name].slice(start, end).join("")}`);
  find(".marked").textContent = said.length ? `Marked: ${said.join(", ")}.` : "Nothing is marked yet.";
}

function pieces(name) {
  const stem = name.replace(/\.[^.]*$/, "");
  return [...stem.matchAll(/\d+|\p{L}+/gu)].map((match) => [match[0], match.index]);
}

function pieceOf(name, text, start) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.onclick = () => {
    name.focus();
    name.setSelectionRange(start, start + text.length);
  };
  return button;
}
