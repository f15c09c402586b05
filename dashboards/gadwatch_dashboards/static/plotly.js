// The drawing library is fetched and compiled beside the page; charts ask for their data meanwhile.
let running = null;

export function plotly() {
  running ??= new Promise((resolve, reject) => {
    if (window.Plotly) { resolve(); return; }
    const script = document.querySelector("script[data-plotly]");
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(script.src)));
  });
  return running;
}

const rest = () => new Promise((resolve) => { setTimeout(resolve); });
let last = Promise.resolve();

// One drawing a task: between two the page answers its reader.
export function inTurn(draw) {
  const drawn = last.then(draw);
  last = drawn.then(rest, rest);
  return drawn;
}
