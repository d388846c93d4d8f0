// The instructor's page: how far each rater has got. It shows no means until the study is closed.
const $ = (id) => document.getElementById(id);
const WORDS = { instructions: "reading", training: "training", dummy: "rating", main: "rating", paused: "paused", break: "break",
  done: "done", closed: "gone", "not here": "not here yet" };
const GONE = 90; // seconds without a sign of life

const cell = (text) => Object.assign(document.createElement("td"), { textContent: text });
const ago = (seconds) => (seconds === null ? "" : seconds < 5 ? "now" : seconds < 120 ? `${Math.round(seconds)} s ago`
  : `${Math.round(seconds / 60)} min ago`);

function draw(state) {
  $("title").textContent = document.title = state.title;
  const active = state.raters.filter((rater) => rater.away !== null && rater.away < GONE && rater.phase !== "done").length;
  const done = state.raters.filter((rater) => rater.phase === "done").length;
  const silent = state.raters.length - active - done;
  const raters = `${state.raters.length} ${state.raters.length === 1 ? "rater" : "raters"}`;
  $("sum").textContent = state.closed ? `${raters}, ${done} done. Closed: no more votes are accepted.`
    : `${raters}: ${active} rating, ${done} done, ${silent} not heard from for ${GONE} s`;
  $("links").replaceChildren(...state.links.map((link) => Object.assign(document.createElement("p"), { textContent: link })));
  $("raters").replaceChildren(...state.raters.map((rater) => {
    const row = document.createElement("tr");
    const lost = rater.phase !== "done" && (rater.away === null || rater.away > GONE);
    row.className = rater.phase === "done" ? "done" : lost ? "lost" : "";
    row.append(cell(rater.name), cell(WORDS[rater.phase] || rater.phase), cell(`${rater.done} of ${rater.of}`),
      cell(rater.pace === null ? "" : rater.pace.toFixed(1)), cell(ago(rater.away)));
    return row;
  }));
  $("close").hidden = state.closed;
  $("open").hidden = !state.closed;
  $("report").hidden = !state.reported;
  const making = state.closed && !state.reported && !state.problem;
  $("problem").hidden = !state.problem && !making;
  $("problem").textContent = state.problem || (making ? "The report is being made ..." : "");
}

async function look() {
  try {
    const answer = await fetch("who", { cache: "no-store" });
    if (answer.ok) draw(await answer.json());
  } catch {
    $("sum").textContent = "The server does not answer.";
  }
}

async function tell(message) {
  await fetch("close", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message) });
  look();
}

$("close").addEventListener("click", () => {
  if (confirm("Close the study? No more votes will be accepted, and the report will be made.")) tell({});
});
$("open").addEventListener("click", () => tell({ open: true }));
look();
setInterval(look, 2000);
