"use strict";
// Draws the figures in the page's colors, again whenever those change, and copies the settings.
(() => {
  const PRINTED_WIDTH = 640;
  const template = JSON.parse(document.getElementById("template").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const printing = window.matchMedia("print");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const pointer = window.matchMedia("(pointer: fine)");

  function colored(layout) {
    const css = getComputedStyle(document.documentElement);
    const color = (name) => css.getPropertyValue(name).trim();
    const axis = (name) => ({ ...template.layout[name], gridcolor: color("--rule"), linecolor: color("--rule") });
    return {
      ...layout,
      template: {
        ...template,
        layout: {
          ...template.layout,
          font: { ...template.layout.font, color: color("--soft") },
          xaxis: axis("xaxis"),
          yaxis: axis("yaxis"),
          hoverlabel: {
            ...template.layout.hoverlabel,
            bgcolor: color("--paper"),
            bordercolor: color("--rule"),
            font: { ...template.layout.hoverlabel.font, color: color("--ink") },
          },
        },
      },
      ...(printing.matches ? { width: PRINTED_WIDTH, autosize: false } : { autosize: true }),
      ...(pointer.matches ? {} : { dragmode: false }),
    };
  }

  function draw(plot) {
    const { data, layout } = JSON.parse(document.getElementById(`${plot.id}-data`).textContent);
    return Plotly.react(plot, data, colored(layout), {
      responsive: true,
      displaylogo: false,
      displayModeBar: false,
      showTips: false,
    });
  }

  function drawRest(rest) {
    if (rest.length === 0) {
      document.documentElement.dataset.drawn = "";
      return;
    }
    draw(rest[0]);
    setTimeout(drawRest, 0, rest.slice(1));
  }

  const redraw = () => plots.forEach(draw);
  dark.addEventListener("change", redraw);
  printing.addEventListener("change", redraw);
  drawRest(plots);

  const button = document.getElementById("copy");
  if (button === null) return;
  button.hidden = false;
  const yaml = document.getElementById("yaml");
  const status = document.getElementById("copied");

  function copySelected() {
    const selection = window.getSelection();
    selection.selectAllChildren(yaml);
    const done = document.execCommand("copy");
    selection.removeAllRanges();
    return done ? Promise.resolve() : Promise.reject(new Error("not copied"));
  }

  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(yaml.textContent).catch(copySelected);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Select the text to copy it";
    }
    setTimeout(() => { status.textContent = ""; }, 3000);
  });
})();
