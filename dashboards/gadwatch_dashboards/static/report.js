// Draws the charts of a self-contained report from the JSON beside them.
for (const figure of document.querySelectorAll("figure.chart")) {
  const { data, layout } = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  Plotly.newPlot(figure.querySelector(".plot"), data, layout, { displayModeBar: false, responsive: true });
}
