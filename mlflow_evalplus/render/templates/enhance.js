"use strict";
// Tables are there without this: it adds sorting, a filter, and links that stay inside a sandboxed frame.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };

  const sort = (table, header) => {
    const column = header.cellIndex, numeric = header.dataset.sort === "number", body = table.tBodies[0];
    const [first, other] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
    const order = header.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const keyed = Array.from(body.rows, (row) => [numeric ? parseFloat(value(row, column)) : value(row, column), row]);
    const compare = numeric
      ? (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : sign * (a - b))
      : (a, b) => sign * a.localeCompare(b, undefined, { numeric: true });
    keyed.sort(([a], [b]) => compare(a, b));
    body.append(...keyed.map(([, row]) => row));
    for (const each of table.querySelectorAll("th[aria-sort]")) each.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", order);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const header of table.tHead.querySelectorAll("th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", header.dataset.sorted ?? "none");
      button.addEventListener("click", () => sort(table, header));
    }
  }

  for (const box of document.querySelectorAll(".filter[data-table]")) {
    const rows = Array.from(document.getElementById(box.dataset.table).tBodies[0].rows);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const input = box.querySelector("input"), said = box.querySelector("[role=status]");
    box.hidden = false;
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        row.hidden = !words.every((word) => texts[place].includes(word));
        shown += !row.hidden;
      });
      said.textContent = words.length ? `${shown} of ${rows.length} shown` : "";
    });
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of folded) each.open = false; });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    const heading = target.querySelector("h2") ?? target;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  });
})();
