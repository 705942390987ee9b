"use strict";
(() => {
  const { times, charts } = JSON.parse(document.getElementById("charts").textContent);
  const places = [...document.querySelectorAll(".chart")];
  const HEIGHT = 200;
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
  const long = new Intl.NumberFormat("en", { maximumSignificantDigits: 7 });
  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");
  const FORMATS = [[172800, "{YYYY}-{MM}-{DD}"], [600, "{HH}:{mm}"], [0, "{HH}:{mm}:{ss}"]];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function timeTicks(plot, ticks) {
    const span = plot.scales.x.max - plot.scales.x.min;
    const format = uPlot.fmtDate(FORMATS.find(([seconds]) => span >= seconds)[1]);
    return ticks.map((tick) => format(utc(tick)));
  }

  function range(fromZero, low, high) {
    if (low == null) return [0, 1];
    const pad = 0.08 * (high - low || Math.abs(high) || 1);
    const least = fromZero && low >= 0 ? 0 : low - pad;
    return [least, high > least ? high + pad : 1];
  }

  function series({ label, style }, index) {
    const stroke = colour(`c${index % 4}`);
    const value = (_plot, number) => (number == null ? "–" : long.format(number));
    if (style === "points") {
      const points = { show: true, size: 5, fill: stroke, space: 0 };
      return { label, value, stroke, paths: () => null, points };
    }
    const paths = style === "step" ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
    return { label, value, stroke, width: 1.5, paths, spanGaps: style === "step" };
  }

  function drawMarks(plot, marks) {
    const { left, top, width, height } = plot.bbox;
    plot.ctx.fillStyle = colour("mark");
    plot.ctx.globalAlpha = 0.5;
    for (const mark of marks) {
      const at = Math.round(plot.valToPos(mark, "x", true));
      if (at >= left && at <= left + width) plot.ctx.fillRect(at, top, 1, height);
    }
    plot.ctx.globalAlpha = 1;
  }

  function draw(place, chart) {
    place.textContent = "";
    const axis = { stroke: colour("faint"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: utc,
      cursor: { sync: { key: "time" }, y: false },
      scales: { y: { range: (_plot, low, high) => range(chart.fromZero, low, high) } },
      axes: [{ ...axis, space: 80, values: timeTicks }, { ...axis, size: 56, values: (_plot, ticks) => ticks.map((tick) => short.format(tick)) }],
      series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}", label: "UTC" }, ...chart.series.map(series)],
      hooks: { draw: [(plot) => drawMarks(plot, chart.marks)] },
    };
    return new uPlot(options, [times[chart.times], ...chart.series.map((line) => line.values)], place);
  }

  let plots = [];
  const drawAll = () => {
    plots.forEach((plot) => plot.destroy());
    plots = places.map((place, index) => draw(place, charts[index]));
  };
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => {
    plots.forEach((plot, index) => plot.setSize({ width: places[index].clientWidth, height: HEIGHT }));
  });
  document.documentElement.dataset.drawn = plots.length;
})();
