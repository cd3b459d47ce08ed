// Charts of plotly and Vega, by libraries that the server has from its own environment.

const PLOTLY = "application/vnd.plotly.v1+json";
const VEGA = /^application\/vnd\.vega(lite)?\.v\d+[.+]json$/;
const SVG_OF = { scattergl: "scatter", scatterpolargl: "scatterpolar" };
const NEEDS_WEBGL =
  /gl$|^(scatter3d|surface|mesh3d|cone|streamtube|isosurface|volume|splom|parcoords)$/;
const NEEDS_TILES = /map(box)?$/;
const MAX_SVG_POINTS = 50_000;
const MAX_ROWS_MADE = 1_000_000;
const loading = new Map();

/** Whether a library is there. */
async function has(file, name) {
  if (!canRead) return false;
  if (!loading.has(file)) loading.set(file, load(file));
  try {
    await loading.get(file);
  } catch {
    return false;
  }
  return Boolean(window[name]);
}

async function load(file) {
  document.head.append(element("script", "", await resource(`ui://jupyter/${file}`)));
}

async function figure(section, data) {
  if (!await has("plotly.js", "Plotly")) return false;
  return chart(section, data, "plotly", async place => {
    const { data: traces = [], layout = {} } = data[PLOTLY];
    const drawn = drawable(Array.isArray(traces) ? traces : []);
    if (layout.height) place.style.height = "auto";
    await Plotly.newPlot(place, drawn, { autosize: true, ...layout }, {
      responsive: true, displaylogo: false, showLink: false, plotlyServerURL: "",
    });
    backed(place);
  });
}

/** Traces as they can be drawn here: without WebGL, or what it needs to be compiled, as SVG. */
function drawable(traces) {
  const types = new Set(traces.map(trace => String(trace?.type ?? "scatter")));
  if ([...types].some(type => NEEDS_TILES.test(type)))
    throw new Error("the tiles of its map are on the network, and a view reaches none.");
  if (![...types].some(type => NEEDS_WEBGL.test(type)) || hasWebgl()) return traces;
  return traces.map(trace => {
    const type = SVG_OF[trace.type] ?? trace.type;
    const size = type === trace.type ? 0 : points(trace);
    if (NEEDS_WEBGL.test(type) || size > MAX_SVG_POINTS)
      throw new Error(`${trace.type}${size ? ` with ${size.toLocaleString("en")} points` : ""} `
        + "needs WebGL, which this client does not allow.");
    return { ...trace, type };
  });
}

function hasWebgl() {
  try {
    new Function("");
    return document.createElement("canvas").getContext("webgl") !== null;
  } catch {
    return false;
  }
}

const points = trace => Math.max(...["x", "y", "r", "theta"].map(name =>
  trace[name]?.length ?? (trace[name]?.bdata?.length ?? 0) / 8));

/** Behind a figure without a background of its own, one on which its text can be read. */
function backed(place) {
  place.style.color = place._fullLayout?.font?.color ?? "#000";
  const [red, green, blue] = getComputedStyle(place).color.match(/[\d.]+/g).map(Number);
  if (0.3 * red + 0.6 * green + 0.1 * blue > 140) place.style.background = "#111";
}

/** The specification of a Vega or Vega-Lite chart, also of Altair's HTML; null for others. */
function vegaOf(data) {
  const type = Object.keys(data).find(type => VEGA.test(type));
  if (type) return typeof data[type] === "object" ? data[type] : null;
  const html = text(data["text/html"] ?? "");
  const from = html.lastIndexOf("})({"), to = html.lastIndexOf(', {"mode": "vega');
  if (from < 0 || to < from) return null;
  try {
    return JSON.parse(html.slice(from + 3, to));
  } catch {
    return null;
  }
}

async function grammar(section, spec, data) {
  if (!await has("vega.js", "vegaEmbed")) return false;
  return chart(section, data, "vega", async place => {
    const { usermeta, ...known } = spec;  // could change the options below
    if (makesMany(known)) throw new Error("it makes over a million rows itself.");
    const faults = [];
    // With an interpreter of expressions, since the policy lets no text become code.
    const how = { ast: true, actions: false, renderer: "svg", loader: LOADER };
    await vegaEmbed(place, known, { ...how, viewClass: await telling(faults, how) });
    if (faults.length) throw new Error(faults[0]);
  });
}

/** Loads nothing: what is not in the chart itself is missing, and links are the host's to open. */
const LOADER = {
  load(url) { return this.sanitize(url, {}); },
  async sanitize(url, { context }) {
    if (context === "href") follow(url);
    else if (/^data:image\//i.test(url)) return { href: url };
    else missing(url);
    throw new Error("The view loads nothing.");
  },
};

/** Views of Vega that keep what fails while they draw, which they else only write in the log. */
async function telling(faults, how) {
  // The library gives its class only by an object.
  const { view } = await vegaEmbed(element("div"), { marks: [] }, { ...how, mode: "vega" });
  view.finalize();
  const log = { level: () => log, error: (...words) => (faults.push(words.join(" ")), log),
    warn: () => log, info: () => log, debug: () => log };
  return class extends view.constructor {
    constructor(runtime, options) { super(runtime, { ...options, logger: log }); }
  };
}

/** Whether a chart has a sequence of numbers that would not end soon. */
function makesMany(spec) {
  if (typeof spec !== "object" || spec === null) return false;
  const { start = 0, stop, step = 1 } = spec.sequence ?? {};
  if (Math.abs((stop - start) / step) > MAX_ROWS_MADE) return true;
  return Object.values(spec).some(makesMany);
}

/** Have a chart drawn when its place is in the page, where it finds its width. */
function chart(section, data, kind, draws) {
  const place = element("div", `chart ${kind}`), before = element("div");
  if (!picture(before, data)) before.append(element("p", "note", "The chart is being drawn."));
  place.hidden = true;
  section.append(before, place);
  section.drawn = async () => {
    place.hidden = false;
    try {
      await draws(place);
      before.remove();
    } catch (error) {
      const why = /topojson/.test(error.message)
        ? "the outlines of its map are on the network, and a view reaches none." : error.message;
      place.replaceWith(element("p", "note", `This chart cannot be drawn: ${why}`));
      before.querySelector(".note")?.remove();
    }
    fit();
  };
  return true;
}
