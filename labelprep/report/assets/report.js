// Theme, copying, sorting, and the layers of the gallery. Without it every page is still whole.
(() => {
  "use strict";
  const root = document.documentElement;
  const remembered = {
    get: () => { try { return localStorage.getItem("labelprep-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("labelprep-theme", value); } catch { /* no storage here */ } },
  };
  const chosen = remembered.get();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  function say(text) {
    const status = document.querySelector(".status");
    status.textContent = text;
    setTimeout(() => { if (status.textContent === text) status.textContent = ""; }, 2500);
  }

  function themes() {
    for (const button of all("[data-theme-toggle]")) {
      const name = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", `${button.textContent} theme`); };
      button.hidden = false;
      name();
      button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; remembered.set(root.dataset.theme); name(); });
    }
  }

  function copying() {
    for (const button of all("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(button.dataset.copy);
          say("Copied");
        } catch {
          getSelection().selectAllChildren(button.previousElementSibling);
          say("Selected: copy with Ctrl+C");
        }
      });
    }
  }

  const valueOf = (row, column) => { const cell = row.cells[column]; return cell ? cell.dataset.value ?? cell.textContent.trim() : ""; };

  function compare(a, b, numbers) {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? Infinity : -Infinity; // what is unknown stays last
    return numbers ? Number(a) - Number(b) : a.localeCompare(b, undefined, { numeric: true });
  }

  function sorting() {
    for (const head of all("th[data-sort]")) {
      const numbers = head.dataset.sort === "number";
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const body = head.closest("table").tBodies[0];
        const first = numbers ? "descending" : "ascending";
        const other = numbers ? "ascending" : "descending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        for (const th of head.parentElement.cells) th.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [valueOf(row, head.cellIndex), row]);
        rows.sort(([a], [b]) => { const d = compare(a, b, numbers); return Number.isFinite(d) ? sign * d : d; });
        body.append(...rows.map(([, row]) => row));
      });
    }
  }

  // A canvas with the ids of a mask in each .layers; classes are switched by painting it anew.
  function gallery() {
    const tools = document.querySelector("[data-gallery]");
    if (!tools) return;
    const slider = tools.querySelector("input[type=range]");
    const shown = tools.querySelector("output");
    const boxes = all("input[type=checkbox][data-id]", tools);
    const layers = [];
    const colors = new Map(boxes.map((box) => [Number(box.dataset.id), box.dataset.color.split(" ").map(Number)]));
    tools.hidden = false;
    slider.addEventListener("input", () => { root.style.setProperty("--opacity", slider.value / 100); shown.textContent = `${slider.value} %`; });

    function paint({ canvas, ids, width, height }) {
      const visible = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.dataset.id)));
      const picture = new ImageData(width, height);
      for (let i = 0; i < ids.length; i++) {
        const color = visible.has(ids[i]) && colors.get(ids[i]);
        if (color) picture.data.set([...color, 255], 4 * i);
      }
      canvas.getContext("2d").putImageData(picture, 0, 0);
    }
    const repaint = () => layers.forEach(paint);
    for (const box of boxes) box.addEventListener("change", repaint);
    for (const button of all("[data-all]", tools)) {
      button.addEventListener("click", () => { for (const box of boxes) box.checked = button.dataset.all === "on"; repaint(); });
    }
    for (const mask of all("img[data-ids]")) {
      const source = new Image();
      source.onload = () => {
        const canvas = document.createElement("canvas");
        const { width, height } = source;
        Object.assign(canvas, { width, height, className: "mask" });
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", mask.alt);
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(source, 0, 0);
        const data = context.getImageData(0, 0, width, height).data;
        const ids = new Uint16Array(width * height);
        const wide = mask.dataset.wide === "yes";
        for (let i = 0; i < ids.length; i++) ids[i] = data[4 * i] | (wide ? data[4 * i + 1] << 8 : 0);
        const layer = { canvas, ids, width, height };
        layers.push(layer);
        paint(layer);
        mask.replaceWith(canvas);
        tools.dataset.ready = String(layers.length);
      };
      source.src = mask.dataset.ids;
    }
  }

  document.addEventListener("DOMContentLoaded", () => { themes(); copying(); sorting(); gallery(); });
})();
