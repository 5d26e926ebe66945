// What pages cannot do by themselves: refresh their figures, zoom into a chart by dragging,
// offer the reader's own time zone, and close an open list by Escape or a click elsewhere.

const mark = document.querySelector("[data-live]");
if (mark) live(mark);
ownZone();
lists();
zoom();

// live refreshes the figures when the server says that there are new ones.
function live(mark) {
  const status = (state, word) => {
    mark.dataset.state = state;
    mark.textContent = word;
  };
  let source;
  let asking = false;
  let missed = false;
  const open = () => {
    source = new EventSource(mark.dataset.live);
    source.addEventListener("ready", () => {
      if (mark.dataset.state === "away") refresh();
      status("live", "Live");
    });
    source.addEventListener("figures", refresh);
    source.addEventListener("away", () => status("away", "Elasticsearch is away"));
    source.addEventListener("error", () => status("away", source.readyState === EventSource.CLOSED ? "Not live" : "Reconnecting…"));
  };
  const refresh = async () => {
    // An open list or a field in use would lose what the reader is doing.
    if (asking || document.hidden || document.querySelector("main details[open]")) {
      missed = true;
      return;
    }
    asking = true;
    missed = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
        if (fresh && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(fresh));
      }
      status("live", "Live");
    } catch {
      status("away", "Reconnecting…");
    } finally {
      asking = false;
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source.close();
      return;
    }
    open();
    if (missed) refresh();
  });
  addEventListener("pagehide", () => source.close());
  open();
  setInterval(() => missed && refresh(), 5000);
}

// ownZone adds the reader's own time zone to the list of zones.
function ownZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const list of document.querySelectorAll("select[name=zone]")) {
    if (!zone || [...list.options].some((o) => o.value === zone)) continue;
    list.add(new Option(`${zone} (yours)`, zone));
  }
}

// lists closes open lists.
function lists() {
  const close = (but) => {
    for (const list of document.querySelectorAll("details.drop[open], details.menu[open]")) {
      if (!but || !list.contains(but)) list.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const list = document.activeElement?.closest("details[open]");
    close();
    list?.querySelector("summary")?.focus();
  });
}

// zoom opens the page with the range of time that the reader drags over in a chart.
function zoom() {
  let from = null;
  let box = null;
  let chart = null;
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.svg.getScreenCTM().inverse());
    return Math.max(chart.left, Math.min(chart.right, point.x));
  };
  document.addEventListener("pointerdown", (event) => {
    const figure = event.target.closest?.("[data-zoom]");
    const svg = event.target.closest?.("svg");
    if (!figure || !svg || event.button !== 0 || event.pointerType === "touch") return;
    chart = plot(figure, svg);
    if (!chart) return;
    from = place(event);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (from === null) return;
    if (!box) {
      box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      box.setAttribute("class", "brush");
      box.setAttribute("y", chart.top);
      box.setAttribute("height", chart.bottom - chart.top);
      chart.svg.append(box);
    }
    const to = place(event);
    box.setAttribute("x", Math.min(from, to));
    box.setAttribute("width", Math.abs(to - from));
  });
  document.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [low, high] = [from, place(event)].sort((a, b) => a - b);
    from = null;
    box?.remove();
    box = null;
    if (high - low < 4) return;
    const moment = (x) => chart.from + ((x - chart.left) / (chart.right - chart.left)) * (chart.to - chart.from);
    const address = new URL(location.href);
    address.searchParams.set("from", new Date(moment(low)).toISOString());
    address.searchParams.set("to", new Date(moment(high)).toISOString());
    location.assign(address);
  });
}

// plot returns where the axis of time lies in a chart, and its moments. The places that react
// to the pointer fill the axis, one for each interval.
function plot(figure, svg) {
  const places = [...svg.querySelectorAll(".hit .target")].map((place) => place.getBBox());
  const from = Number(figure.dataset.from);
  const to = Number(figure.dataset.to);
  if (places.length < 2 || !(to > from)) return null;
  return {
    svg,
    from,
    to,
    left: Math.min(...places.map((place) => place.x)),
    right: Math.max(...places.map((place) => place.x + place.width)),
    top: Math.min(...places.map((place) => place.y)),
    bottom: Math.max(...places.map((place) => place.y + place.height)),
  };
}
