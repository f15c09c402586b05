// Server-sent events of a run, gathered into a few calls a second and paused in hidden tabs.
const GATHER_MS = 1000;
const STEPS_MS = 3000;  // between two looks at new steps alone: many pages may be open
const STATUS_MS = 4000;
const RETRY_MS = 5000;

export function follow(url, { steps, changed, state }) {
  let source = null, last = 0, timer = null, flushedAt = 0, statusAt = 0, verdictMoved = false;

  const flush = () => {
    timer = null;
    flushedAt = Date.now();
    steps(last);
    if (verdictMoved || Date.now() - statusAt > STATUS_MS) {
      verdictMoved = false;
      statusAt = Date.now();
      Promise.resolve(changed()).catch(() => {});
    }
  };
  const soon = (rest = 0) => {
    timer ??= setTimeout(flush, Math.max(GATHER_MS, flushedAt + rest - Date.now()));
  };
  const hurry = () => {
    if (verdictMoved) return;
    verdictMoved = true;
    clearTimeout(timer);
    timer = null;
    soon();
  };

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
      soon(STEPS_MS);
    });
    for (const kind of ["finding", "verdict", "run"]) {
      source.addEventListener(kind, hurry);
    }
  };
  const again = () => {
    source = null;
    setTimeout(() => {
      if (document.hidden || source) return;
      open();
      hurry();
    }, RETRY_MS);
  };
  const close = () => { source?.close(); source = null; state("paused"); };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) { open(); hurry(); }
  });
  if (!document.hidden) open();
}
