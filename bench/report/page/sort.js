"use strict";
// Tables sort by a column: the better end first, then the other, then as they came, in families.

function number(cell) {
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(column, words, direction) {
  return (a, b) => {
    const [x, y] = [a.cells[column], b.cells[column]];
    if (words) return direction * x.textContent.localeCompare(y.textContent, "en", {numeric: true});
    const [p, q] = [number(x), number(y)];
    if (p === null || q === null) return (p === null) - (q === null); // rows without come last
    return direction * (p - q);
  };
}

function sortable(table) {
  const heads = [...table.querySelectorAll("thead tr.names th")];
  const bodies = [...table.tBodies].map((body) => ({body, rows: [...body.rows]}));
  const flat = document.createElement("tbody");
  const movable = [];
  for (const {rows} of bodies) {
    const family = rows.find((row) => row.classList.contains("family"));
    for (const row of rows) {
      if (row.classList.contains("family") || row.classList.contains("mean")) continue;
      if (family) row.cells[0].dataset.family = family.textContent;
      movable.push(row);
    }
  }

  function restore() {
    for (const {body, rows} of bodies) body.append(...rows);
    flat.remove();
  }

  heads.forEach((head, column) => {
    const words = column === 0 || head.classList.contains("words");
    const first = words || head.dataset.better === "-1" ? 1 : -1;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    let direction = 0;
    head.reset = () => { direction = 0; head.removeAttribute("aria-sort"); };
    button.addEventListener("click", () => {
      const next = direction === 0 ? first : direction === first ? -first : 0;
      heads.forEach((other) => other.reset());
      direction = next;
      table.classList.toggle("sorted", direction !== 0);
      if (direction === 0) return restore();
      head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      table.append(flat);
      flat.append(...[...movable].sort(compare(column, words, direction)));
    });
  });
}

for (const table of document.querySelectorAll(".results table")) sortable(table);
for (const box of document.querySelectorAll(".scroll, .frame")) {
  const caption = box.closest("figure").querySelector("figcaption strong");
  box.tabIndex = 0; // the arrow keys move what is wider than its box
  box.setAttribute("role", "region");
  if (caption) box.setAttribute("aria-label", caption.textContent);
}
// A link to a part that is folded up unfolds it.
function unfold() {
  let part = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
}
addEventListener("hashchange", unfold);
unfold();
