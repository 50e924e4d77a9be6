// What the chat view does not do itself: sources in a panel beside the answer, no way to another site, the sign-in page once the session has ended, and no question lost before the connection stands.
const french = document.documentElement.lang === "fr";
const say = french
  ? { close: "Fermer la source", panel: "Source", failed: "La source ne peut pas être ouverte. Rechargez la page, ou demandez l'accès à votre service informatique." }
  : { close: "Close the source", panel: "Source", failed: "The source cannot be opened. Reload the page, or ask your IT team for access." };

const signIn = () => {
  window.location.assign("/sign-in");
  setTimeout(signIn, 3000); // as long as this page lives: the view's own way to a page of its own cancels this one
};
const never = new Promise(() => {});
let isLeaving = false;
const plainFetch = window.fetch;
window.fetch = async (...given) => {
  if (isLeaving) return never;
  const answer = await plainFetch(...given);
  const address = String(given[0] && given[0].url ? given[0].url : given[0]);
  if (answer.status !== 401 && !address.endsWith("/logout")) return answer;
  isLeaving = true;
  setTimeout(signIn, 50);
  return never; // told of it, the view would go its own way, and ask more for a session that has ended
};

// What is copied is the answer as it is read: marks as [1], titles without addresses, no escapes.
const readable = (text) =>
  text
    .replace(/\[((?:\\.|[^\]\\])*)\]\(\/sources\/[^)]*\)/g, (_, label) => (/^\d+$/.test(label) ? `[${label}]` : label))
    .replace(/\[[^\]]*\]\(#again\)/g, "")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replaceAll("\u2060", "")
    .replaceAll("**", "");
if (window.ClipboardItem) {
  const Item = window.ClipboardItem;
  window.ClipboardItem = class extends Item {
    constructor(kinds) {
      const text = kinds["text/plain"];
      super(text ? { "text/plain": text.text().then((written) => new Blob([readable(written)], { type: "text/plain" })) } : kinds);
    }
  };
}

let openedFrom = null;
const closePanel = () => {
  document.getElementById("source-panel")?.remove();
  document.documentElement.classList.remove("source-open");
  openedFrom?.focus();
  openedFrom = null;
};
const openPanel = async (link) => {
  const from = link.closest("#source-panel") ? openedFrom : link;
  const answer = await window.fetch(link.href);
  const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
  const article = page.querySelector("article") || Object.assign(document.createElement("p"), { textContent: say.failed });
  closePanel();
  openedFrom = from;
  const panel = Object.assign(document.createElement("aside"), { id: "source-panel" });
  panel.setAttribute("aria-label", say.panel);
  const close = Object.assign(document.createElement("button"), { type: "button", className: "close", textContent: "×", onclick: closePanel });
  close.setAttribute("aria-label", say.close);
  panel.append(close, article);
  document.body.append(panel);
  document.documentElement.classList.add("source-open");
  close.focus();
  const cited = [".strip", "mark", ".cited"].map((place) => panel.querySelector(place)).find(Boolean);
  cited?.scrollIntoView({ block: "center", inline: "nearest" });
};
document.addEventListener("keydown", (event) => event.key === "Escape" && closePanel());
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link) return;
  if (link.origin !== window.location.origin) event.preventDefault();
  if (link.getAttribute("href") === "#again") {
    event.preventDefault();
    event.stopPropagation();
    askAgain(link);
    return;
  }
  const isSource = /^\/sources\/[0-9a-f]+\/[0-9a-f]+\/passages\//.test(link.pathname);
  if (!isSource || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  openPanel(link);
}, true);

// Entered before the connection stands, a question is dropped by the view: it goes out as soon as it can.
// Where the list of commands is open, the same key picks one.
let isHeld = false;
const sendButton = () => document.getElementById("chat-submit");
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "chat-input") return;
  const isEntered = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  const isPicked = document.querySelector(".command-item") !== null;
  isHeld = isEntered && !isPicked && event.target.value.trim() !== "" && Boolean(sendButton()?.disabled);
}, true);
new MutationObserver(() => {
  if (!isHeld || !sendButton() || sendButton().disabled) return;
  isHeld = false;
  sendButton().click();
}).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["disabled"] });

// The question above a link that says so is entered and sent once more.
const askAgain = (link) => {
  const isAbove = (asked) => asked.compareDocumentPosition(link) & Node.DOCUMENT_POSITION_FOLLOWING;
  const asked = [...document.querySelectorAll('[data-step-type="user_message"]')].filter(isAbove).pop();
  const input = document.getElementById("chat-input");
  if (!asked || !input) return;
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(input, asked.innerText.trim());
  isHeld = true;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};

// While the model is away, that stands above the input: the service says when, and takes it back.
let notice = "";
const tellNotice = () => {
  const told = document.getElementById("model-notice");
  if (told?.textContent === notice) return;
  told?.remove();
  if (!notice) return;
  const line = Object.assign(document.createElement("p"), { id: "model-notice", textContent: notice });
  line.setAttribute("role", "status");
  document.getElementById("message-composer")?.before(line);
};
window.addEventListener("message", (event) => {
  const isOurs = event.source === window && event.origin === window.location.origin;
  if (!isOurs || typeof event.data?.notice !== "string") return;
  notice = event.data.notice;
  tellNotice();
});
new MutationObserver(tellNotice).observe(document.documentElement, { childList: true, subtree: true });

// Beside the theme, owners have a way to their collections.
const owned = document.documentElement.dataset.owned;
const lead = () => {
  if (document.getElementById("owned-link")) return;
  document.getElementById("theme-toggle")?.before(Object.assign(document.createElement("a"), { id: "owned-link", href: "/owned", textContent: owned }));
};
if (owned) new MutationObserver(lead).observe(document.documentElement, { childList: true, subtree: true });
