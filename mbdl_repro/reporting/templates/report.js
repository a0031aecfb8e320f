"use strict";
// Filters and sorts the table of claims, and searches; pages can be read without it.

const byId = (id) => document.getElementById(id);
const parsed = (text) => new URLSearchParams(text.replace(/^[#?]/, ""));

// The state stands in the address, so that it can be sent on, and "back" returns to it.
function remember(state) {
  const text = new URLSearchParams([...state].filter(([, value]) => value)).toString();
  history.replaceState(null, "", "#" + text);
}

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    byId("find").focus();
  }
});

// Words, whatever their capitals, accents and alphabet: λ and lambda are one.
const GREEK = (
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma " +
  "sigma tau upsilon phi chi psi omega"
).split(" ");
const folded = (text) =>
  text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("_", " ")
    .replace(/[α-ω]/g, (letter) => ` ${GREEK[letter.charCodeAt() - "α".charCodeAt()]} `);
const wordsOf = (text) =>
  folded(text).split(/[^\p{L}\p{N}.]+|\.+(?!\p{N})/u).filter(Boolean);

// The table of claims ------------------------------------------------------------------------

const COLUMNS = ["verdict", "claim", "experiment", "area", "section", "source", "written", "effect", "p", "q"];

function claimsPage(form, table) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => {
    const texts = [...row.cells].map((cell) => cell.textContent.trim());
    return {
      row,
      kind: row.className ? "published" : "claim",
      words: folded(texts.slice(0, 7).join(" ")),
      ...Object.fromEntries(COLUMNS.map((name, i) => [name, texts[i]])),
    };
  });
  let order = { by: "", down: false };

  const fits = (one, state) =>
    ["kind", "verdict", "area", "section", "written"].every((k) => !state[k] || one[k] === state[k]) &&
    fitsQ(one.q, state.q) &&
    wordsOf(state.words).every((word) => one.words.includes(word));

  function show() {
    const state = Object.fromEntries(new FormData(form));
    let n = 0;
    for (const one of rows) {
      one.row.hidden = !fits(one, state);
      n += one.row.hidden ? 0 : 1;
    }
    byId("shown").textContent = `${n} of ${rows.length} claims`;
    remember(Object.entries({ ...state, sort: order.by && (order.down ? "-" : "") + order.by }));
  }

  function sort(by, down) {
    order = { by, down };
    rows.sort((a, b) => missing(a[by], b[by]) || (down ? -1 : 1) * compare(a[by], b[by]));
    body.append(...rows.map((one) => one.row));
    for (const head of table.tHead.rows[0].cells) {
      if (head.hasAttribute("aria-sort")) {
        const here = head.textContent === by;
        head.setAttribute("aria-sort", here ? (down ? "descending" : "ascending") : "none");
      }
    }
  }

  function fromAddress() {
    const state = parsed(location.hash);
    for (const field of form.elements) if (field.name) field.value = state.get(field.name) || "";
    const by = (state.get("sort") || "").replace("-", "");
    if (COLUMNS.includes(by)) sort(by, state.get("sort")[0] === "-");
    show();
  }

  for (const head of table.tHead.querySelectorAll("[aria-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.onclick = () => {
      const by = button.textContent;
      sort(by, order.by === by && !order.down);
      show();
    };
    head.replaceChildren(button);
  }
  form.hidden = false;
  form.oninput = show;
  form.onsubmit = (event) => event.preventDefault();
  form.onreset = () => setTimeout(show);
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
}

function fitsQ(q, wanted) {
  if (!wanted) return true;
  if (wanted === "none") return q === "";
  return q !== "" && (wanted === "1" ? +q > 0.05 : +q <= +wanted);
}

// What is missing comes last, whichever way it is sorted.
const missing = (a, b) => (a === "") - (b === "");

// Numbers by size, texts by their letters.
function compare(a, b) {
  return isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
}

// Search --------------------------------------------------------------------------------------

const MOST = 60;

// Letters to change, leave out, add or swap until one word is the beginning of another; Infinity:
// more than there may be.
function lettersApart(word, other, most) {
  let before = [], row = Array.from({ length: other.length + 1 }, (_, j) => j);
  for (let i = 1; i <= word.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = word[i - 1] === other[j - 1];
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && word[i - 1] === other[j - 2] && word[i - 2] === other[j - 1];
      if (swapped) next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    [before, row] = [row, next];
  }
  const apart = Math.min(...row);
  return apart > most ? Infinity : apart;
}

function searchPage(input, list) {
  // window.PAGES: for each entry its address, its kind, its title, and what else it says.
  const entries = window.PAGES.map(([address, kind, title, text]) => ({
    address, kind, title, text,
    inTitle: folded(title),
    all: folded(`${title} ${text} ${kind} ${address}`),
  }));
  const known = new Set(entries.flatMap((one) => wordsOf(`${one.title} ${one.text} ${one.kind}`)));

  // Words that one may stand for, the nearest first, as many letters off as its length allows.
  function near(word) {
    const most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
    const by = Array.from({ length: most + 1 }, () => []);
    for (const other of known) by[lettersApart(word, other, most)]?.push(other);
    return by;
  }

  // A word that stands somewhere means itself, another one those that are most like it.
  const meant = (word) =>
    entries.some((one) => one.all.includes(word)) ? [word] : near(word).find((by) => by.length) || [];

  function show() {
    const words = wordsOf(input.value);
    const isIn = (text) => (like) => like.some((word) => text.includes(word));
    const withAll = (taken) => entries.filter((one) => taken.every(isIn(one.all)));
    let taken = words.map(meant);
    let found = words.length ? withAll(taken) : [];
    // Where no entry has them together, one of them may be wrong although it stands somewhere.
    if (words.length && !found.length) {
      taken = words.map((word) => near(word).flat());
      found = withAll(taken);
    }
    const score = (one) => taken.filter(isIn(one.inTitle)).length;
    found.sort((a, b) => (a.kind === "claim") - (b.kind === "claim") || score(b) - score(a));
    list.replaceChildren(...found.slice(0, MOST).map(hit));
    const more = found.length > MOST ? `, of which these are the first ${MOST}` : "";
    const others = words.map((word, i) => {
      const like = taken[i].filter((one) => !one.includes(word) && found.some((e) => e.all.includes(one)));
      return like.length ? `; ${word} is taken for ${like.slice(0, 3).join(", ")}` : "";
    });
    byId("shown").textContent = words.length ? `${found.length} found${more}${others.join("")}` : "";
    remember([["q", input.value]]);
  }

  function hit(one) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = one.address;
    link.textContent = one.title;
    const about = document.createElement("span");
    about.textContent = [one.kind, one.text].filter(Boolean).join(" · ");
    item.append(link, about);
    return item;
  }

  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [input, ...list.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (next && stops.includes(document.activeElement)) {
      event.preventDefault();
      next.focus();
    }
  });
  input.form.onsubmit = (event) => {
    event.preventDefault();
    const first = list.querySelector("a");
    if (first) first.focus();
  };
  input.oninput = show;
  input.value = parsed(location.hash).get("q") || parsed(location.search).get("q") || "";
  show();
  input.focus();
}

if (byId("claims")) claimsPage(byId("filters"), byId("claims"));
if (byId("hits")) searchPage(byId("find"), byId("hits"));
