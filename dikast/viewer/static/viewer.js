// Moves the selection, follows a run that is being written, sorts and filters an exported page.
// Every page can be read and every link followed without it. No markup is made here but of what our server drew.
"use strict";

const EVERY_MS = 2000;
const typing = () => /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
const lines = () => [...document.querySelectorAll("table[data-keys] tbody tr")].filter((line) => !line.hidden);
const linkOf = (line) => line?.querySelector("th a");
const chosen = () => document.querySelector("table[data-keys] tr[aria-current]");
const follow = (rel) => {
  const link = document.querySelector(`main a[rel=${rel}]`);
  if (link) location.assign(link.href);
  return Boolean(link);
};

function choose(line) {
  chosen()?.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  linkOf(line)?.focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
  if (line.dataset.key) sessionStorage.setItem(location.pathname, line.dataset.key);
}

function move(step) {
  const all = lines();
  if (!all.length) return follow(step > 0 ? "next" : "prev");
  const now = all.indexOf(chosen());
  const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : now + step;
  if (all[next]) choose(all[next]);
  return true;
}

function leave() {
  const details = document.activeElement?.closest?.("dialog[open]");
  if (details) return details.close();
  if (typing()) return document.activeElement.blur();
  if (follow("up")) return;
  const crumbs = [...document.querySelectorAll("nav a")];
  if (crumbs.length > 1) location.assign(crumbs[crumbs.length - 2].href);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return leave();
  if (typing()) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) { event.preventDefault(); move(step); }
  else if (event.key === "/" && document.querySelector("input[type=search]")) {
    event.preventDefault();
    document.querySelector("input[type=search]").focus();
  } else if (event.key === "Enter" && document.activeElement === document.body) {
    const link = linkOf(chosen()) ?? document.querySelector("a[data-open]");
    if (link) location.assign(link.href);
  }
});

// Coming back from a row, the row is where one was.
function restore() {
  const kept = sessionStorage.getItem(location.pathname);
  const line = kept && lines().find((one) => one.dataset.key === kept);
  if (line) { line.setAttribute("aria-current", "true"); line.scrollIntoView({ block: "nearest" }); linkOf(line)?.focus({ preventScroll: true }); }
}

// A run that is being written: the page is asked for again, and those parts that changed take the place of the old.
const moving = () => document.querySelector("[data-state=running]") || (document.body.dataset.page === "home" && document.querySelector("[data-live]"));

async function refresh() {
  if (document.hidden || typing()) return;
  const reply = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  const key = chosen()?.dataset.key;
  const focused = document.activeElement?.getAttribute?.("href");
  const open = [...document.querySelectorAll("details")].map((one) => one.open);
  const ticked = [...document.querySelectorAll("input[name=run]:checked")].map((one) => one.value);
  for (const part of fresh.querySelectorAll("[data-live][id]")) {
    const old = document.getElementById(part.id);
    if (old && old.outerHTML !== part.outerHTML) old.replaceWith(document.adoptNode(part));
  }
  document.querySelectorAll("details").forEach((one, at) => { if (open[at]) one.open = true; });
  document.querySelectorAll("input[name=run]").forEach((one) => { one.checked = ticked.includes(one.value); });
  const line = key && lines().find((one) => one.dataset.key === key);
  if (line) line.setAttribute("aria-current", "true");
  if (focused && document.activeElement === document.body) document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

async function watch() {
  while (moving()) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    try { await refresh(); } catch { document.getElementById("standing")?.setAttribute("data-lost", ""); }
  }
}

// The exported page has no server: its table is sorted and filtered here.
function settle(table) {
  const body = table.tBodies[0];
  table.tHead.querySelectorAll("th").forEach((head, column) => {
    const button = head.querySelector("button");
    button?.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.tHead.querySelectorAll("th").forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (line) => line.cells[column].dataset.value ?? line.cells[column].textContent.trim();
      const order = (a, b) => { const [x, y] = [value(a), value(b)]; const n = Number(x) - Number(y); return Number.isNaN(n) ? x.localeCompare(y) : n; };
      body.append(...[...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b))));
    });
  });
  const words = document.getElementById("words"), outcome = document.getElementById("outcome"), told = document.getElementById("told");
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const line of body.rows) {
      const story = document.getElementById(line.dataset.story);
      const text = (line.textContent + " " + (story?.textContent ?? "")).toLowerCase();
      line.hidden = !(wanted.every((word) => text.includes(word)) && (!outcome.value || line.dataset.outcome === outcome.value));
      if (story) story.hidden = line.hidden;
    }
    told.textContent = `${lines().length} rows`;
  };
  words?.addEventListener("input", filter);
  outcome?.addEventListener("change", filter);
}

function openLinked() {
  const details = location.hash && document.getElementById(location.hash.slice(1));
  if (details && details.tagName === "DETAILS") details.open = true;
}

document.querySelectorAll("table[data-static]").forEach(settle);
addEventListener("hashchange", openLinked);
openLinked();
if (document.querySelector("table[data-keys]:not([data-static])")) restore();
if (document.querySelector("[data-live]")) watch();
