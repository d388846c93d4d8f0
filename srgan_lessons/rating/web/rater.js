// The rating page: one front end for two places. In a notebook it is an anywidget (the default export); on a web page
// `page.js` starts it. Python decides what is shown and what a vote does (session.py); a transport carries messages
// there and states back:
//
//   transport.send(message) -> Promise of a state      transport.picture(token) -> Promise of an address of the PNG
//   transport.waiting = (long) => {}                   called with true while an answer is overdue, then with false
//   transport.look() -> Promise of a state, asked for once; only a web page has it, where the study may be closed

const MARGIN = 12; // at least this many CSS pixels of grey around the largest picture
const TINY = 2.5; // screen pixels per CSS pixel; with this many, a picture at 1:1 is too small to judge
const LOOK = 5000; // ms between looks at whether the study is closed
const WORDS = { page: "this page", notebook: "the notebook" };

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};
const paragraph = (...children) => make("p", {}, ...children);
const list = (items, kind = "ul") => make(kind, {}, ...items.map((item) => make("li", {}, item)));

const about = (seconds) => {
  const minutes = Math.round(seconds / 60);
  if (seconds < 60) return "less than a minute";
  if (minutes < 60) return minutes === 1 ? "about 1 minute" : `about ${minutes} minutes`;
  return `about ${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
};

export function start(root, transport, { home = "page" } = {}) {
  let state = null; // what Python said last
  let shown = null; // the picture that is shown: { token, image, picture, since, pressed }
  let busy = false; // a message is on its way
  let inside = home === "page"; // whether the rater's last click or key was in here
  let turn = 0; // counts drawings; a drawing that is overtaken by the next one gives up
  let drawnFor = false; // whether the last drawing was a refusal
  let trouble = ""; // a message of the page itself, not from Python
  const loaded = new Map(); // token -> promise of an image, decoded

  root.classList.add("rater");
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Rating pictures");
  const bar = make("progress", { class: "rater-bar", "aria-label": "progress" });
  const where = make("span", { class: "rater-where" });
  const head = make("div", { class: "rater-head", hidden: true }, bar, where);
  const alert = make("p", { class: "rater-alert", role: "alert", hidden: true });
  const silence = make("p", { class: "rater-alert rater-silence", role: "alert", hidden: true });
  const note = make("p", { class: "rater-note", role: "status", hidden: true });
  const stage = make("div", { class: "rater-stage" });
  const buttons = make("div", { class: "rater-buttons" });
  const card = make("div", { class: "rater-card", hidden: true });
  root.replaceChildren(head, alert, silence, card, stage, buttons, note);

  silence.textContent = home === "page"
    ? "No connection. Your last rating is kept here and sent again until it arrives; just wait, or check the Wi-Fi."
    : "The notebook's kernel does not answer. If it is only busy, just wait. If it was stopped or restarted, run this " +
      "cell again: you continue where you were, and give at most this last rating again.";
  transport.waiting = (long) => { silence.hidden = !long; if (long && inside) silence.scrollIntoView({ block: "nearest" }); };

  // --- messages ------------------------------------------------------------------------------------------------------

  async function tell(message) {
    if (busy) return;
    busy = true;
    lock();
    try {
      state = await transport.send(message);
      trouble = "";
    } catch (error) {
      trouble = error.message;
    }
    busy = false;
    await draw();
  }

  function load(picture) {
    if (!loaded.has(picture.token)) {
      const image = make("img", { alt: "the picture to rate", draggable: "false" });
      const ready = transport.picture(picture.token).then((address) => {
        image.src = address;
        return image.decode();
      }).then(() => image);
      ready.catch(() => loaded.delete(picture.token)); // requested again when it is needed
      loaded.set(picture.token, ready);
    }
    return loaded.get(picture.token);
  }

  // --- drawing -------------------------------------------------------------------------------------------------------

  async function draw() {
    const mine = ++turn;
    shown = null;
    stage.replaceChildren(); // grey between pictures
    say(alert, trouble || (state ? state.error : ""));
    if (!state || (!state.picture && !state.phase)) return drawCard(trouble ? retry() : []);
    for (const token of [...loaded.keys()]) {
      if (![state.picture, state.next].some((picture) => picture && picture.token === token)) loaded.delete(token);
    }
    const refused = refusal();
    drawnFor = !!refused;
    if (!state.picture || refused) {
      drawCard(refused || (cards[state.phase] ? cards[state.phase]() : retry()));
      if (state.next && !refused) load(state.next).catch(() => {});
      drawNote();
      return;
    }
    const fromText = !card.hidden;
    card.hidden = true;
    for (const part of [head, stage, buttons]) part.hidden = false;
    drawHead();
    drawButtons();
    drawNote();
    room();
    if (inside) keepFocus();
    if (home === "notebook") {
      // If new text made the page shorter, the second half of a double click would hit what moves up from below, such as
      // JupyterLab's "click to add a cell"
      root.style.minHeight = `${Math.max(parseFloat(root.style.minHeight) || 0, root.offsetHeight)}px`;
      if (inside && fromText) {
        root.scrollIntoView({ block: "nearest" });
        buttons.scrollIntoView({ block: "nearest" }); // if not everything fits, show the picture and its buttons
      }
    }
    let image;
    try {
      image = await load(state.picture);
    } catch {
      if (mine !== turn) return;
      trouble = "The picture could not be loaded.";
      say(alert, trouble);
      drawCard(retry());
      return;
    }
    if (mine !== turn) return;
    const { picture, token } = state;
    shown = { token, picture, image, since: Infinity, pressed: false, first: ratio() };
    const here = shown;
    place();
    stage.append(image);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (shown !== here) return;
      here.since = performance.now();
      root.dataset.shown = picture.token;
      unlock();
    }));
    drawNote();
    if (state.next) load(state.next).catch(() => {});
  }

  function say(where, text) {
    where.textContent = text;
    where.hidden = !text;
    if (text && inside && where === alert) where.scrollIntoView({ block: "nearest" });
  }

  function drawHead() {
    bar.max = state.training ? state.training.of : state.of;
    bar.value = state.training ? state.training.number - 1 : state.done;
    if (state.training) {
      const { number, of, expected } = state.training;
      where.replaceChildren(`Example ${number} of ${of}: it stands for `, make("b", {}, `${expected}, ${state.scale[expected]}`),
        ". Please give it this rating.");
    } else {
      let text = `Picture ${state.done + 1} of ${state.of}, ${about(state.seconds_left)} left`;
      if (state.seconds_to_break !== null) text += `, break in ${about(state.seconds_to_break)}`;
      where.textContent = text;
    }
  }

  function drawButtons() {
    const button = (name, title, action, ...label) =>
      make("button", { type: "button", class: `rater-${name}`, title, disabled: true, onclick: action }, ...label);
    buttons.replaceChildren(
      button("undo", "take the last rating back (Backspace)", undo, "Undo"),
      ...Object.entries(state.scale).map(([score, word]) => button(`score rater-score-${score}`,
        `rate this picture ${score}, ${word} (key ${score})`, () => vote(Number(score)), make("b", {}, score), ` ${word}`)),
      button("pause", "hide the picture and stop the clock", pause, "Pause"),
    );
  }

  const all = () => buttons.querySelectorAll("button");
  const lock = () => { for (const button of [...all(), ...card.querySelectorAll("button")]) button.disabled = true; };
  const unlock = () => {
    for (const button of all()) button.disabled = false;
    buttons.querySelector(".rater-undo").disabled = !state.can_undo;
  };

  // --- 1:1: a pixel of the picture is a pixel of the screen -----------------------------------------------------------

  const zoom = () => (window.visualViewport ? visualViewport.scale : 1);
  const ratio = () => devicePixelRatio * zoom();

  // The stage is as high as the tallest picture, so that nothing below it moves between pictures
  function room() {
    const high = state ? Math.max(state.largest[1], 1) : 1;
    stage.style.height = `${Math.ceil(high / devicePixelRatio) + 2 * MARGIN}px`;
  }

  // The image keeps its own size in CSS pixels, so that the browser decodes and samples it unscaled. It is then drawn
  // smaller by exactly the ratio, from a corner on a whole screen pixel. Before a browser transforms a box it rounds
  // the box's position, some browsers to whole CSS pixels and some to whole screen pixels. So the box is placed where
  // both are whole, and the offset from there to the corner is part of the transformation, which is not rounded.
  function place() {
    if (!shown) return;
    const { image, picture } = shown;
    const dpr = devicePixelRatio;
    const box = stage.getBoundingClientRect();
    const [left, top] = origin();
    const [x, dx] = corner(box.left - left, box.width, picture.width, dpr);
    const [y, dy] = corner(box.top - top, box.height, picture.height, dpr);
    image.style.width = `${picture.width}px`;
    image.style.height = `${picture.height}px`;
    image.style.left = `${x}px`;
    image.style.top = `${y}px`;
    image.style.transform = `translate(${dx}px, ${dy}px) scale(${1 / dpr})`;
  }

  // A scrolling area is drawn as a whole and placed on the nearest whole screen pixel. So a corner must lie on a whole
  // pixel relative to the start of the scrolling area
  function origin() {
    for (let e = root.parentElement; e && e !== document.body; e = e.parentElement) {
      const scrolls = e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth;
      if (!scrolls || !/auto|scroll/.test(getComputedStyle(e).overflow)) continue;
      const { left, top } = e.getBoundingClientRect();
      return [left + e.clientLeft - e.scrollLeft, top + e.clientTop - e.scrollTop];
    }
    return [-scrollX, -scrollY];
  }

  function corner(start, length, size, dpr) {
    const target = Math.round((start + (length - size / dpr) / 2) * dpr) / dpr;
    const off = (place) => Math.abs(place * dpr - Math.round(place * dpr));
    let best = Math.floor(target);
    for (let near = best; near > target - 40 && off(best) > 1e-4; near--) if (off(near) < off(best)) best = near;
    return [best - start, target - best];
  }

  function frame() { // the room that the window has for the page, in CSS pixels
    let height = innerHeight;
    let width = innerWidth;
    for (let e = root.parentElement; e && e !== document.body; e = e.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(e).overflowY)) height = Math.min(height, e.clientHeight);
    }
    if (root.clientWidth) width = Math.min(width, root.clientWidth);
    return [width, height];
  }

  function fits() {
    if (!state) return true;
    const [width, height] = frame();
    const around = head.offsetHeight + buttons.offsetHeight;
    return state.largest[0] / devicePixelRatio <= width && state.largest[1] / devicePixelRatio + around <= height;
  }

  const tiny = () => devicePixelRatio >= TINY || Math.min(screen.width, screen.height) < 600;

  // If the study allows only large screens
  function refusal() {
    if (!state || state.screens !== "large" || ["done", "over", "closed", "away"].includes(state.phase)) return null;
    if (tiny()) {
      return [make("h3", {}, "Please use a larger screen"),
        paragraph("This study is rated on laptops and desktop screens. On this screen, a picture would be only " +
          `${Math.round(state.largest[0] / devicePixelRatio)} points wide, too small to judge. Open the link on a larger one.`)];
    }
    if (state.picture && !fits()) {
      return [make("h3", {}, "The window is too small"),
        paragraph("The pictures do not fit. Make the window as large as the screen, or reduce the zoom of the browser " +
          "(Ctrl and -, or Cmd and -): pictures keep their size; text and buttons shrink."), fullScreen()];
    }
    return null;
  }

  function drawNote() {
    const notes = [];
    if (state && state.picture && state.screens !== "large") {
      if (Math.abs(zoom() - 1) > 0.01) notes.push("You have zoomed in with your fingers or the touchpad: zoom out again.");
      if (!fits()) notes.push("The window is too small for the pictures: make it larger, or reduce the browser's zoom.");
      else if (tiny()) notes.push("On this screen the pictures look very small. Please rate them anyway; the size of the screen is recorded.");
    }
    if (state && state.picture && shown && shown.first !== ratio()) {
      notes.push("The zoom or the screen has changed; the picture is at 1:1 again.");
    }
    if (state && state.phase === "instructions") notes.push(...state.problems);
    note.textContent = notes.join(" ");
    note.hidden = notes.length === 0;
  }

  // A rater may click before reading the note. Only the values that are reported with the vote count
  const measured = () => {
    const box = shown.image.getBoundingClientRect();
    const round = (value) => Math.round(value * 1000) / 1000;
    return {
      device_pixel_ratio: round(ratio()), width: round(box.width), height: round(box.height),
      screen_width: screen.width, screen_height: screen.height, response_ms: Math.round(performance.now() - shown.since),
    };
  };

  // --- what a rater does ---------------------------------------------------------------------------------------------

  const ready = () => shown && !shown.pressed && !busy && performance.now() - shown.since >= state.guard;
  function vote(score) {
    if (!ready()) return;
    shown.pressed = true;
    tell({ do: "vote", token: shown.token, score, shown: measured() });
  }
  function undo() {
    if (shown) {
      if (!ready() || !state.can_undo) return;
      shown.pressed = true;
    }
    tell({ do: "undo", token: state.token });
  }
  function pause() {
    if (!ready()) return;
    shown.pressed = true;
    tell({ do: "pause", token: shown.token });
  }

  // --- pages of text -------------------------------------------------------------------------------------------------

  function drawCard(children) {
    for (const part of [head, stage, buttons]) part.hidden = true;
    card.replaceChildren(...children.filter(Boolean));
    card.hidden = false;
    const field = card.querySelector("input");
    if (field && home === "page") field.focus();
    else if (inside) keepFocus();
  }
  const action = (label, name, message) => make("button", { type: "button", class: `rater-${name}`,
    onclick: () => (typeof message === "function" ? message() : tell(message)) }, label);
  const row = (...children) => make("div", { class: "rater-row" }, ...children.filter(Boolean));
  const retry = () => [paragraph(), row(action("Try again", "next", { do: "state" }))];
  const fullScreen = () => (home === "page" && document.fullscreenEnabled && !document.fullscreenElement
    ? action("Full screen", "full", () => document.documentElement.requestFullscreen().catch(() => {})) : null);
  const code = () => (state.code ? paragraph("Your code is ", make("b", { class: "rater-code" }, state.code),
    ". Write it down: with it you can continue in another browser or on another machine.") : null);
  const saved = () => (home === "page"
    ? state.local ? "Each rating is saved at once, on this computer and nowhere else."
      : "Each rating is saved at once on the computer of whoever gave you the link. You can close this page and open it again."
    : "Each rating is saved at once, on the computer that runs this notebook and nowhere else. If the notebook stops, run its cell again: you go on where you were.");
  const undoable = () => (state.can_undo ? action("Undo my last rating", "back", undo) : null);

  const cards = {
    name() {
      const name = make("input", { class: "rater-name", placeholder: "name or pseudonym", maxlength: "200",
        autocomplete: "off", "aria-label": "name or pseudonym", value: state.rater || "" });
      const given = make("input", { class: "rater-given", placeholder: "code, if you have one", maxlength: "20",
        autocomplete: "off", "aria-label": "code" });
      const join = () => tell({ do: "name", name: name.value, code: given.value });
      for (const field of [name, given]) {
        field.addEventListener("keydown", (event) => { if (event.key === "Enter") join(); });
      }
      return [make("h3", {}, state.title || "Your opinion on pictures"),
        paragraph("Under which name should your ratings be saved? A pseudonym will do, as long as nobody else in this study has it. ",
          "You can stop at any time and continue later where you were."),
        state.codes ? paragraph("If you began in another browser, enter the same name and the code that you got there.") : null,
        state.plain && location.protocol !== "https:" ? paragraph(make("small", {}, "The connection is not encrypted: others in this network could " +
          "read your name and ratings. Use a pseudonym if that matters to you.")) : null,
        row(name, state.codes ? given : null, action("Continue", "next", join))];
    },
    instructions() {
      const again = state.resumed;
      const long = state.seconds_left > 60 * state.minutes;
      return [make("h3", {}, `Welcome${again ? " back" : ""}, ${state.rater}`),
        row(action(again ? "Go on" : "Start", "next", { do: "begin" }), fullScreen(),
          state.renames ? action("Another name", "other", { do: "rename" }) : null),
        paragraph(again ? `You have rated ${state.done} of ${state.of} pictures. Now you continue where you were. `
          : "You will see one picture after another. ", "Say how good each one looks:"),
        make("ul", { class: "rater-scale" }, ...Object.entries(state.scale).map(([score, word]) =>
          make("li", {}, make("b", {}, score), ` ${word}`))),
        paragraph("Judge how good the picture looks, not what it shows. There is no right or wrong, and your first " +
          "impression is what counts.", again ? "" : " The first few pictures are examples of the two ends of the scale."),
        paragraph("You can also rate with the keys 1 to 5, and take the last rating back with Backspace",
          home === "page" ? ". " : ", while the grey field is selected: click on it once if these keys do nothing. ",
          `It takes ${about(state.seconds_left)}${long ? ", with breaks" : ""}. You can pause at any time. ${saved()}`),
        code()];
    },
    paused: () => [make("h3", {}, "Paused"),
      paragraph("The picture is hidden and the clock is stopped. All your ratings are saved."),
      row(action("Go on", "next", { do: "go_on" }), fullScreen()), code()],
    break: () => [make("h3", {}, "Time for a break"),
      paragraph(`You have rated ${state.done} of ${state.of} pictures; the rest takes ${about(state.seconds_left)}. ` +
        "Stand up, look into the distance, and come back after five minutes, or another day: " +
        `open ${WORDS[home]} again${home === "notebook" ? " and run its cell" : ""}. All your ratings are saved.`),
      row(action("Go on", "next", { do: "begin" }), undoable()), code()],
    done: () => [make("h3", {}, `Thank you, ${state.rater}`),
      paragraph(`You have rated all ${state.of} pictures; the first few only warmed you up. This is how consistent your ratings are:`),
      list(state.summary),
      state.file ? paragraph("Your ratings are in the file ", make("code", {}, state.file),
        ". Nothing was sent anywhere: hand this file in to whoever asked you to rate, for example by mail or on the course page.")
        : paragraph("Your ratings have arrived; there is nothing to hand in. You can close this page, or leave it open: when the " +
          "study is closed, it shows what the class has found."),
      row(undoable(), state.download ? action("Download my ratings", "download", { do: "download" }) : null)],
    over: () => [make("h3", {}, "The study is closed"),
      paragraph("No more ratings are accepted. Thank you; all your ratings are kept."), ...result(state.result)],
    closed: () => [make("h3", {}, "Opened again elsewhere"),
      paragraph("The study was opened again under the same name. All your ratings are saved."),
      row(action("Go on here", "next", { do: "reopen" }))],
    away: () => [make("h3", {}, "This link is not right"), paragraph(state.why || "")],
  };

  function result(found) {
    if (!found) return [paragraph("This page will show the result when it is ready.")];
    const cell = (value) => make("td", {}, value === null ? "–" : value.toFixed(2));
    return [make("h3", {}, "You and the class"),
      make("table", { class: "rater-result" },
        make("thead", {}, make("tr", {}, ...["method", "you", "the class"].map((text) => make("th", {}, text)))),
        make("tbody", {}, ...found.map(({ method, you, all }) => make("tr", {}, make("th", {}, method), cell(you), cell(all))))),
      paragraph("Mean scores from 1 (bad) to 5 (excellent), over all pictures of a method.")];
  }

  // --- keys, focus, and what happens to the window --------------------------------------------------------------------

  const visible = (element) => element.getClientRects().length > 0;
  // The focus is lost when its button is hidden, or when JupyterLab gives it to the cell. Otherwise the rater moved it
  function keepFocus() {
    const focus = document.activeElement;
    const lost = !focus || focus === document.body || (focus !== root && focus.contains(root)) ||
      (root.contains(focus) && (!visible(focus) || focus.disabled));
    if (lost) root.focus({ preventScroll: true });
  }

  const keys = home === "page" ? document : root;
  const listening = new AbortController();
  const on = (target, type, call, capture = false) =>
    target && target.addEventListener(type, call, { signal: listening.signal, capture });

  on(keys, "keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.target.matches("input")) return;
    // Keys also count by their position, because on French keyboards digits need Shift
    const digit = /^[1-5]$/.test(event.key) ? event.key : !event.shiftKey && (/^(?:Digit|Numpad)([1-5])$/.exec(event.code) || [])[1];
    if (!state || !state.picture || !(digit || event.key === "Backspace")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    if (digit) vote(Number(digit));
    else undo();
  }, true);
  // Here JupyterLab would make headings for 1 to 6 and delete the cell for d, d. Saving with Ctrl+S still works
  on(window, "keydown", (event) => {
    const save = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
    if (root.contains(event.target)) root.toggleAttribute("data-lm-suppress-shortcuts", !save);
  }, true);
  // The second half of a double click was meant for what was there before, however long the page took to change
  on(root, "click", (event) => { if (event.detail > 1) event.stopPropagation(); }, true);
  const act = (event) => { if (home === "notebook" && event.target !== document.body) inside = root.contains(event.target); };
  on(window, "pointerdown", act, true);
  on(window, "keydown", act, true);

  const again = () => {
    const refused = !!refusal();
    if (state && refused !== drawnFor) draw();
    room();
    place();
    drawNote();
  };
  const density = () => { // a query is for one ratio only
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    on(query, "change", () => { again(); if (!listening.signal.aborted) density(); });
  };
  density();
  on(window, "resize", again);
  on(window.visualViewport, "resize", () => drawNote());
  on(window, "scroll", place, true);
  const watch = new ResizeObserver(place);
  watch.observe(stage);

  // Nobody looks at a hidden page: the clock stops until the rater goes on. A page that is left, for example by
  // reloading it, is also hidden for a moment
  let leaving = false;
  on(window, "pagehide", () => { leaving = true; });
  on(document, "visibilitychange", () => {
    if (document.hidden && !leaving && shown && !busy) tell({ do: "pause", token: shown.token });
    else if (!document.hidden && state && !busy) tell({ do: "state" });
  });
  on(window, "pageshow", (event) => { leaving = false; if (event.persisted) tell({ do: "state" }); }); // the back button

  // A rater who has rated everything may leave the page open: it shows by itself that the study is closed, and the result
  const waits = () => state && !state.local && (state.phase === "done" || (state.phase === "over" && !state.result));
  const looking = transport.look && setInterval(async () => {
    if (!waits() || busy || document.hidden) return;
    const before = state;
    const seen = await transport.look().catch(() => null);
    const news = seen && seen.phase === "over" && (before.phase === "done" || seen.result);
    if (!news || state !== before || busy) return;
    state = seen;
    draw();
  }, LOOK);

  tell({ do: "state" });
  return () => { clearInterval(looking); listening.abort(); watch.disconnect(); root.replaceChildren(); };
}

// --- in a notebook: messages of the widget, answered in order ------------------------------------------------------------

function kernel(model) {
  const mine = Math.random().toString(36).slice(2); // so that views of one widget do not take each other's answers
  const open = new Map();
  let count = 0;
  const addresses = [];
  const transport = { waiting() {} };
  const heard = (content, buffers) => {
    const call = open.get(content.id);
    if (!call) return;
    open.delete(content.id);
    call(content, buffers);
  };
  model.on("msg:custom", heard);
  const ask = (message) => new Promise((resolve) => {
    const id = `${mine}-${++count}`;
    const patience = setTimeout(() => transport.waiting(true), 6000);
    open.set(id, (content, buffers) => {
      clearTimeout(patience);
      transport.waiting(false);
      resolve([content, buffers]);
    });
    model.send({ ...message, id });
  });
  transport.send = async (message) => (await ask(message))[0].state;
  transport.picture = async (token) => {
    const [content, buffers] = await ask({ do: "picture", token });
    if (!buffers || !buffers.length) throw new Error(content.error || "no picture");
    const address = URL.createObjectURL(new Blob([buffers[0]], { type: "image/png" }));
    addresses.push(address);
    if (addresses.length > 6) URL.revokeObjectURL(addresses.shift());
    return address;
  };
  transport.stop = () => { model.off("msg:custom", heard); addresses.forEach((address) => URL.revokeObjectURL(address)); };
  return transport;
}

export default {
  render({ model, el }) {
    const root = document.createElement("div");
    el.append(root);
    const transport = kernel(model);
    const stop = start(root, transport, { home: "notebook" });
    return () => { stop(); transport.stop(); };
  },
};
