// Overlaid runs and reports: the same charts as on a run's page, without live updates.
import { Charts } from "./charts.js";

const section = document.querySelector("section.charts");
if (section) new Charts(section).watch();
