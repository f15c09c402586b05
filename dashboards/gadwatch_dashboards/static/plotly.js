// The drawing library: it comes along with the page and runs once the first chart is asked for,
// so that the charts' data is on its way by then.
let running = null;

export function plotly() {
  running ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("link[data-plotly]").href;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => { running = null; script.remove(); reject(new Error(script.src)); });
    document.head.append(script);
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
