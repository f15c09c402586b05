// Overlaid runs: the same charts as on a run's page, without live updates.
import { Charts } from "./charts.js";

new Charts(document.querySelector("section.charts")).watch();
