// Server-sent events of a run, gathered into a few calls a second and paused in hidden tabs.
const GATHER_MS = 1000;
const STATUS_MS = 4000;
const RETRY_MS = 5000;

export function follow(url, { steps, changed, state }) {
  let source = null, last = 0, timer = null, statusAt = 0, verdictMoved = false;

  const flush = () => {
    timer = null;
    steps(last);
    if (verdictMoved || Date.now() - statusAt > STATUS_MS) {
      verdictMoved = false;
      statusAt = Date.now();
      Promise.resolve(changed()).catch(() => {});
    }
  };
  const soon = () => { timer ??= setTimeout(flush, GATHER_MS); };

  const open = () => {
    source = new EventSource(url);
    source.addEventListener("open", () => state("on"));
    source.addEventListener("error", () => {
      state("waiting");
      if (source?.readyState === EventSource.CLOSED) again(); // refused: browsers do not try anew
    });
    source.addEventListener("step", (event) => {
      const facts = JSON.parse(event.data);
      last = Math.max(last, facts.last_step ?? facts.step ?? 0);
      soon();
    });
    for (const kind of ["finding", "verdict", "run"]) {
      source.addEventListener(kind, () => { verdictMoved = true; soon(); });
    }
  };
  const again = () => {
    source = null;
    setTimeout(() => {
      if (document.hidden || source) return;
      open();
      verdictMoved = true;
      soon();
    }, RETRY_MS);
  };
  const close = () => { source?.close(); source = null; state("paused"); };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) { open(); verdictMoved = true; soon(); }
  });
  if (!document.hidden) open();
}
