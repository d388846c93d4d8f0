// Figures with controls: all settings were drawn beforehand and are in templates; the last control changes fastest.
// Numbers get a slider, instead of the list of choices that is shown without JavaScript.
"use strict";

const LEGIBLE = 640; // CSS pixels: the width below which a figure of a lesson does not shrink

for (const box of document.querySelectorAll(".controls")) {
  const sizes = JSON.parse(box.dataset.sizes);
  const pages = [...box.querySelectorAll(":scope > template")];
  const screen = box.querySelector(".screen");
  const controls = [...box.querySelectorAll("select")].map(asSlider);

  function draw() {
    const index = controls.reduce((sum, control, i) => sum * sizes[i] + Number(control.value), 0);
    screen.replaceChildren(pages[index].content.cloneNode(true));
    legible(screen);
  }
  for (const control of controls) control.addEventListener("input", draw);
}

function asSlider(select) {
  const words = [...select.options].map((option) => option.text);
  if (words.some((word) => Number.isNaN(Number(word)))) return select;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: words.length - 1, step: 1, value: select.value });
  const shown = document.createElement("output");
  const say = () => {
    shown.textContent = words[slider.value];
    slider.setAttribute("aria-valuetext", words[slider.value]);
  };
  slider.addEventListener("input", say);
  select.replaceWith(slider, shown);
  say();
  return slider;
}

// On a phone, drawings and charts are scrolled sideways: shrunk to its width, their words could not be read. Pictures are
// compared with each other, so all of them stay in view.
function legible(part) {
  for (const figure of part.querySelectorAll("svg[width]:not(:has(image))")) {
    figure.style.minWidth = `${Math.min(figure.getAttribute("width"), LEGIBLE)}px`;
  }
}
for (const output of document.querySelectorAll(".cell_output")) legible(output);

// Wide tables and code can also be scrolled with the keyboard. On paper, folded parts are open.
for (const wide of document.querySelectorAll("pre, .table-wrapper, .cell_output .output")) {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
}
const opened = [];
addEventListener("beforeprint", () => {
  opened.push(...document.querySelectorAll("article details:not([open])"));
  for (const folded of opened) folded.open = true;
});
addEventListener("afterprint", () => {
  for (const folded of opened.splice(0)) folded.open = false;
});
