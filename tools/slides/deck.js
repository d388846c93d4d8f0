// Lays out a deck: turns what nbconvert made from a lesson into pages of 1280 x 720 in which nothing is cut off.
//
// A lesson is written to be read, not to be shown, so one of its slides may be longer than a screen. Here each slide is
// taken apart into blocks (a paragraph, a list, a piece of code, an output, a figure), and the blocks fill pages in
// order. Code and text keep their size; what does not fit goes to the next page.
"use strict";

const WIDTH = 1280, HEIGHT = 720, SIDES = 100, PADDING = 64;
const CODE = { largest: 22, smallest: 16, letter: 0.602 }; // pixels; width of a letter as a fraction of the size
const CODE_WIDTH = WIDTH - SIDES - 36;
const FIGURE = { least: 240, part: 0.45, scale: 2 }; // a figure beside text: least height in pixels, least part of its own height, most enlargement
const PICTURE = "img, svg[role=img]";
const ROOM = 0.4; // the part of a page that must be free for the next minor heading to stay on it

const make = (name, className = "", ...children) => {
  const node = document.createElement(name);
  node.className = className;
  node.append(...children);
  return node;
};

// --- blocks ----------------------------------------------------------------------------------------------------------

// Each block is {node, heading, kind, fragment}. Notes are returned among them, as {note}.
function blocksOf(section) {
  const blocks = [];
  for (const child of section.children) {
    if (child.matches("aside.notes")) blocks.push({ note: readable(child) });
    else if (child.matches(".fragment")) blocks.push(...blocksOf(child).map((block) => ({ ...block, fragment: true })));
    else if (child.matches(".jp-MarkdownCell")) blocks.push(...markdown(child));
    else if (child.matches(".jp-CodeCell")) blocks.push(...code(child));
  }
  return blocks;
}

// The speaker's window has a narrow column for notes and does not use our style sheet: code in notes gets inline styles.
function readable(note) {
  for (const pre of note.querySelectorAll("pre")) Object.assign(pre.style, { fontSize: "60%", whiteSpace: "pre-wrap" });
  return note;
}

function markdown(cell) {
  const body = cell.querySelector(".jp-RenderedMarkdown") ?? cell;
  return [...body.children].map((node) => {
    const heading = node.tagName.match(/^H([1-3])$/)?.[1];
    if (heading) node.querySelector(".anchor-link")?.remove();
    if (node.matches("pre, .highlight")) return codeBlock(node);
    return { node: make("div", "block", node), heading, kind: node.tagName === "TABLE" ? "table" : "text" };
  });
}

function code(cell) {
  const blocks = [];
  const source = cell.querySelector(".jp-InputArea .highlight");
  if (source && source.textContent.trim()) blocks.push(codeBlock(source));
  for (const output of cell.querySelectorAll(".jp-OutputArea-output")) {
    if (output.querySelector("pre") && !output.querySelector(`${PICTURE}, table, figure`)) {
      blocks.push({ ...codeBlock(output.querySelector("pre"), "out"), output: true });
      continue;
    }
    for (const node of output.children.length ? [...output.children] : [output]) {
      if (node.matches("script, style") && !node.textContent.trim()) continue;
      const figure = node.matches(PICTURE) || node.querySelector(PICTURE);
      blocks.push({ node: make("div", figure ? "block figure" : "block", node), kind: figure ? "figure" : "text" });
    }
  }
  return blocks;
}

function codeBlock(source, className = "code") {
  const pre = source.matches("pre") ? source : source.querySelector("pre");
  const lines = linesOf(pre);
  const longest = Math.max(...lines.map((line) => line.textContent.length));
  const fitting = Math.floor(CODE_WIDTH / (longest * CODE.letter));
  const size = Math.min(CODE.largest, Math.max(CODE.smallest, fitting));
  return { kind: "code", className, size, lines, node: codeNode(className, size, lines) };
}

function codeNode(className, size, lines) {
  const pre = make("pre");
  lines.forEach((line, i) => pre.append(line.cloneNode(true), i + 1 < lines.length ? "\n" : ""));
  const node = make("div", `block ${className}`, make("div", "highlight", pre));
  node.style.fontSize = `${size}px`;
  return node;
}

// The lines of a coloured piece of code, each as a span; a string over several lines is coloured in each line.
function linesOf(pre) {
  const lines = [make("span")];
  const walk = (node, wrap) => {
    if (node.nodeType === Node.TEXT_NODE) {
      node.textContent.split("\n").forEach((text, i) => {
        if (i) lines.push(make("span"));
        if (text) lines.at(-1).append(wrap(text));
      });
    } else {
      const within = node === pre ? wrap : (text) => make("span", node.className, wrap(text));
      for (const child of node.childNodes) walk(child, within);
    }
  };
  walk(pre, (text) => document.createTextNode(text));
  while (lines.length > 1 && !lines.at(-1).textContent.trim()) lines.pop();
  return lines;
}

// --- pages -----------------------------------------------------------------------------------------------------------

const room = make("div", "reveal measure"); // pages are measured here, where `height: auto` shows how much they need

function height(page) {
  room.replaceChildren(page);
  const folded = [...page.querySelectorAll("details")]; // only one of them is open at a time, so the tallest decides
  const heights = folded.map((details) => {
    details.open = true;
    const tall = page.scrollHeight;
    details.open = false;
    return tall;
  });
  return Math.max(page.scrollHeight, ...heights);
}

class Pages {
  constructor() {
    this.pages = [];
    this.title = ""; // of the current part of the lesson
    this.groups = []; // for each page, the numbers of its headings: notes are shown with all pages of a heading
    this.group = 0;
    this.notes = new Map();
  }

  open() {
    this.page = make("section", "page");
    this.pages.push(this.page);
    this.groups.push(new Set([this.group]));
    if (this.title) this.page.append(make("div", "running", this.title));
  }

  get isEmpty() {
    return !this.page || !this.page.querySelector(".block");
  }

  fits(node) {
    this.page.append(node);
    const fits = height(this.page) <= HEIGHT;
    node.remove();
    return fits;
  }

  add(block, next = []) {
    if (block.note) {
      this.notes.set(this.group, [...(this.notes.get(this.group) ?? []), block.note]);
      return;
    }
    if (block.heading) {
      this.group += 1;
      this.title = "";
      if (block.heading === "3" && this.hasRoom(block, next)) this.groups.at(-1).add(this.group);
      else this.open();
      this.page.append(block.node);
      this.title = block.node.textContent.trim();
      return;
    }
    if (!this.page) this.open();
    if (block.fragment) block.node.classList.add("fragment");
    if (block.kind === "figure") return this.addFigure(block, next);
    if (this.fits(block.node)) return void this.page.append(block.node);
    if (block.kind === "code") return this.addCode(block);
    if (this.isSaid(block, next)) return this.add({ note: make("aside", "notes", ...block.node.children) });
    this.newPage();
    if (this.fits(block.node)) return void this.page.append(block.node);
    this.addParts(block);
  }

  // A paragraph that would need a page of its own is for the speaker, unless something in it is bold.
  isSaid(block, next) {
    const follows = next.find((other) => !other.note);
    const plain = block.kind === "text" && block.node.querySelector(":scope > p:not(:has(strong))");
    return Boolean(plain) && (!follows || Boolean(follows.heading)) && !this.fits(block.node);
  }

  // A page must not have only a heading: what follows stays with it.
  newPage() {
    const blocks = this.page.querySelectorAll(".block");
    const onlyHeading = blocks.length === 1 && blocks[0].querySelector("h1, h2, h3");
    if (!this.isEmpty && !onlyHeading) this.open();
  }

  // Whether a minor heading goes on this page: it needs room for what follows it, and must not be at the very bottom.
  hasRoom(block, next) {
    if (this.isEmpty || this.free() < ROOM * HEIGHT) return false;
    const rest = next.filter((other) => !other.note);
    const end = rest.findIndex((other) => other.heading);
    const part = end < 0 ? rest : rest.slice(0, end);
    const whole = block.node.textContent.trim().startsWith("Exercise"); // its text and its stub are read together
    const together = [block, ...(whole ? part : part.slice(0, 1))].filter((other) => other.kind !== "figure");
    const fits = part.length > 0 && this.fits(make("div", "", ...together.map((other) => other.node)));
    return fits;
  }

  free() {
    return HEIGHT - height(this.page);
  }

  // How much room the blocks after a figure need: they stay with the figure if it does not have to shrink much.
  need(next) {
    const page = make("section", "page");
    const empty = height(page);
    const isOther = (block) => block.heading || block.kind === "figure" || (block.kind === "code" && !block.output);
    const end = next.findIndex(isOther);
    for (const block of end < 0 ? next : next.slice(0, end)) if (block.node) page.append(block.node);
    const needed = height(page) - empty;
    page.replaceChildren();
    return needed;
  }

  addFigure(block, next) {
    const images = [...block.node.querySelectorAll(PICTURE)];
    const figure = block.node.querySelector("figure"); // a slider, whose pictures are on top of each other
    this.page.append(block.node);
    height(this.page);
    const whole = figure ? figure : images[0];
    const box = whole.getBoundingClientRect(); // the size in the lesson, at most as wide as the page
    const around = block.node.getBoundingClientRect().height - box.height + 10;
    block.node.remove();
    let free = this.free() - around;
    if (!this.isEmpty && free < Math.max(Math.min(box.height, FIGURE.least), FIGURE.part * box.height)) {
      this.newPage();
      free = this.free() - around;
    }
    const needed = this.need(next);
    if (free - needed >= 0.6 * box.height) free -= needed;
    const largest = Math.min(FIGURE.scale, (WIDTH - SIDES) / box.width);
    const scale = Math.min(largest, free / box.height);
    if (figure) figure.style.zoom = scale;
    else if (images.length === 1) {
      const [wide, high] = [box.width, box.height].map((size) => `${size * scale}px`);
      Object.assign(whole.style, { width: wide, height: high, maxWidth: "none" });
    } else block.node.style.zoom = Math.min(1, scale);
    this.page.append(block.node);
  }

  // Puts as much as fits on this page, if that is a good part, and the rest on the next. Cuts at an empty line if it can.
  addCode(block) {
    let size = block.size;
    const whole = (lines) => codeNode(block.className, size, lines);
    let lines = block.lines;
    this.newPage();
    while (size > CODE.smallest && !this.fits(whole(lines))) size -= 1;
    while (lines.length) {
      let count = lines.length;
      while (count > 1 && !this.fits(whole(lines.slice(0, count)))) count -= 1;
      if (count < lines.length) count = goodCut(lines, count);
      const part = whole(lines.slice(0, count));
      if (block.fragment) part.classList.add("fragment");
      this.page.append(part);
      lines = lines.slice(count);
      while (lines.length && !lines[0].textContent.trim()) lines = lines.slice(1);
      if (lines.length) this.open();
    }
  }

  // Adds a list or table that is longer than a page: its rows continue on the next pages.
  addParts(block) {
    const whole = block.node.firstElementChild;
    const rows = whole.matches("ul, ol") ? [...whole.children] : [...whole.querySelectorAll("tbody > tr")];
    if (rows.length < 2) return void this.page.append(block.node);
    rows.forEach((row) => row.remove());
    let start = 1;
    const shell = () => {
      const copy = block.node.cloneNode(true);
      if (whole.matches("ol")) copy.firstElementChild.start = start;
      this.page.append(copy);
      return copy.querySelector("tbody") ?? copy.firstElementChild;
    };
    let holder = shell();
    for (const row of rows) {
      holder.append(row);
      if (height(this.page) > HEIGHT && holder.children.length > 1) {
        row.remove();
        this.open();
        holder = shell();
        holder.append(row);
      }
      start += 1;
    }
  }
}

function goodCut(lines, count) {
  for (let i = count; i > count / 2; i -= 1) if (!lines[i].textContent.trim()) return i;
  for (let i = count; i > count / 2; i -= 1) if (/^\S/.test(lines[i].textContent)) return i; // a line at the left edge
  return count;
}

// --- the deck --------------------------------------------------------------------------------------------------------

async function layOut() {
  await MathJax.startup.promise;
  await Promise.all([...document.fonts].map((face) => face.load().catch(() => null))); // before anything is measured
  await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
  document.body.append(room);
  const slides = document.querySelector(".reveal .slides");
  slides.querySelectorAll("details").forEach((details) => (details.name = "answer")); // opening one closes the others
  const pages = new Pages();
  const stacks = [];
  for (const slide of [...slides.children]) {
    const first = pages.pages.length;
    for (const subslide of slide.children) {
      let begun = false;
      blocksOf(subslide).forEach((block, i, blocks) => {
        // What begins without a heading answers the question above. It appears below the question at the next key, or on
        // a page of its own if it does not fit.
        if (!begun && !block.note && !block.heading) {
          if (!pages.isEmpty && block.kind === "text" && pages.fits(block.node)) block.fragment = true;
          else if (pages.isEmpty || !pages.isSaid(block, blocks.slice(i + 1))) pages.open();
        }
        begun ||= !block.note;
        pages.add(block, blocks.slice(i + 1));
      });
    }
    if (pages.pages.length > first) stacks.push(pages.pages.slice(first));
  }
  pages.pages.forEach((page, i) => {
    for (const group of pages.groups[i])
      for (const note of pages.notes.get(group) ?? []) page.append(note.cloneNode(true));
  });
  room.remove();
  slides.replaceChildren(...stacks.map((stack) => make("section", "", ...stack)));
}

layOut().then(() => {
  document.body.dataset.laidOut = "yes";
  return Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true, transition: "none", slideNumber: "c/t",
    navigationMode: "linear", controls: false, // arrow keys, space and swipes all go through every page
    pdfMaxPagesPerSlide: 1, pdfSeparateFragments: false, plugins: [RevealNotes],
  });
});
