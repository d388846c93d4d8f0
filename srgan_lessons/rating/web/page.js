// The rating page as a web page: rater.js over HTTP. A rating without an answer is kept in the browser and sent again
// until it has one, even if the page was closed. From the token, the server knows whether it already has the rating.
import { start } from "/web/rater.js";

const KEPT = "srgan-lessons-rating";
const PATIENCE = 8000; // ms without an answer; then a request is aborted and sent again
const WAITS = [300, 700, 1500, 3000, 5000]; // ms between tries; the last value repeats
const invitation = location.pathname.split("/")[1] || "";
const transport = { waiting() {} };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const keep = (message) => { try { localStorage.setItem(KEPT, JSON.stringify(message)); } catch { /* private mode */ } };
const forget = () => { try { localStorage.removeItem(KEPT); } catch { /* private mode */ } };
const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; } };

const ask = (message, signal) => fetch("/rate", {
  method: "POST", credentials: "same-origin", cache: "no-store", signal,
  headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...message, invitation }),
});

async function post(message) {
  for (let tries = 0; ; tries++) {
    const given = new AbortController();
    const timer = setTimeout(() => given.abort(), PATIENCE);
    try {
      const answer = await ask(message, given.signal);
      if (answer.status <= 500) {
        const said = await answer.json();
        transport.waiting(false);
        if (!answer.ok) throw Object.assign(new Error(said.error || `The server refused this (${answer.status}).`), { final: true });
        return said;
      }
    } catch (error) {
      if (error.final) throw error;
    } finally {
      clearTimeout(timer);
    }
    if (tries > 0) transport.waiting(true);
    await pause(WAITS[Math.min(tries, WAITS.length - 1)]);
  }
}

async function send(message) {
  const acts = message.do === "vote" || message.do === "undo";
  if (acts) keep(message);
  try {
    return await post(message);
  } finally {
    if (acts) forget();
  }
}

transport.send = async (message) => {
  const before = kept();
  if (before && message.do === "state") return send(before);
  return send(message);
};
transport.look = async () => {
  const answer = await ask({ do: "state" }, AbortSignal.timeout(PATIENCE));
  return answer.ok ? answer.json() : null;
};
transport.picture = async (token) => `/picture/${token}`;

start(document.getElementById("rater"), transport, { home: "page" });
