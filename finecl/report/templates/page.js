// The table of labels: sorting, filtering, verdicts, CSV. Reads JSON from the script element "labels-data".
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("labels-data").textContent);
  const count = data.uid.length, size = 25, store = `finecl-verdicts:${data.run}:${data.uid[0]}`;
  const at = (id) => document.getElementById(id);
  const element = (tag, text = "", classes = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (classes) node.className = classes;
    return node;
  };
  const percent = (thousandths) => `${(thousandths / 10).toFixed(1)}\u00a0%`;
  const truth = (row) => (data.truth[row] === -2 ? "" : data.truth[row] === -1 ? "no relation" : data.relations[data.truth[row]]);
  const lower = data.text.map((text, row) => `${text} ${data.title[row]} ${data.uid[row]}`.toLowerCase());
  const verdicts = new Map();
  try {
    for (const [uid, verdict] of Object.entries(JSON.parse(localStorage.getItem(store) || "{}"))) verdicts.set(uid, verdict);
  } catch { /* without storage, verdicts are lost when the page is closed */ }

  const columns = {
    wrong: (row) => data.wrong[row],
    rank: (row) => data.rank[row],
    weight: (row) => data.weight[row],
    learned: (row) => (data.learned ? data.learned[row] || Infinity : 0),
    relation: (row) => data.relations[data.relation[row]],
    text: (row) => data.text[row],
  };
  let order = [...Array(count).keys()], shown = order, page = 0, sorted = data.wrong ? "wrong" : "rank", rising = !data.wrong;
  const open = new Set();

  const verdict = (row) => verdicts.get(data.uid[row])?.verdict || data.verdict[row];
  const keeps = {
    all: () => true,
    likely: (row) => data.wrong && data.wrong[row] >= 500,
    wrong: (row) => data.truth[row] !== -2 && data.truth[row] !== data.relation[row],
    right: (row) => data.truth[row] === data.relation[row],
    never: (row) => data.learned && data.learned[row] === 0,
    dropped: (row) => data.weight[row] === 0,
    random: (row) => data.drawn[row] === "random",
    noisiest: (row) => data.drawn[row] === "noisiest",
    judged: (row) => Boolean(verdict(row)),
    suggested: (row) => data.suggested && data.suggested[row] !== data.relation[row],
  };

  const suggestion = (row) => (data.suggested[row] === -1 ? "no relation" : data.relations[data.suggested[row]]);

  function sort() {
    const of = columns[sorted], sign = rising ? 1 : -1;
    const keys = Array.from({ length: count }, (_, row) => of(row));
    order = [...Array(count).keys()].sort((a, b) => (keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b));
    mark();
    filter();
  }

  function mark() {
    for (const head of document.querySelectorAll("#labels-table th[data-column]")) {
      const own = head.dataset.column === sorted;
      head.setAttribute("aria-sort", own ? (rising ? "ascending" : "descending") : "none");
    }
  }

  function filter() {
    const words = at("labels-find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const relation = at("labels-relation").value, keep = keeps[at("labels-show").value];
    shown = order.filter((row) => (relation === "" || data.relation[row] === Number(relation))
      && keep(row) && words.every((word) => lower[row].includes(word)));
    page = 0;
    draw();
  }

  function marked(row) {
    const paragraph = element("p", "", "text"), text = data.text[row];
    const spans = [];
    for (const role of ["head", "tail"]) {
      for (let i = 0; i < data[role][row].length; i += 2) spans.push([data[role][row][i], data[role][row][i + 1], role]);
    }
    let done = 0;
    for (const [start, end, role] of spans.sort((a, b) => a[0] - b[0])) {
      paragraph.append(text.slice(done, start), element("mark", text.slice(start, end), role));
      done = end;
    }
    paragraph.append(text.slice(done));
    return paragraph;
  }

  function judge(row, judged) {
    const uid = data.uid[row], before = verdicts.get(uid);
    if (judged === null || (before && before.verdict === judged.verdict && before.truth === judged.truth)) verdicts.delete(uid);
    else verdicts.set(uid, judged);
    try {
      localStorage.setItem(store, JSON.stringify(Object.fromEntries(verdicts)));
    } catch { /* see above */ }
    draw();
  }

  function judging(row) {
    const cell = element("td", "", "verdict"), own = verdicts.get(data.uid[row]);
    for (const [value, sign] of [["right", "✓"], ["wrong", "✗"]]) {
      const button = element("button", `${sign} ${value}`, value);
      button.type = "button";
      button.setAttribute("aria-pressed", String(verdict(row) === value));
      button.addEventListener("click", () => judge(row, { verdict: value, truth: null }));
      cell.append(button, " ");
    }
    if (own?.verdict === "wrong") {
      const select = element("select");
      select.setAttribute("aria-label", "The true relation");
      select.append(new Option("true relation …", ""));
      data.relations.forEach((name, number) => number !== data.relation[row] && select.append(new Option(name, data.ids[number])));
      select.value = own.truth || "";
      select.addEventListener("change", () => judge(row, { verdict: "wrong", truth: select.value || null }));
      cell.append(select);
    }
    return cell;
  }

  function why(row) {
    const details = element("div", "", "why");
    const ranks = Object.entries(data.scorers).map(([name, of]) => `${name} ${of[row].toLocaleString("en")}`);
    if (ranks.length) details.append(element("p", `Rank of ${data.total.toLocaleString("en")} labels, by scorer (1: the noisiest): ${ranks.join(" · ")}`));
    const near = data.neighbours[row];
    if (near?.length) {
      const same = near.filter(([other]) => data.relation[other] === data.relation[row]).length;
      details.append(element("p", `Nearest labels by the untrained encoder; ${same} of ${near.length} have the same relation:`));
      const list = element("ul");
      for (const [other, cosine] of near) {
        const item = element("li", `${data.relations[data.relation[other]]} (cosine ${(cosine / 100).toFixed(2)}, rank ${data.rank[other].toLocaleString("en")})`);
        item.append(marked(other));
        list.append(item);
      }
      details.append(list);
    } else details.append(element("p", "Neighbours are available for the noisiest labels only."));
    details.append(element("p", `uid ${data.uid[row]}${data.drawn[row] ? ` · to judge: ${data.drawn[row]}` : ""}`, "small"));
    return details;
  }

  function line(row) {
    const tableRow = element("tr");
    tableRow.dataset.uid = data.uid[row];
    const number = (name, text) => {
      const cell = element("td", text, name === "relation" ? "" : "number");
      cell.dataset.name = name;
      tableRow.append(cell);
    };
    if (data.wrong) number("wrong", percent(data.wrong[row]));
    number("rank", data.rank[row].toLocaleString("en"));
    number("relation", data.relations[data.relation[row]]);
    const cell = element("td", "", "sentence");
    cell.append(marked(row));
    const about = element("p", data.title[row], "small");
    const stated = truth(row);
    if (stated) about.append(" · ", data.truth[row] === data.relation[row] ? element("span", "✓ right", "right")
      : element("span", `✗ true relation: ${stated}`, "wrong"));
    if (data.suggested && data.suggested[row] !== data.relation[row]) {
      about.append(" · ", element("span", `suggested: ${suggestion(row)} (${percent(data.sure[row])})`, "suggested"));
    }
    const button = element("button", open.has(row) ? "hide" : "why?", "link");
    button.type = "button";
    button.setAttribute("aria-expanded", String(open.has(row)));
    button.addEventListener("click", () => { open.has(row) ? open.delete(row) : open.add(row); draw(); });
    about.append(" · ", button);
    cell.append(about);
    if (open.has(row)) cell.append(why(row));
    tableRow.append(cell, judging(row));
    number("weight", data.weight[row].toFixed(3));
    if (data.learned) number("learned", String(data.learned[row] || "never"));
    return tableRow;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(shown.length / size));
    const focused = focusedControl();
    at("labels-rows").replaceChildren(...shown.slice(page * size, (page + 1) * size).map(line));
    at("labels-count").textContent = `${shown.length.toLocaleString("en")} of ${count.toLocaleString("en")} labels · page ${page + 1} of ${pages}`;
    at("labels-before").disabled = page === 0;
    at("labels-after").disabled = page + 1 >= pages;
    focused();
    const own = verdicts.size;
    at("labels-save").disabled = own === 0;
    at("labels-save").textContent = own ? `Save ${own} verdict${own > 1 ? "s" : ""}` : "Save verdicts";
  }

  // Returns a function that puts the focus where it was, so that a keyboard can go on after the rows were drawn again.
  function focusedControl() {
    const active = document.activeElement, row = active?.closest?.("#labels-rows tr");
    if (active === at("labels-before") || active === at("labels-after")) {
      return () => { if (active.disabled) at(active.id === "labels-before" ? "labels-after" : "labels-before").focus(); };
    }
    if (!row) return () => {};
    const uid = row.dataset.uid, place = [...row.querySelectorAll("button, select")].indexOf(active);
    return () => document.querySelector(`#labels-rows tr[data-uid="${uid}"]`)?.querySelectorAll("button, select")[place]?.focus();
  }

  function download(name, lines, type) {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob(lines, { type }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function save() {
    const row = new Map(data.uid.map((uid, number) => [uid, number]));
    const lines = [...verdicts].filter(([uid]) => row.has(uid)).map(([uid, judged]) => `${JSON.stringify({
      uid, verdict: judged.verdict, truth: judged.truth, drawn: data.drawn[row.get(uid)] })}\n`);
    download("verdicts.jsonl", lines, "application/jsonl");
    at("labels-status").textContent = `Saved verdicts.jsonl. Next: finecl review import ${data.run} verdicts.jsonl`;
  }

  // The shown labels with the columns of the table that `finecl score` writes.
  function csv() {
    const name = (role) => (row) => data.text[row].slice(...data[role][row].slice(0, 2).concat(data[role][row].length ? [] : [0, 0]));
    const all = {
      document: (row) => data.title[row], sentence: (row) => data.text[row], head: name("head"),
      relation: (row) => data.ids[data.relation[row]], tail: name("tail"), rank: (row) => data.rank[row],
      p_wrong: data.wrong && ((row) => data.wrong[row] / 1000), weight: (row) => data.weight[row],
      suggested: data.suggested && ((row) => (data.suggested[row] === -1 ? "" : data.ids[data.suggested[row]])),
      suggested_confidence: data.suggested && ((row) => data.sure[row] / 1000),
      learned_epoch: data.learned && ((row) => data.learned[row]),
      verdict, truth: (row) => verdicts.get(data.uid[row])?.truth || (data.truth[row] >= 0 ? data.ids[data.truth[row]] : truth(row)),
      drawn: (row) => data.drawn[row], uid: (row) => data.uid[row],
    };
    const named = Object.entries(all).filter(([, value]) => value);
    const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const rows = shown.map((row) => named.map(([, value]) => quoted(value(row))).join(","));
    download("labels.csv", [[named.map(([column]) => column).join(","), ...rows, ""].join("\r\n")], "text/csv");
  }

  const names = data.relations.slice(0, data.labelled).map((name, number) => [name, number]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  for (const [name, number] of names) at("labels-relation").append(new Option(name, number));
  for (const head of document.querySelectorAll("#labels-table th[data-column] button")) {
    head.addEventListener("click", () => {
      const column = head.parentElement.dataset.column;
      rising = sorted === column ? !rising : !["wrong", "weight"].includes(column);
      sorted = column;
      sort();
    });
  }
  for (const id of ["labels-relation", "labels-show"]) at(id).addEventListener("change", filter);
  at("labels-find").addEventListener("input", filter);
  at("labels-before").addEventListener("click", () => { page -= 1; draw(); });
  at("labels-after").addEventListener("click", () => { page += 1; draw(); });
  at("labels-save").addEventListener("click", save);
  at("labels-csv").addEventListener("click", csv);
  for (const button of document.querySelectorAll("button[data-show]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      at("labels-show").value = button.dataset.show;
      filter();
      at("labels").scrollIntoView();
      at("labels-show").focus({ preventScroll: true });
    });
  }
  at("labels-view").hidden = false;
  mark();
  filter();
})();
