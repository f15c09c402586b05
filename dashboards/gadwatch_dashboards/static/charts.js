// Figures come from the server as plotly's JSON; here they are mounted, zoomed and kept in step.
import { inTurn, plotly } from "./plotly.js";

const MARGIN = 200; // pixels beyond the screen within which charts are drawn already
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// Names of metrics may have blanks.
const metricsOf = (figure) => figure.dataset.metrics.split("\n");

export class Charts {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("[data-view]");
    this.figures = [...root.querySelectorAll("[data-chart]")];
    this.mounted = new Set();
    this.zoom = this.readZoom();
    this.lastStep = Number(root.dataset.lastStep) || 0;
    this.bindControls();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.reload());
  }

  // Only charts near the screen are drawn; a page of hundreds stays light.
  watch() {
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const figure = entry.target;
        figure.near = entry.isIntersecting;
        if (figure.near && (!this.mounted.has(figure) || figure.stale)) this.draw(figure);
      }
    }, { rootMargin: `${MARGIN}px` });
    for (const figure of this.figures) {
      figure.querySelector("[data-plot]").dataset.state = "waiting";
      this.seen.observe(figure);
    }
    // The observer tells after the next frame, and the drawing library runs before that.
    for (const figure of this.figures) {
      const box = figure.getBoundingClientRect();
      figure.near = box.height > 0 && box.top < innerHeight + MARGIN && box.bottom > -MARGIN;
      if (figure.near) this.draw(figure);
    }
    for (const tool of this.root.querySelectorAll("[data-tool]")) tool.hidden = false;
    // Plotly looks at the window's size alone, which need not change.
    this.root.addEventListener("fullscreenchange", (event) => {
      const plot = event.target.querySelector("[data-plot]");
      if (plot?.data) Plotly.Plots.resize(plot);
    });
    this.root.addEventListener("click", (event) => {
      const tool = event.target.closest("[data-tool]");
      if (tool) this.use(tool.dataset.tool, tool.closest("[data-chart]"));
    });
  }

  address(figure) {
    const url = new URL(figure.dataset.source, location.href);
    for (const [key, value] of this.state()) url.searchParams.append(key, value);
    url.searchParams.set("theme", theme());
    return url;
  }

  state() {
    const pairs = [];
    if (this.form) {
      const data = new FormData(this.form);
      if (data.get("axis") && data.get("axis") !== "step") pairs.push(["axis", data.get("axis")]);
      if (Number(data.get("smooth")) > 0) pairs.push(["smooth", data.get("smooth")]);
      for (const key of ["log", "robust"]) if (data.get(key)) pairs.push([key, "1"]);
    }
    if (this.zoom) pairs.push(["from", this.zoom[0]], ["to", this.zoom[1]]);
    return pairs;
  }

  async draw(figure) {
    const plot = figure.querySelector("[data-plot]");
    const turn = (figure.turn = (figure.turn ?? 0) + 1);
    figure.stale = false;
    this.mounted.add(figure);
    let answer;
    try {
      const [reply] = await Promise.all([fetch(this.address(figure)), plotly()]);
      if (!reply.ok) throw new Error(String(reply.status));
      answer = await reply.json();
    } catch {
      if (!plot.data) plot.textContent = "";
      plot.dataset.state = "failed";
      this.mounted.delete(figure);
      return;
    }
    await inTurn(() => figure.turn === turn && this.put(figure, plot, answer));
  }

  async put(figure, plot, answer) {
    const first = !plot.data;
    if (first) plot.textContent = "";
    inViewersZone(answer.figure);
    await Plotly.react(plot, answer.figure.data, answer.figure.layout, CONFIG);
    delete plot.dataset.state;
    figure.querySelector("[data-summary]").textContent = answer.summary;
    plot.setAttribute("aria-label", `${figure.querySelector("b").textContent}: ${answer.summary}`);
    figure.table = answer.table;
    this.fillTable(figure);
    if (first) this.bindPlot(figure, plot);
  }

  reload(only = this.mounted) {
    for (const figure of only) {
      if (figure.near) this.draw(figure);
      else figure.stale = true;
    }
  }

  bindPlot(figure, plot) {
    plot.on("plotly_relayout", (change) => {
      // A reader's zoom tells both ends; the range as a whole is only ever set by makeRoom.
      const ends = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (ends[0] !== undefined) this.zoomTo(this.steps(plot, ends));
    });
    plot.on("plotly_doubleclick", () => this.zoomTo(null));
    plot.on("plotly_hover", (event) => this.hover(plot, event));
    plot.on("plotly_unhover", () => this.hover(plot, null));
    plot.on("plotly_click", (event) => {
      const mark = event.points.find((p) => p.data.meta?.role === "findings");
      const target = mark && document.getElementById(mark.customdata);
      if (target) this.show(target);
    });
  }

  // A range of the drawn axis, which may be time, as steps.
  steps(plot, [from, to]) {
    const raw = plot.data.find((t) => t.meta?.role === "raw");
    const value = (x) => (typeof x === "string" ? Date.parse(x.replace(" ", "T") + (x.endsWith("Z") || x.includes("+") ? "" : "Z")) : x);
    const inside = raw.customdata.filter((_, i) => value(raw.x[i]) >= value(from) && value(raw.x[i]) <= value(to));
    if (inside.length < 2) return this.zoom;
    return [inside[0], inside[inside.length - 1]];
  }

  zoomTo(range) {
    this.zoom = range;
    this.remember();
    this.root.querySelector("[data-reset-zoom]").hidden = !range;
    this.reload();
  }

  readZoom() {
    const query = new URLSearchParams(location.search);
    const from = Number(query.get("from")), to = Number(query.get("to"));
    return query.has("from") && query.has("to") ? [from, to] : null;
  }

  remember() {
    const query = new URLSearchParams(location.search);
    for (const key of ["axis", "smooth", "log", "robust", "from", "to"]) query.delete(key);
    for (const [key, value] of this.state()) query.append(key, value);
    const search = this.root.querySelector("[data-metric-search]")?.value;
    if (search) query.set("q", search); else query.delete("q");
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  }

  // One crosshair over all charts on the screen.
  hover(source, event) {
    cancelAnimationFrame(this.hovering);
    this.hovering = requestAnimationFrame(() => {
      for (const figure of this.mounted) {
        const plot = figure.querySelector("[data-plot]");
        if (plot === source || !figure.near || !plot.data) continue;
        if (event) Plotly.Fx.hover(plot, { xval: event.xvals?.[0] ?? event.points[0].x }, ["xy"]);
        else Plotly.Fx.unhover(plot);
      }
    });
  }

  bindControls() {
    if (!this.form) return;
    let wait;
    this.form.addEventListener("input", (event) => {
      if (event.target.name === "smooth") this.form.querySelector("output").textContent = Number(event.target.value).toFixed(2);
      clearTimeout(wait);
      wait = setTimeout(() => { this.remember(); if (event.target.name !== "q") this.reload(); }, 150);
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    const reset = this.root.querySelector("[data-reset-zoom]");
    reset.hidden = !this.zoom;
    reset.addEventListener("click", () => this.zoomTo(null));
    const search = this.root.querySelector("[data-metric-search]");
    search?.addEventListener("input", () => this.filter(search.value));
    if (search?.value) this.filter(search.value);
  }

  filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let any = false;
    for (const group of this.root.querySelectorAll("[data-prefix]")) {
      let found = 0;
      for (const figure of group.querySelectorAll("[data-chart]")) {
        const hit = words.every((word) => figure.dataset.metrics.toLowerCase().includes(word));
        figure.hidden = !hit;
        found += hit;
      }
      group.hidden = !found;
      if (words.length) group.open = found > 0;
      any ||= found > 0;
    }
    this.root.querySelector("[data-no-metric]").hidden = any;
  }

  async use(tool, figure) {
    const plot = figure.querySelector("[data-plot]");
    const title = figure.querySelector("b").textContent;
    if (tool === "full") figure.requestFullscreen?.();
    if (tool === "png" || tool === "svg") {
      if (!plot.data) await this.draw(figure);
      if (!plot.data) return;
      // A picture goes alone: it names its curves itself.
      const several = plot.data.filter((t) => t.meta?.role === "raw").length > 1;
      const legend = several && !plot.layout.showlegend ? { showlegend: true, legend: { ...plot.layout.legend, y: -0.1, yanchor: "top" } } : {};
      const layout = { ...plot.layout, ...legend, title: { text: title, x: 0.02 }, margin: { ...plot.layout.margin, t: 56 } };
      Plotly.downloadImage({ data: plot.data, layout }, { format: tool, width: 1200, height: 640, scale: 2, filename: title.replaceAll(/[^\p{L}\p{N}_-]+/gu, "-") });
    }
    if (tool === "pin") {
      const query = new URLSearchParams(location.search);
      const pins = new Set(query.getAll("pin"));
      const metrics = metricsOf(figure);
      const pinned = pins.has(metrics[0]);
      for (const metric of metrics) pinned ? pins.delete(metric) : pins.add(metric);
      query.delete("pin");
      for (const pin of pins) query.append("pin", pin);
      location.assign(`${location.pathname}${query.size ? `?${query}` : ""}#charts-title`);
    }
  }

  fillTable(figure) {
    const details = figure.querySelector("[data-table]");
    const fill = () => {
      if (!details.open || !figure.table) return;
      details.querySelector("[data-table-body]").replaceChildren(tableOf(figure.table, figure.querySelector("b").textContent));
    };
    if (!details.bound) { details.bound = true; details.addEventListener("toggle", fill); }
    fill();
  }

  // Append what has come since; one request for all mounted charts.
  async extend(last) {
    if (last <= this.lastStep || this.zoom) return;
    const from = this.lastStep + 1;
    const near = [...this.mounted].filter((f) => f.near);
    for (const figure of this.mounted) if (!figure.near) figure.stale = true;
    this.lastStep = last;
    if (near.some((f) => f.querySelector("[data-plot]").data === undefined)) return this.reload(near);
    const metrics = new Set(near.flatMap(metricsOf));
    if (!metrics.size) return;
    const url = new URL(`/api/v1/runs/${this.root.dataset.run}/series`, location.href);
    for (const metric of metrics) url.searchParams.append("metric", metric);
    url.searchParams.set("from", from);
    const reply = await fetch(url);
    if (!reply.ok) return;
    this.append(near, await reply.json());
  }

  append(figures, answer) {
    const axis = new FormData(this.form).get("axis");
    for (const figure of figures) {
      const plot = figure.querySelector("[data-plot]");
      const raw = plot.data.filter((t) => t.meta?.role === "raw");
      // Time axes, smoothing and long curves are the server's work.
      if (axis !== "step" || Number(new FormData(this.form).get("smooth")) > 0 || raw.some((t) => t.x.length > 1500)) {
        this.draw(figure);
        continue;
      }
      const traces = [], xs = [], ys = [];
      for (const trace of raw) {
        const points = pointsOf(answer, trace.meta.metric).filter(([step]) => step > (trace.x[trace.x.length - 1] ?? -1));
        if (!points.length) continue;
        traces.push(plot.data.indexOf(trace));
        xs.push(points.map((p) => p[0]));
        ys.push(points.map((p) => (Number.isFinite(p[1]) ? p[1] : null)));
        trace.customdata.push(...points.map((p) => p[0]));
      }
      if (!traces.length) continue;
      Plotly.extendTraces(plot, { x: xs, y: ys }, traces);
      this.makeRoom(plot, Math.max(...xs.flat()), ys.flat());
      if (ys.flat().includes(null)) this.draw(figure);
    }
  }

  // Both axes have fixed ends; newer steps and new extremes widen them.
  makeRoom(plot, step, values) {
    const change = {};
    const across = plot.layout.xaxis.range;
    if (across && step > across[1]) Object.assign(change, { "xaxis.range": [across[0], step + 0.006 * (step - across[0])], "xaxis.dtick": null });
    const up = plot.layout.yaxis.range;
    const scale = plot.layout.yaxis.type === "log" ? Math.log10 : (v) => v;
    const shown = values.filter((v) => v !== null).map(scale).filter(Number.isFinite);
    if (up && shown.length) {
      const least = Math.min(...shown), most = Math.max(...shown);
      const pad = 0.06 * (Math.max(up[1], most) - Math.min(up[0], least) || 1);
      if (least < up[0] || most > up[1]) change["yaxis.range"] = [Math.min(up[0], least - pad), Math.max(up[1], most + pad)];
    }
    if (Object.keys(change).length) Plotly.relayout(plot, change);
  }

  // From a finding to its place in the chart, which may not have been drawn yet.
  async point(id, step) {
    const figure = document.getElementById(id);
    if (!figure) return;
    this.show(figure);
    const plot = figure.querySelector("[data-plot]");
    if (!plot.data) await this.draw(figure);
    const curve = plot.data?.findIndex((t) => t.meta?.role === "raw") ?? -1;
    const at = curve < 0 ? -1 : plot.data[curve].customdata.findIndex((s) => s >= step);
    if (at >= 0) Plotly.Fx.hover(plot, { xval: plot.calcdata[curve][at].x }, ["xy"]);
  }

  show(element) {
    element.closest("details:not([open])")?.setAttribute("open", "");
    element.scrollIntoView({ block: "center", behavior: "instant" });
    element.classList.remove("pointed");
    void element.offsetWidth; // restart the animation
    element.classList.add("pointed");
    element.focus?.({ preventScroll: true });
  }
}

// Plotly knows no zones: moments are drawn as the viewer's clock showed them.
function inViewersZone({ data, layout }) {
  if (layout.xaxis.type !== "date") return;
  const local = (x) => {
    const moment = new Date(x);
    return new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, -1);
  };
  for (const trace of data) trace.x = trace.x.map(local);
  for (const shape of layout.shapes) {
    if (shape.xref !== "paper") [shape.x0, shape.x1] = [local(shape.x0), local(shape.x1)];
  }
}

function pointsOf(answer, metric) {
  const found = (answer.series ?? answer.items ?? []).find((s) => s.metric === metric);
  if (!found) return [];
  return found.steps.map((step, i) => [step, typeof found.values[i] === "number" ? found.values[i] : NaN]);
}

function tableOf(table, caption) {
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", caption);
  const element = scroll.appendChild(document.createElement("table"));
  element.className = "plain";
  element.createCaption().textContent = caption;
  element.caption.className = "hidden";
  const head = element.createTHead().insertRow();
  for (const column of table.columns) {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col"; cell.className = "num"; cell.textContent = column;
  }
  const body = element.createTBody();
  for (const row of table.rows) {
    const line = body.insertRow();
    row.forEach((value, i) => {
      const cell = line.appendChild(document.createElement(i ? "td" : "th"));
      if (!i) cell.scope = "row";
      cell.className = "num"; cell.textContent = value;
    });
  }
  return scroll;
}
