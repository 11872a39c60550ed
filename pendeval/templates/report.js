"use strict";
(() => {
  const order = new Intl.Collator("en", { numeric: true });

  // What a cell sorts by; null is missing and comes last whichever way the column runs.
  function key(cell) {
    if (cell.classList.contains("number")) return "value" in cell.dataset ? Number(cell.dataset.value) : null;
    return cell.textContent.trim() || null;
  }

  function sort(table, column, ascending) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [key(row.cells[column]), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      if (a === b) return 0;
      const difference = typeof a === "number" ? a - b : order.compare(a, b);
      return ascending ? difference : -difference;
    });
    for (const [, row] of rows) body.append(row);
  }

  for (const button of document.querySelectorAll("th button")) {
    const head = button.closest("th");
    button.disabled = false;
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(head.closest("table"), head.cellIndex, ascending);
    });
  }

  for (const input of document.querySelectorAll("input[data-filter]")) {
    const rows = Array.from(document.getElementById(input.dataset.filter).tBodies[0].rows);
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const line = input.closest(".filter");
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
      line.querySelector("output").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    };
    line.hidden = false;
    input.addEventListener("input", filter);
    filter();
  }

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();
