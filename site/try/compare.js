/**
 * Shows pictures of one size side by side, with dividers that can be moved with a finger, the mouse or the arrow keys.
 * It needs only compare.css, so that notebooks can use it, too.
 *
 * @typedef {{label: string, element: HTMLElement}} Layer
 */

/** @param {HTMLElement} root emptied and filled @param {Layer[]} layers from left to right
 * @param {{width: number, height: number}} size of the pictures in pixels */
export function compare(root, layers, { width, height }) {
  /** @param {string} name @param {HTMLElement} parent */
  const add = (name, parent) => parent.appendChild(Object.assign(document.createElement("div"), { className: name }));
  root.replaceChildren();
  root.classList.add("compare");
  const style = { "--ratio": Math.min(Math.max(width / height, 1 / 3), 4), "--width": width, "--height": height };
  for (const [name, value] of Object.entries(style)) root.style.setProperty(name, String(value));
  const view = add("compare-view", root);
  const stack = add("compare-stack", view);
  const labels = layers.map(({ label, element }) => {
    stack.append(element);
    element.classList.add("compare-layer");
    const text = add("compare-label", root);
    text.append(Object.assign(document.createElement("span"), { textContent: label }));
    return text;
  });
  const positions = layers.slice(1).map((_, k) => (k + 1) / layers.length);
  const lines = positions.map(() => add("compare-line", root));
  const inputs = positions.map((_, k) => {
    const input = Object.assign(document.createElement("input"), { type: "range", min: "0", max: "1000", step: "10" });
    input.setAttribute("aria-label", `Divider between ${layers[k].label} and ${layers[k + 1].label}`);
    input.addEventListener("input", () => (stop(), move(k, Number(input.value) / 1000)));
    for (const event of ["pointerdown", "keydown"]) input.addEventListener(event, () => stop());
    return root.appendChild(input);
  });
  let frame = 0;
  const stop = () => cancelAnimationFrame(frame);

  /** Moves divider k to a position in 0..1; the others keep their order. @param {number} k @param {number} position */
  function move(k, position) {
    positions[k] = Math.min(Math.max(position, 0), 1);
    for (let j = 0; j < k; j++) positions[j] = Math.min(positions[j], positions[k]);
    for (let j = k + 1; j < positions.length; j++) positions[j] = Math.max(positions[j], positions[k]);
    draw();
  }

  function draw() {
    const edges = [0, ...positions, 1];
    const visible = view.clientWidth, whole = stack.offsetWidth, origin = view.scrollLeft - stack.offsetLeft;
    layers.forEach(({ element }, k) => {
      const left = origin + edges[k] * visible, right = origin + edges[k + 1] * visible;
      element.style.clipPath = `inset(0 ${whole - right}px 0 ${left}px)`;
      labels[k].style.left = `${100 * edges[k]}%`;
      labels[k].style.width = `${100 * (edges[k + 1] - edges[k])}%`;
      labels[k].hidden = (edges[k + 1] - edges[k]) * visible < 24 + 7 * layers[k].label.length;
    });
    positions.forEach((position, k) => {
      lines[k].style.left = `${100 * position}%`;
      inputs[k].value = String(Math.round(1000 * position));
      inputs[k].setAttribute("aria-valuetext", `${Math.round(100 * position)} %`);
    });
  }

  /** Lets the dividers glide to positions in 0..1. @param {number[]} goal @param {number} [swing] how far they overshoot */
  function glide(goal, swing = 0) {
    stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return goal.forEach((place, k) => move(k, place));
    const from = [...positions], begun = performance.now();
    const step = () => {
      const t = Math.min((performance.now() - begun) / 2200, 1);
      const eased = t * t * (3 - 2 * t), wave = swing * Math.sin(2 * Math.PI * eased);
      goal.forEach((place, k) => move(k, from[k] + (place - from[k]) * eased + wave));
      if (t < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  }

  /** Fits the pictures to the page, or shows one pixel as one pixel of the screen, from the middle. @param {boolean} exact */
  function zoom(exact) {
    root.style.setProperty("--density", String(devicePixelRatio));
    root.classList.toggle("compare-exact", exact);
    view.tabIndex = exact ? 0 : -1; // it can be scrolled only then
    view.scrollTo((view.scrollWidth - view.clientWidth) / 2, (view.scrollHeight - view.clientHeight) / 2);
    draw();
  }

  view.addEventListener("scroll", draw);
  new ResizeObserver(draw).observe(view);
  draw();
  return { move, glide, zoom };
}
