"use strict";

// The one chart: slots, running and waiting tasks, as the live part tells them.

const chart = document.getElementById("chart");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let plot = null;
function draw() {
  const told = JSON.parse(document.getElementById("figures").dataset.points);
  // Of one moment alone the axis would show years.
  const points = told[0].length > 1 ? told : told.map((line, i) => [i ? null : line[0] - 60, ...line]);
  if (plot) return plot.setData(points);
  const axis = {stroke: style("--dim"), grid: {stroke: style("--line"), width: 1}, ticks: {stroke: style("--line")}};
  plot = new uPlot({
    width: chart.clientWidth,
    height: 180,
    cursor: {y: false},
    scales: {x: {range: (u, low, high) => [Math.min(low, high - 60), high]}, y: {range: (u, low, high) => [0, Math.max(4, Math.ceil(high * 1.15))]}},
    axes: [axis, {...axis, size: 44}],
    series: [
      {},
      {label: "slots", stroke: style("--dim"), width: 1.5, dash: [5, 4]},
      {label: "running", stroke: style("--processing"), width: 2, fill: style("--processing-soft")},
      {label: "waiting", stroke: style("--cancelled"), width: 2},
    ],
  }, points, chart);
  addEventListener("resize", () => plot.setSize({width: chart.clientWidth, height: 180}));
}
draw();
document.addEventListener("htmx:sse:after:message", draw);
