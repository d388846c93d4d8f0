// What core widgets cannot do: keys, focus, and what the page knows of how a picture is shown. Runs in each view of the
// widget as the onload of a hidden image. Without it everything works but keys and these measurements.
(function connect(hook, tries) {
  const root = hook.closest(".opinion");
  if (!root) {
    // The parts of a widget are put together one after another
    if (tries > 0) setTimeout(() => connect(hook, tries - 1), 50);
    return;
  }
  if (root.dataset.connected) return;
  root.dataset.connected = "yes";
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Rating pictures");

  const GUARD = Number(hook.dataset.guard); // ms in which a click is the second of a double click
  const PATIENCE = 6000; // ms without an answer until something is said
  let showing = null; // number of the picture that is shown
  let since = Infinity; // when it was there, ms
  let pressed = -Infinity; // when it was rated, ms
  let inside = false; // whether the rater's last click or key was in here
  let reading = true; // a page of text, not a picture
  let answered = ""; // by the kernel, so far
  let asked = 0; // when a button was pressed that the kernel has not answered yet, ms

  const seen = (e) => e.getClientRects().length && getComputedStyle(e).visibility === "visible";
  const visible = (selector) => [...root.querySelectorAll(selector)].find(seen);

  // Height of the part of the page in which the widget scrolls
  const room = () => {
    let height = innerHeight;
    for (let e = root.parentElement; e; e = e.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(e).overflowY)) height = Math.min(height, e.clientHeight);
    }
    return height;
  };

  const report = (ms) => {
    const message = { ratio: devicePixelRatio * (window.visualViewport ? visualViewport.scale : 1) };
    const image = visible(".opinion-stage img");
    if (image) {
      const box = image.getBoundingClientRect();
      const stage = image.closest(".opinion-stage");
      const cut = box.height > room() || stage.scrollWidth > stage.clientWidth;
      Object.assign(message, { showing: image.dataset.showing, width: box.width, height: box.height, cut, ms });
    }
    const field = root.querySelector(".opinion-report input");
    field.value = JSON.stringify(message);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // The focus goes when its button is hidden, or when JupyterLab gives it to the cell. Elsewhere it is the rater's wish
  const lost = () => {
    const focus = document.activeElement;
    return !focus || (focus !== root && focus.contains(root)) || (root.contains(focus) && !seen(focus));
  };

  // What went wrong stands above the picture, perhaps out of sight
  let told = null;
  const tell = (alert) => {
    if (alert && alert !== told && inside) alert.scrollIntoView({ block: "nearest" });
    told = alert;
  };

  // The kernel shows another picture, or none
  const look = () => {
    const answer = root.querySelector(".opinion-answer").textContent; // the kernel counts what it has answered
    if (answer !== answered) {
      [answered, asked] = [answer, 0];
      delete root.dataset.silent;
    }
    const image = visible(".opinion-stage img");
    const now = image ? image.dataset.showing : "";
    tell(visible(".opinion-alert"));
    if (now === showing) return;
    [showing, since, pressed] = [now, Infinity, -Infinity];
    if (inside && lost()) root.focus({ preventScroll: true });
    if (visible(".opinion-text")) reading = true;
    if (!image) return;
    if (reading && inside) {
      root.scrollIntoView({ block: "nearest" });
      visible(".opinion-side").scrollIntoView({ block: "nearest" }); // where not all fits, the picture and its buttons
    }
    reading = false;
    const drawn = () => requestAnimationFrame(() => {
      if (showing !== now) return;
      since = performance.now();
      report();
    });
    image.decode().then(drawn, drawn);
  };
  new MutationObserver(look).observe(root, {
    subtree: true, childList: true, attributeFilter: ["style", "class", "disabled"],
  });

  // Before the button itself hears of it: only one click for a picture, and none before the picture was seen
  root.addEventListener("click", (event) => {
    if (!event.target.closest("button")) return;
    const now = event.timeStamp;
    if (event.target.closest(".opinion-side")) {
      if (now - since < GUARD || now - pressed < PATIENCE) {
        event.stopImmediatePropagation();
        return;
      }
      pressed = now;
      report(Math.round(now - since));
    }
    asked = now;
    setTimeout(() => {
      if (asked !== now) return;
      root.dataset.silent = "yes";
      tell(visible(".opinion-silence"));
    }, PATIENCE);
  }, true);

  // In here JupyterLab would make headings of 1 to 6, and delete the cell for d, d. Saving stays: Ctrl+S
  window.addEventListener("keydown", (event) => {
    const save = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
    if (root.contains(event.target)) root.toggleAttribute("data-lm-suppress-shortcuts", !save);
  }, true);

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.matches("input")) {
      if (event.key !== "Enter") return;
      event.target.blur(); // this sends the name
      visible(".opinion-next").click();
      return;
    }
    const side = visible(".opinion-side");
    // By place, too: on French keyboards digits need Shift
    const digit = /^[1-5]$/.test(event.key) ? event.key : !event.shiftKey && (/^Digit([1-5])$/.exec(event.code) || [])[1];
    const button = digit ? `.opinion-score-${digit}` : event.key === "Backspace" ? ".opinion-undo" : null;
    if (!side || !button) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) side.querySelector(button).click();
  }, true);

  const act = (event) => { if (event.target !== document.body) inside = root.contains(event.target); };
  window.addEventListener("pointerdown", act, true);
  window.addEventListener("keydown", act, true);

  window.addEventListener("resize", () => { if (root.isConnected && showing !== null) report(); });
  look();
  report();
})(this, 100);
