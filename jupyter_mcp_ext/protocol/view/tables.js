// Data frames as tables that sort and filter, and other HTML as a page of its own.

const MAX_ROWS = 5000, MAX_COLUMNS = 1024, MAX_CELL = 1000, MAX_GRID = 1_000_000;
const MAX_DRAWN = 60_000;  // cells that are in the page at a time
const FILTER_FROM = 10;

/** HTML of a kernel: its data frame, or a page without scripts. */
function html(section, source) {
  const parsed = new DOMParser().parseFromString(source, "text/html");
  const table = parsed.querySelector("table.dataframe") ?? parsed.querySelector("table");
  const isStyled = parsed.querySelector("style") && !table?.matches(".dataframe");
  return table && !isStyled && frame(section, parsed, table) || page(section, parsed);
}

/** A data frame's HTML, which is parsed and never put into the page. */
function frame(section, parsed, source) {
  const heads = grid([...source.querySelectorAll("thead tr")]);
  const found = [...source.querySelectorAll("tbody tr, :scope > tr")];
  const rows = grid(found.slice(0, MAX_ROWS));
  const all = Math.max(0, ...[...heads, ...rows].map(row => row.length));
  const width = Math.min(all, MAX_COLUMNS);
  if (!width) return false;
  const names = [...Array(width).keys()].map(n =>
    [...new Set(heads.map(row => row[n]?.words).filter(Boolean))].join(" / "));
  const columns = rows.length ? all - rows[0].filter(cell => cell?.isHead).length
    : names.filter(Boolean).length;
  const said = sizeOf(parsed.body.textContent) ?? [found.length, columns];
  const there = rows.filter(row => !/^(\.{3}|…)$/.test(row[0]?.words)).length;
  const left = said[0] > there ? `${there} of ` : "";
  const kept = all > width ? `, the first ${width} of them` : "";
  section.append(...tableOf(names, rows, `${left}${said[0]} rows × ${said[1]} columns${kept}`));
  return true;
}

/** The size that pandas or polars writes beside a data frame. */
function sizeOf(words) {
  const found = /(\d+) rows × (\d+) columns/.exec(words) ?? /shape: \(([\d_]+), ([\d_]+)\)/.exec(words);
  return found?.slice(1, 3).map(number => Number(number.replaceAll("_", "")));
}

/** Rows of cells, with those that span several repeated. */
function grid(rows) {
  const cells = rows.map(() => []);
  let number = 0;
  rows.forEach((row, y) => {
    let x = 0;
    for (const cell of row.cells) {
      while (cells[y][x]) x++;
      if (x >= MAX_COLUMNS) {
        cells[y].length = Math.max(cells[y].length, row.cells.length);
        break;
      }
      const across = Math.min(cell.colSpan, MAX_COLUMNS - x), down = Math.min(cell.rowSpan, rows.length - y);
      if ((number += across * down) > MAX_GRID) throw new Error("the table has over a million cells.");
      const one = { words: cell.textContent.trim().slice(0, MAX_CELL), isHead: cell.localName === "th" };
      for (let dy = 0; dy < down; dy++)
        for (let dx = 0; dx < across; dx++) cells[y + dy][x + dx] = one;
      x += across;
    }
  });
  return cells;
}

function tableOf(names, rows, size) {
  const table = element("table"), head = element("tr"), body = element("tbody");
  const bar = element("div", "bar"), count = element("span", "note", size);
  const most = Math.max(20, Math.floor(MAX_DRAWN / names.length));
  count.setAttribute("role", "status");
  let by = -1, up = true, wanted = "";
  const fill = () => {
    const found = rows.filter(row => row.some(cell => cell?.words.toLowerCase().includes(wanted)));
    if (by >= 0) found.sort((a, b) => compare(a[by]?.words ?? "", b[by]?.words ?? "") * (up ? 1 : -1));
    body.replaceChildren(...found.slice(0, most).map(cells => {
      const row = element("tr");
      for (let n = 0; n < names.length; n++) row.append(cellOf(cells[n]));
      return row;
    }));
    count.textContent = (wanted ? `${found.length} found in ${size}` : size)
      + (found.length > most ? `, shown are the first ${most}` : "");
    [...head.children].forEach((cell, n) =>
      cell.setAttribute("aria-sort", n !== by ? "none" : up ? "ascending" : "descending"));
  };
  names.forEach((name, n) => {
    const cell = element("th"), button = element("button", "", name || "#");
    button.dir = "auto";
    button.addEventListener("click", () => { up = by === n ? !up : true; by = n; fill(); });
    cell.append(button);
    head.append(cell);
  });
  const top = element("thead");
  top.append(head);
  table.append(top, body);
  fill();
  if (rows.length > FILTER_FROM) {
    const filter = element("input");
    filter.placeholder = filter.ariaLabel = "Filter rows";
    filter.addEventListener("input", () => { wanted = filter.value.toLowerCase(); fill(); });
    bar.append(filter);
  }
  bar.append(count);
  const scrolled = element("div", "rows");
  scrolled.tabIndex = 0;
  scrolled.setAttribute("role", "region");
  scrolled.ariaLabel = "Rows";
  scrolled.append(table);
  return [bar, scrolled];
}

function cellOf(cell) {
  const made = element(cell?.isHead ? "th" : "td", "", cell?.words ?? "");
  made.dir = "auto";
  return made;
}

/** Numbers by their value, before all else; texts as a person would sort them. */
function compare(a, b) {
  const x = Number(a.replace(/,/g, "") || NaN), y = Number(b.replace(/,/g, "") || NaN);
  if (Number.isNaN(x) || Number.isNaN(y))
    return Number.isNaN(x) - Number.isNaN(y) || a.localeCompare(b, undefined, { numeric: true });
  return x - y;
}
