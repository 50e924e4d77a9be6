// What a screen reader needs and the chat view does not say: names of icon buttons, and what its elements are.
const say = document.documentElement.lang === "fr"
  ? { removed: "Retirer",
      names: { '[id="new-chat-button"]': "Nouvelle conversation", '[id="theme-toggle"]': "Thème clair ou sombre", '[id="user-nav-button"]': "Votre compte", '[id="chat-settings-open-modal"]': "Choisir ce qui est interrogé", '[id="sidebar-trigger-button"], [data-sidebar="rail"], [data-sidebar="sidebar"]': "Conversations passées", '[id="search-chats-button"]': "Rechercher une conversation", '[id="chat-submit"]': "Envoyer", '[id="stop-button"]': "Arrêter", '[id="thread-options"]': "Actions de la conversation", '[id="chat-input"]': "Votre question", "[cmdk-input]": "Choisir dans la liste", "button:has(> .lucide-copy), button:has(> .lucide-check)": "Copier la réponse", "button:has(> .lucide-arrow-down)": "Aller à la fin", ".positive-feedback-off, .positive-feedback-on": "Utile", ".negative-feedback-off, .negative-feedback-on": "Pas utile" } }
  : { removed: "Remove",
      names: { '[id="new-chat-button"]': "New conversation", '[id="theme-toggle"]': "Light or dark theme", '[id="user-nav-button"]': "Your account", '[id="chat-settings-open-modal"]': "Choose what is asked", '[id="sidebar-trigger-button"], [data-sidebar="rail"], [data-sidebar="sidebar"]': "Past conversations", '[id="search-chats-button"]': "Search conversations", '[id="chat-submit"]': "Send", '[id="stop-button"]': "Stop", '[id="thread-options"]': "Actions on the conversation", '[id="chat-input"]': "Your question", "[cmdk-input]": "Choose from the list", "button:has(> .lucide-copy), button:has(> .lucide-check)": "Copy the answer", "button:has(> .lucide-arrow-down)": "Go to the end", ".positive-feedback-off, .positive-feedback-on": "Helpful", ".negative-feedback-off, .negative-feedback-on": "Not helpful" } };

// By selector: attributes that the view leaves out or gets wrong. An entry of the history is a link that holds a
// button that holds a button, so the outer button is said to be a link, and the inner one can be reached by key.
const attributes = {
  '[data-sidebar="sidebar"]:not([data-mobile])': { role: "navigation" },
  "h3[data-orientation]": { "aria-level": "2" },
  '[data-sidebar="menu"]:has(> #thread-history)': { role: "none" },
  '[data-sidebar="menu-item"] a > button': { role: "link", tabindex: "-1" },
  '[id="thread-options"]': { role: "button", tabindex: "0" },
  'img[alt^="Avatar for"]': { alt: "" },
};

const set = (element, name, value) => element.getAttribute(name) !== value && element.setAttribute(name, value);
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
const mend = () => {
  for (const [selector, name] of Object.entries(say.names)) each(selector, (one) => set(one, "aria-label", name));
  for (const [selector, all] of Object.entries(attributes))
    each(selector, (one) => Object.entries(all).forEach(([name, value]) => set(one, name, value)));
  each('[data-sidebar="rail"]', (one) => set(one, "title", one.getAttribute("aria-label")));
  each("[cmdk-root] .flex-wrap button", (one) => set(one, "aria-label", `${say.removed} ${one.parentElement.textContent}`));
  each("[cmdk-input]", (one) => set(one, "aria-expanded", String(Boolean(document.getElementById(one.getAttribute("aria-controls"))))));
};
new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
