// The page of a run: charts drawn when they are seen, zoomed and hovered together, kept live.
import { refresh } from "./app.js";
import { Charts } from "./charts.js";
import { follow } from "./live.js";

const root = document.querySelector("[data-run]");
const charts = new Charts(root);
charts.watch();

// A resumed run that goes back begins new curves.
const attempt = () => document.querySelector("[data-attempt]")?.dataset.attempt;
const opened = attempt();

const live = document.querySelector("[data-live]");
if (root.dataset.events) {
  follow(root.dataset.events, {
    steps: (last) => charts.extend(last),
    changed: () => refresh("#status").then(() => { if (attempt() !== opened) location.reload(); }),
    state: (word) => { live.hidden = false; live.dataset.state = word; live.querySelector("[data-live-word]").textContent = live.dataset[word] ?? word; },
  });
}

// Links between findings and their marks.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-goto-step]");
  if (link) charts.point(link.hash.slice(1), Number(link.dataset.gotoStep));
});
