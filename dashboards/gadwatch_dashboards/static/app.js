// What every page does with JavaScript: times in the viewer's zone, copying, confirming, keys.
const lang = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(lang, { style: "narrow", numeric: "always" });
const full = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });

export function csrf() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

function ago(date) {
  const seconds = Math.max(0, (Date.now() - date) / 1000);
  for (const [size, unit] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= size) return relative.format(-Math.round(seconds / size), unit);
  }
  return relative.format(-Math.round(seconds), "second");
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    const text = element.dataset.style === "full" ? full.format(date) : ago(date);
    if (element.textContent !== text) element.textContent = text;
    element.title = full.format(date);
  }
}

export function enhance(root = document) {
  showTimes(root);
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// Replace an element by the same element of a freshly rendered page, keeping what the reader
// opened, scrolled or typed, and marking rows that changed.
export async function refresh(selector, url = location.href) {
  const reply = await fetch(url, { headers: { Accept: "text/html", "X-Refresh": "1" } });
  if (reply.redirected && new URL(reply.url).pathname === "/login") location.reload(); // the session has ended
  if (!reply.ok || reply.redirected) return false;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.querySelector(selector);
  const old = document.querySelector(selector);
  if (!fresh || !old) return false;
  enhance(fresh);
  for (const { id } of old.querySelectorAll(".pointed")) fresh.querySelector(`#${CSS.escape(id)}`)?.classList.add("pointed");
  for (const field of fresh.querySelectorAll("[name=csrf_token]")) field.value = csrf();
  if (fresh.innerHTML === old.innerHTML) return true;
  const focused = document.activeElement;
  if (old.contains(focused) && focused.matches("input:not([type=checkbox]), select, textarea")) return true;
  const open = [...old.querySelectorAll("details")].map((d) => d.open);
  fresh.querySelectorAll("details").forEach((d, i) => { d.open = open[i] ?? d.open; });
  const scrolled = [...old.querySelectorAll(".scroll, .findings")].map((e) => e.scrollTop);
  const checked = new Set([...old.querySelectorAll("input:checked")].map((i) => i.value));
  fresh.querySelectorAll("input[type=checkbox]").forEach((i) => { i.checked = checked.has(i.value); });
  markChanges(old, fresh);
  const path = old.contains(focused) ? [...old.querySelectorAll("a, button, [tabindex]")].indexOf(focused) : -1;
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll, .findings").forEach((e, i) => { e.scrollTop = scrolled[i] ?? 0; });
  if (path >= 0) [...fresh.querySelectorAll("a, button, [tabindex]")][path]?.focus({ preventScroll: true });
  return true;
}

function markChanges(old, fresh) {
  for (const row of fresh.querySelectorAll("tr[data-run]")) {
    const before = old.querySelector(`tr[data-run="${CSS.escape(row.dataset.run)}"]`);
    if (before && before.innerText !== row.innerText) row.classList.add("changed");
  }
}

// Pages on plain http have no clipboard: there the selection is copied.
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await copy(document.querySelector(button.dataset.copy));
    button.querySelector("span").textContent = button.dataset.done;
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("animationend", (event) => event.target.classList.remove("pointed"));

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-autosubmit]") && !event.target.closest("details.menu")) submitClean(form);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-autosubmit]")) {
    event.preventDefault();
    submitClean(event.target);
  }
});

// Leave empty fields out, so that shared addresses stay short.
function submitClean(form) {
  const url = new URL(form.action);
  const fields = [...new FormData(form)];
  if (form.matches("[data-keep-rest]")) url.search = location.search;
  for (const [key] of fields) url.searchParams.delete(key);
  for (const [key, value] of fields) if (value !== "") url.searchParams.append(key, value);
  location.assign(url);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const field = document.querySelector("[data-slash], [data-metric-search]");
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (typing) typing.blur();
  }
});

// Links that change parts of the address keep what scripts have put into it since the page was made.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-keep-query]");
  if (!link) return;
  const wish = new URL(link.href).searchParams;
  const url = new URL(location.href);
  for (const key of link.dataset.keepQuery.split(" ")) {
    url.searchParams.delete(key);
    for (const value of wish.getAll(key)) url.searchParams.append(key, value);
  }
  link.href = url;
});

// A list that follows along: asked for again every few seconds while somebody looks.
const list = document.querySelector("[data-live-list]");
if (list) {
  const every = 4000;
  const live = document.querySelector("[data-live]");
  const say = (word) => { live.hidden = false; live.dataset.state = word; live.querySelector("[data-live-word]").textContent = live.dataset[word]; };
  say("on");
  setInterval(() => {
    if (document.hidden) return;
    refresh(list.dataset.refresh).then((well) => {
      say(well ? "on" : "waiting");
      // With the first run come its filters too.
      if (list.matches("[data-first-run]") && !document.querySelector("[data-first-run]")) location.reload();
    }).catch(() => say("waiting"));
  }, every);
}

// What was asked for once is remembered by a cookie and need not stay in shared addresses.
const here = new URL(location.href);
if (here.searchParams.has("theme") || here.searchParams.has("notice")) {
  here.searchParams.delete("theme");
  here.searchParams.delete("notice");
  history.replaceState(null, "", here);
}

setInterval(() => { if (!document.hidden) showTimes(); }, 1000);
enhance();
