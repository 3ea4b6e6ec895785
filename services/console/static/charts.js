// Draws a picture above each table that asks for one, of the figures that stand in the table. The
// table stays as it is: who has no script reads it.
"use strict";
for (const table of document.querySelectorAll("table[data-chart]")) {
  const rows = [...table.tBodies[0].rows];
  const figures = rows.map((row) => Number(row.querySelector("[data-value]").dataset.value));
  const shown = rows.map((row) => row.querySelector("[data-value]").textContent);
  const holder = document.createElement("div");
  holder.className = "plot";
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  holder.append(canvas);
  table.closest("figure").insertBefore(holder, table.parentElement);
  new Chart(canvas, {
    type: table.dataset.chart,
    data: {
      labels: rows.map((row) => row.cells[0].textContent),
      datasets: [{label: table.dataset.label, data: figures, backgroundColor: "#2b6cb0", maxBarThickness: 40}],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      plugins: {
        legend: {display: false},
        tooltip: {callbacks: {label: (item) => shown[item.dataIndex]}},
      },
      scales: {y: {beginAtZero: true}},
    },
  });
}
